"""Command lines for tests of wrong input, and a pickle that would run code."""

import os
from pathlib import Path

from commands import SMALL
from conftest import data_flags, file_flags


def preparation(root: Path, *flags: object) -> tuple:
    return "preparation.py", "--data_root", root, "--out_root", root.parent / "out", "--image_size", 32, *flags


class RunsCode:
    """Its pickle leaves a file behind if something unpickles it."""

    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/landmark_code_ran",)


def training(prepared: Path, folder: Path, *flags: object) -> tuple:
    return "train.py", *SMALL, "--end_epoch", 1, *data_flags(prepared), *file_flags(folder), *flags


def prediction(model: Path, pictures: Path, out: Path) -> tuple:
    return "test.py", "--model_path", model, "--test_dataroot", pictures, "--out_dir", out
