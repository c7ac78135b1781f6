"""Prune a model in rounds: python3 -m src.compression.prune --model_path best.pth.tar --target_mb 1.

Each round removes the least important channels, trains the rest to imitate the unpruned model, and measures it. Rounds
end at the target size, or once the validation NME exceeds its limit: the model at --out is always the smallest one
within the limit, an ordinary model file. To continue from it, give it as --model_path and the unpruned one as
--reference.
"""

import argparse
import copy
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from src.command_line import run_command
from src.compression.importance import importance, remove_channels
from src.config import AUGMENTATIONS, TrainingConfig
from src.datasets.loader import TrainingBatches
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.evaluate import evaluate
from src.files import atomic_path, check_target, write_text
from src.metrics import nme
from src.network import checkpoint
from src.network.channels import channel_groups
from src.network.conventions import print_left_out
from src.network.losses import build_criterion
from src.network.model import LandmarkNet
from src.network.profiling import milliseconds, profile
from src.parser import Parser, add_model_path, at_least, title
from src.training.distillation import DISTILLATIONS, build_companion
from src.training.loop import BEST_MODEL
from src.training.runs import train_in
from src.visualization.compression import pruning_rounds

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Round:
    """A row of the table. nme: percent, after training; nme_before: right after removal. milliseconds: one thread."""

    round: int
    nme_before: float
    nme: float
    mmacs: float
    megabytes: float
    milliseconds: float


def prune(
    model: LandmarkNet,
    training: PreparedFaces,
    validation: PreparedFaces,
    *,
    config: TrainingConfig,
    target_mb: float,
    rounds: int,
) -> Iterator[tuple[Round, LandmarkNet]]:
    """Yield the model unchanged, then a smaller one each round, down to `target_mb` by equal factors.

    A round changes the model yielded before it, so save or measure that one first. config: of each round's training.
    Raises InputError for a target that cannot be reached, and KeyboardInterrupt after Ctrl-C during training.
    """
    faces = training.with_points(model.config.points)
    batches = TrainingBatches(faces, batch_size=config.batch_size, seed=config.seed, device=_CPU)
    start, before = profile(model).megabytes, nme(evaluate(model, validation))
    yield _measure(0, model, before, before), model
    for number in range(1, rounds + 1):
        goal = start * (target_mb / start) ** (number / rounds)
        remove_channels(model, importance(model, batches), megabytes=goal)
        before = nme(evaluate(model, validation))
        model, after = fine_tune(model, training, validation, config)
        yield _measure(number, model, before, after), model


def _measure(number: int, model: LandmarkNet, before: float, after: float) -> Round:
    cost = profile(model)
    return Round(number, before, after, cost.mmacs, cost.megabytes, milliseconds(model))


def fine_tune(
    model: LandmarkNet, training: PreparedFaces, validation: PreparedFaces, config: TrainingConfig
) -> tuple[LandmarkNet, float]:
    """The model after a short training, and its validation NME in percent."""
    with tempfile.TemporaryDirectory() as name:
        result = train_in(Path(name), model, training, validation, config=config, device=_CPU)
        return checkpoint.load_model(Path(name) / BEST_MODEL, points=None)[0], result.best_nme


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    add_model_path(parser, "the model to prune")
    parser.add_argument("--reference", type=Path, help="the unpruned model, if --model_path is a pruned one")
    parser.add_argument("--dataroot", type=Path, default="data/AFLW_train_data", help="prepared training faces")
    parser.add_argument("--val_dataroot", type=Path, default="data/AFLW_validation_data", help="the same to validate")
    parser.add_argument("--target_mb", type=float, default=1.0, help="size to reach, 10^6 bytes")
    parser.add_argument("--rounds", type=at_least(1), default=8, help="steps on the way there")
    parser.add_argument("--minutes_per_round", type=float, default=10.0, help="of training")
    parser.add_argument("--max_loss", type=float, default=15.0, help="percent of the reference's NME to lose at most")
    parser.add_argument("--distill", choices=DISTILLATIONS, default="heatmap", help="what of the reference is imitated")
    parser.add_argument("--augmentation", choices=AUGMENTATIONS, default="looks", help="of the training faces")
    parser.add_argument("--base_lr", type=float, default=3e-4, help="peak learning rate")
    parser.add_argument("--train_batchsize", type=at_least(2), default=64, help="faces per step")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of batches and augmentation")
    parser.add_argument(
        "--out", type=Path, default="output/pruned.pth.tar", help="the model; a table and a plot go next to it"
    )
    arguments = parser.parse_args()
    for name in ("target_mb", "minutes_per_round", "max_loss", "base_lr"):
        if not getattr(arguments, name) > 0:
            raise InputError(f"expected --{name} above 0, found {getattr(arguments, name)}")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out)  # before the work, not after it
    model, content = checkpoint.load_model(arguments.model_path, points=None)
    print_left_out(content)
    reference = arguments.reference or arguments.model_path
    if arguments.out.resolve() in (path.resolve() for path in (arguments.model_path, reference)):
        raise InputError(f"--out {arguments.out}: expected another file than the model, which every round imitates")
    if profile(model).megabytes <= arguments.target_mb:
        raise InputError(f"{arguments.model_path}: expected more than --target_mb {arguments.target_mb:g}, found less")
    training, validation = load_prepared(arguments.dataroot), load_prepared(arguments.val_dataroot)
    limit = nme(evaluate(checkpoint.load_model(reference, points=None)[0], validation))
    limit *= 1 + arguments.max_loss / 100
    config = TrainingConfig(
        minutes=arguments.minutes_per_round,
        batch_size=arguments.train_batchsize,
        learning_rate=arguments.base_lr,
        teacher=str(reference) if arguments.distill != "none" else None,
        distill=arguments.distill,
        seed=arguments.seed,
        augmentation=AUGMENTATIONS[arguments.augmentation],
    )
    build_companion(model, config, build_criterion(config.criterion, model.head.criteria))  # refused before the work
    narrow = copy.deepcopy(model)
    alike = [torch.ones(group.width) for group in channel_groups(narrow)]
    remove_channels(narrow, alike, megabytes=arguments.target_mb)  # a size out of reach, as well
    done: list[Round] = []
    steps = prune(model, training, validation, config=config, target_mb=arguments.target_mb, rounds=arguments.rounds)
    for row, smaller in steps:
        done.append(row)
        _write_rounds(arguments.out, done, limit)
        tqdm.write(
            f"round {row.round}: {row.megabytes:.2f} MB, {row.mmacs:.1f} MMACs, {row.milliseconds:.2f} ms, "
            f"NME {row.nme:.3f} % (before training {row.nme_before:.3f}, limit {limit:.3f})"
        )
        if row.nme > limit:
            print(f"stopped: round {row.round} lost more than {arguments.max_loss:g} %; {arguments.out} is from before")
            break
        checkpoint.save(arguments.out, checkpoint.model_content(smaller, nme=row.nme, training=config))


def _write_rounds(out: Path, rounds: list[Round], limit: float) -> None:
    """Write the table and the plot next to the model."""
    stem, table = out.name.removesuffix("".join(out.suffixes)), pd.DataFrame(map(asdict, rounds))
    write_text(out.with_name(f"{stem}_rounds.csv"), table.to_csv(index=False, float_format="%.6g"))
    with atomic_path(out.with_name(f"{stem}_rounds.png")) as temporary:
        pruning_rounds(table, limit=limit).savefig(temporary, format="png")


if __name__ == "__main__":
    run_command(main)
