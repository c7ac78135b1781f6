"""Every flag of train.py that differs from those of the run that left the snapshot: refused or said, never silent."""

import argparse
import shutil
from pathlib import Path

import pytest
from commands import assert_refused, run
from conftest import Run

from src.training.flags import build_parser
from src.training.options import parse

pytestmark = pytest.mark.slow

# What may differ without a word: where the run's files are, and what its weights do not depend on.
SILENT = {"snapshot", "best_model", "log_file", "summary", "keep", "val_batchsize", "allow_large", "device"}
LEFT_OUT = {"help", "resume", "processes"}  # test_resume.py has the number of processes
FLAGS = {action.dest: action for action in build_parser()._actions if action.dest not in LEFT_OUT}
VALUES = {"dataroot": "AFLW_validation_data", "val_dataroot": "AFLW_train_data", "device": "cpu"}


def _another(flag: argparse.Action, now: object, copied: Run) -> list[object]:
    """The words that give a flag another value than it has now."""
    word = flag.option_strings[0]
    if flag.nargs == 0:
        return [flag.option_strings[-1] if now else word]
    if flag.choices:
        return [word, next(choice for choice in flag.choices if choice != now)]
    if flag.dest in VALUES:
        return [word, copied.prepared / VALUES[flag.dest] if flag.type is Path else VALUES[flag.dest]]
    if flag.dest in ("init", "teacher"):
        return [word, copied.best]
    if flag.type is Path:
        return [word, copied.folder / "other" / "best_model"]
    if isinstance(now, list | tuple):
        return [word, *([0.9 * value for value in now] or [1])]
    return [word, (2 * now or 1) if flag.type is int else (0.9 * now or 0.5)]


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_that_differs_is_refused_or_said(name: str, trained: Run, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "run")
    copied = Run(tmp_path / "run", trained.prepared)
    resume = ("--resume", copied.snapshots / "checkpoint_epoch_2.pth.tar", "--end_epoch", 2, "-j", 1)
    flags, _ = parse([str(word) for word in (*resume, *copied.flags)])
    outcome = run("train.py", *resume, *copied.flags, *_another(FLAGS[name], getattr(flags, name), copied))
    if outcome.code:
        assert_refused(outcome)
    elif name not in SILENT:
        expected = 2 if name == "val_dataroot" else 1  # training faces to validate on are said, too
        assert outcome.out.count("note: ") == expected, outcome
