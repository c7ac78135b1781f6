"""Train a landmark network on prepared faces: see python3 train.py --help."""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # left out by python3 -I and PYTHONSAFEPATH

from src.command_line import is_first, run_command
from src.config import MAX_MODEL_MB, ModelConfig
from src.datasets.names import counted
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.files import alone_in, check_target, check_writable, remove_left_over
from src.network import checkpoint
from src.network.conventions import print_left_out
from src.network.devices import choose_device, set_threads
from src.network.model import LandmarkNet, build_model
from src.network.profiling import Profile, profile
from src.network.stored import read_config
from src.training.loop import BEST_MODEL, RunFiles, fit
from src.training.options import configurations, describe_flags, parse, resume_command
from src.training.processes import run_in_processes
from src.training.world import join_world, leave_world


def main() -> None:
    flags, snapshot = parse()
    if flags.processes > 1 and "RANK" not in os.environ:
        sys.exit(run_in_processes(main, flags.processes))
    start = checkpoint.load(flags.init) if flags.init else snapshot
    model_config, training_config = configurations(flags, start)
    device = choose_device(flags.device)
    set_threads(flags.workers)
    training, validation = open_prepared(flags.dataroot), open_prepared(flags.val_dataroot)
    check_files(flags)  # before the first epoch, not after it
    network, cost, note = build_network(flags, model_config)
    with ExitStack() as held:
        if is_first():
            held.enter_context(alone_in(flags.snapshot, flags.best_model))
            for folder in {flags.log_file.parent, flags.summary.parent}:
                remove_left_over(folder)
        world = join_world(device.type)  # after all checks: a process that got here alone would wait for the others
        held.callback(leave_world, world)
        device = world.local_device(device)
        if world.is_first:
            print_left_out(start)
            if flags.resume:  # files copied without their times make another snapshot the latest
                print(f"going on from {flags.resume}")
            if note:
                print(f"note: {note}")
            print(
                f"{flags.backbone} + {flags.head} at {flags.input_size} px: {cost.parameters:,} parameters, "
                f"{cost.megabytes:.2f} MB, {cost.mmacs:.0f} MMACs; {len(training)} training and {len(validation)} "
                f"validation faces on {device}" + (f", {world.size} processes" if world.size > 1 else "")
            )
        result = fit(
            network.to(device),
            training,
            validation,
            config=training_config,
            files=RunFiles(
                flags.snapshot, flags.best_model, flags.log_file, flags.summary, flags.keep, describe(flags)
            ),
            world=world,
            validation_batch=flags.val_batchsize,
            resume=snapshot,
        )
    if not world.is_first:
        return
    if result.interrupted:
        print(f"stopped and saved; go on with: {resume_command(flags)}")
        sys.exit(130)
    epochs = counted(result.epochs, "epochs")
    print(f"best validation NME {result.best_nme:.3f} % in {epochs}: {flags.best_model / BEST_MODEL}")


def build_network(flags: argparse.Namespace, config: ModelConfig) -> tuple[LandmarkNet, Profile, str]:
    """The network before its first step, its cost, and a note on how --init's model differs, else "".

    Raises InputError for a network above the challenge's size limit without --allow_large.
    """
    network, note = build_model(config, seed=flags.seed), ""
    if flags.init:
        try:
            note = checkpoint.initialize(network, flags.init)
        except InputError as error:
            stored = read_config(ModelConfig, checkpoint.load(flags.init)["model"])
            raise InputError(f"{error}{describe_flags(stored, config)}") from None
    cost = profile(network)
    if cost.megabytes > MAX_MODEL_MB and not flags.allow_large:
        raise InputError(
            f"{flags.backbone} with {flags.head} takes {cost.megabytes:.1f} MB; expected at most {MAX_MODEL_MB:g} "
            "(--allow_large trains it as a teacher)"
        )
    return network, cost, note


def check_files(flags: argparse.Namespace) -> None:
    """Raise InputError or OSError if the run could not write its files, or if one would replace another or the teacher.

    The model of --init may be replaced: it is only read at the beginning.
    """
    for folder in (flags.snapshot, flags.best_model):
        check_writable(folder)
    best = (flags.best_model / BEST_MODEL).resolve()
    written = [best, flags.log_file.resolve(), flags.summary.resolve()]
    for file in (flags.log_file, flags.summary):
        check_target(file)
    if len(set(written)) < len(written):
        raise InputError(f"expected --log_file, --summary and {best} to be three files, found one named twice")
    if flags.teacher and checkpoint.locate(flags.teacher).resolve() in written:
        raise InputError(f"--teacher {flags.teacher}: the run would replace it; name another --best_model")


def open_prepared(path: Path) -> PreparedFaces:
    """A prepared folder; earlier systems gave the path of its list.txt, which also works."""
    return load_prepared(path.parent if path.name == "list.txt" else path)


def describe(flags: argparse.Namespace) -> str:
    """The flags, one per line, for the beginning of train.logs."""
    return "\n".join(f"{name}: {value}" for name, value in sorted(vars(flags).items()))


if __name__ == "__main__":
    run_command(main)
