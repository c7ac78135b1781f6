"""From squares to points_unit, and from a prepared set to its errors."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from src.datasets.prepared import PreparedFaces
from src.errors import InputError
from src.geometry import apply_affine, crop_affine, invert_affine
from src.metrics import point_errors
from src.network.model import LandmarkNet
from src.predict.looks import look, look_mirrored
from src.transforms import crop_batch


def predict_unit(model: LandmarkNet, squares: Tensor, *, flip: bool = False, looks: int = 1) -> np.ndarray:
    """Predict points_unit (B, K, 2) float64 for squares (B, S, S, 3) uint8 on the model's device.

    With `flip` the prediction is averaged with that of the mirrored picture; `looks` of 2 or 3 are those of
    `src.predict.looks`. The caller sets `model.eval()`. Raises InputError for both at once.
    """
    if flip and looks > 1:
        raise InputError(f"expected flip averaging or {looks} looks, found both; the second look is mirrored")
    predict = partial(_predict_once, model)
    points_unit = look(predict, squares, looks).mean(axis=0)
    return (points_unit + look_mirrored(predict, squares)) / 2 if flip else points_unit


def evaluate(model: LandmarkNet, faces: PreparedFaces, *, batch_size: int = 64, flip: bool = False) -> np.ndarray:
    """Errors (N, K) of the model's points in percent of sqrt(H * W) of the source picture; nothing is augmented."""
    model.eval()
    faces = faces.with_points(model.config.points)
    device = next(model.parameters()).device
    points_unit = [
        predict_unit(model, torch.from_numpy(np.array(faces.images[start : start + batch_size])).to(device), flip=flip)
        for start in range(0, len(faces), batch_size)
    ]
    return unit_errors(np.concatenate(points_unit), faces)


def unit_errors(points_unit: np.ndarray, faces: PreparedFaces) -> np.ndarray:
    """Errors (N, K) of predictions points_unit (N, K, 2) for all faces, in percent of sqrt(H * W) of their pictures."""
    return point_errors(apply_affine(invert_affine(faces.affine), points_unit), faces.points_image, faces.size)


@torch.inference_mode()
def _predict_once(model: LandmarkNet, squares: Tensor) -> np.ndarray:
    config = model.config
    images = crop_batch(squares, config.crop, config.input_size).contiguous(memory_format=torch.channels_last)
    points_input = model.predict(images).double().cpu().numpy()
    return apply_affine(invert_affine(crop_affine(config.crop)), points_input)
