"""Calibration pictures for quantization: real crops, from which int8 takes the ranges of its activations."""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.datasets.prepared import load_prepared
from src.network.model import LandmarkNet
from src.parser import at_least
from src.transforms import crop_batch


def add_calibration_arguments(parser: argparse.ArgumentParser, *, faces: int) -> None:
    """Add the flags that say on which faces, and on how many of them, the ranges are measured."""
    parser.add_argument(
        "--calibration", type=Path, default="data/AFLW_train_data", help="prepared faces: int8's ranges, test crops"
    )
    parser.add_argument("--calibration_faces", type=at_least(1), default=faces, help="how many of them")


def calibration_crops(model: LandmarkNet, folder: str | Path, count: int) -> Tensor:
    """At most `count` crops (N, 3, R, R) in [0, 1], spread evenly over a prepared folder.

    Raises InputError as `load_prepared` does.
    """
    faces = load_prepared(folder)
    chosen = np.linspace(0, len(faces) - 1, min(count, len(faces))).round().astype(int)
    return crop_batch(torch.from_numpy(faces.images[chosen]), model.config.crop, model.config.input_size)
