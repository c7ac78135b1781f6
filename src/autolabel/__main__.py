"""Label pictures by the models that they help to train: see python3 -m src.autolabel --help."""

import argparse
from dataclasses import replace
from pathlib import Path

from src.autolabel.experiment import compare
from src.autolabel.output import MERGED, check_merged, count_pseudo, write_output
from src.autolabel.rounds import Settings, best_round, run_rounds
from src.autolabel.task import Task, hide_labels, open_task
from src.autolabel.training import Setup
from src.command_line import run_command
from src.datasets.challenge import read_folder
from src.datasets.listing import describe_left_out, list_pictures
from src.datasets.names import counted
from src.errors import InputError
from src.files import alone_in, check_writable
from src.markup import NUM_POINTS
from src.network import checkpoint
from src.network.conventions import print_left_out
from src.network.devices import choose_device, set_threads
from src.parser import Parser, at_least
from src.training.options import configurations, parse
from src.visualization.sheet import MOST_TILES

DEFAULTS = Settings()
# Flags of train.py for its data and files; here --labeled, --unlabeled and --out take their place.
_TRAIN_ONLY = ("--dataroot", "--val_dataroot", "--source_weights", "--snapshot", "--keep",
               "--best_model", "--log_file", "--summary", "--resume", "--processes")  # fmt: skip


def parse_arguments() -> tuple[argparse.Namespace, argparse.Namespace]:
    """This command's own flags, and those of train.py. Raises InputError for values outside their range."""
    parser = Parser(
        prog="python3 -m src.autolabel",
        description="Label pictures by the models that they help to train, until the held-out NME no longer falls.",
        epilog="Every model and training flag of train.py may follow (--backbone, --head, --recipe, --init, --seed, "
        "--end_epoch or --minutes of the first round, ...): python3 train.py --help. The same command again goes on.",
        allow_abbrev=False,
    )
    parser.add_argument("--unlabeled", type=Path, help="folder of pictures without labels")
    parser.add_argument("--labeled", type=Path, required=True, help="folder of pictures with an annot.pkl")
    parser.add_argument("--rounds", type=at_least(0), default=DEFAULTS.rounds, help="after the first, on human labels")
    parser.add_argument("--val_dir", type=Path, help="annotated folder that decides when to stop, never trained on")
    parser.add_argument(
        "--held_out", type=float, default=0.2, help="without --val_dir: share (from 1 on: count) of labels kept apart"
    )
    parser.add_argument("--out", type=Path, default="output/autolabel", help="folder of everything that is written")
    parser.add_argument(
        "--accept", type=float, default=DEFAULTS.accept, help="share of held-out faces that each region accepts"
    )
    parser.add_argument("--copies", type=at_least(1), default=DEFAULTS.copies, help="of each human label, every round")
    parser.add_argument(
        "--finetune", type=float, default=DEFAULTS.finetune, help="later rounds' share of the length and learning rate"
    )
    parser.add_argument(
        "--channel_shift", type=float, default=0.0, help="largest random shift of each color channel, out of 255"
    )
    faces = at_least(0, MOST_TILES)
    parser.add_argument("--review", type=faces, default=24, help="least certain faces on a sheet; 0 is none")
    parser.add_argument("--skip_broken", action="store_true", help="leave out broken labeled pictures, do not stop")
    experiment = parser.add_argument_group("experiment: what is it worth?")
    experiment.add_argument(
        "--labeled_count", type=int, metavar="N", help="hide all but N labels of --labeled, and measure against them"
    )
    experiment.add_argument("--report_dir", type=Path, help="annotated folder that is only measured, at the end")
    own, rest = parser.parse_known_args()
    misplaced = [word for word in rest if _is_train_only(word.split("=")[0])]
    if misplaced:
        raise InputError(f"{misplaced[0]} is for train.py; give --labeled, --unlabeled, --val_dir and --out instead")
    _check(own)
    if own.val_dir:
        parser.refuse(["held_out"], "goes without --val_dir, whose faces decide")
    return own, parse(rest)[0]


