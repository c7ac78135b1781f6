"""Calibration pictures for quantization: real crops, from which int8 takes the ranges of its activations."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.datasets.prepared import load_prepared
from src.network.model import LandmarkNet
from src.transforms import crop_batch


def calibration_crops(model: LandmarkNet, folder: str | Path, count: int) -> Tensor:
    """At most `count` crops (N, 3, R, R) in [0, 1], spread evenly over a prepared folder.

    Raises InputError as `load_prepared` does.
    """
    faces = load_prepared(folder)
    chosen = np.linspace(0, len(faces) - 1, min(count, len(faces))).round().astype(int)
    return crop_batch(torch.from_numpy(faces.images[chosen]), model.config.crop, model.config.input_size)
