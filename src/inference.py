"""From squares to points_unit, and from a prepared set to its errors."""

import numpy as np
import torch
from torch import Tensor

from src.datasets.prepared import PreparedFaces
from src.geometry import apply_affine, crop_affine, invert_affine
from src.markup import flip_permutation
from src.metrics import point_errors
from src.model import LandmarkNet
from src.transforms import crop_batch


@torch.inference_mode()
def predict_unit(model: LandmarkNet, squares: Tensor, *, flip: bool = False) -> np.ndarray:
    """Predict points_unit (B, K, 2) float64 for squares (B, S, S, 3) uint8 on the model's device.

    With `flip` the prediction is averaged with that of the mirrored picture. The caller sets `model.eval()`.
    """
    config = model.config
    images = crop_batch(squares, config.crop, config.input_size)
    images = images.contiguous(memory_format=torch.channels_last)
    points_input = model.predict(images).double().cpu().numpy()
    if flip:
        mirrored = model.predict(images.flip(-1)).double().cpu().numpy()[:, flip_permutation(config.points)]
        mirrored[..., 0] = 1 - mirrored[..., 0]
        points_input = (points_input + mirrored) / 2
    return apply_affine(invert_affine(crop_affine(config.crop)), points_input)


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