def main() -> None:
    own, train = parse_arguments()
    model, training = configurations(train)
    if model.points != NUM_POINTS:
        raise InputError(f"expected --points {NUM_POINTS}, as an annot.pkl has them, found {model.points}")
    set_threads(train.workers)
    check_writable(own.out)
    augmentation = replace(training.augmentation, channel_shift=own.channel_shift / 255)
    setup = Setup(
        model,
        replace(training, source_weights=(), augmentation=augmentation),  # a recipe's weights are for its own sources
        device=choose_device(train.device),
        init=train.init,
        validation_batch=train.val_batchsize,
        skip_broken=own.skip_broken,
    )
    settings = Settings(own.rounds, own.accept, own.copies, own.finetune)
    task = choose_task(own, seed=train.seed)
    if own.report_dir:
        read_folder(own.report_dir)  # refused before the rounds, not after them
    print_left_out(checkpoint.load(train.init) if train.init else None)
    print(f"{len(task.human)} labeled, {len(task.held_out)} held-out, {len(task.names)} unlabeled faces")
    for remark in dict.fromkeys(task.human.remarks + task.held_out.remarks):
        print(remark)
    for folder in dict.fromkeys(filter(None, (own.labeled, own.val_dir))):
        if count := count_pseudo(folder):
            effect = "the held-out NME is too low" if folder == (own.val_dir or own.labeled) else "they count as human"
            print(f"{folder}: {counted(count, 'labels')} made by an earlier run, so that {effect}")
    if own.unlabeled is not None:
        if copies := len(list_pictures(own.unlabeled)) - len(task.names):
            print(f"{counted(copies, 'unlabeled pictures')} left out, copies of others or of labeled ones")
        if left_out := describe_left_out(own.unlabeled):
            print(left_out)
    check_merged(own.out / MERGED)  # before the rounds, not after them
    with alone_in(own.out):
        rounds = run_rounds(task, setup, settings, own.out)
        write_output(task, rounds, own.out, review=own.review)
        best = best_round(rounds)
        print(f"best: round {best.round}, held-out NME {best.held_out_nme:.3f} %")
        print(f"  {own.out / MERGED}  {own.out / 'best.pth.tar'}  {own.out / 'review.png'}  {own.out / 'rounds.csv'}")
        if task.truth is not None:
            table = compare(task, setup, settings, rounds, out=own.out, report_dir=own.report_dir)
            print(table.to_string(index=False, float_format="%.3f"))


def choose_task(own: argparse.Namespace, *, seed: int) -> Task:
    """The faces that the flags name."""
    if own.labeled_count is not None:
        return hide_labels(own.labeled, own.labeled_count, val_dir=own.val_dir, held_out=own.held_out, seed=seed)
    return open_task(own.unlabeled, own.labeled, val_dir=own.val_dir, held_out=own.held_out, seed=seed)


def _is_train_only(flag: str) -> bool:
    """Whether train.py would take a word as one of _TRAIN_ONLY, also abbreviated."""
    return len(flag) > 2 and any(name.startswith(flag) for name in _TRAIN_ONLY)


def _check(own: argparse.Namespace) -> None:
    if (own.unlabeled is None) == (own.labeled_count is None):
        raise InputError("expected one of --unlabeled DIR and --labeled_count N")
    if own.report_dir and own.labeled_count is None:
        raise InputError("--report_dir belongs to an experiment; give --labeled_count N as well")
    if not 0 <= own.channel_shift <= 255:
        raise InputError(f"expected --channel_shift of 0 to 255, found {own.channel_shift}")
    if not 0 < own.accept <= 1 or not own.held_out > 0 or not own.finetune > 0:
        raise InputError("expected --accept in (0, 1], --held_out and --finetune above 0")


if __name__ == "__main__":
    run_command(main)
