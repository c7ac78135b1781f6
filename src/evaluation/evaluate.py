"""Errors of a model, in memory or from any kind of file, on prepared faces."""

import numpy as np
from torch import nn

from src.datasets.prepared import PreparedFaces
from src.geometry import apply_affine, invert_affine
from src.metrics import point_errors
from src.network.model import LandmarkNet
from src.predict.looks import look_and_combine
from src.predict.runtimes import Runtime
from src.predict.torch_runtime import TorchRuntime


def evaluate(
    model: LandmarkNet | Runtime, faces: PreparedFaces, *, batch_size: int = 64, flip: bool = False
) -> np.ndarray:
    """Errors (N, K) of the model's points in percent of sqrt(H * W) of the source picture, without augmentation.

    model: a network, which is set to evaluation mode, or a runtime from `src.predict.runtimes.open_model`. flip:
    average the prediction with that for the mirrored picture.
    """
    runtime = TorchRuntime(model) if isinstance(model, nn.Module) else model
    faces = faces.with_points(runtime.config.points)
    parts = []
    for start in range(0, len(faces), batch_size):
        squares = np.array(faces.images[start : start + batch_size])
        parts.append(look_and_combine(runtime.predict_unit, squares, flip=flip))
    return unit_errors(np.concatenate(parts), faces)


def unit_errors(points_unit: np.ndarray, faces: PreparedFaces) -> np.ndarray:
    """Errors (N, K) of predictions points_unit (N, K, 2) for all faces, in percent of sqrt(H * W) of their pictures."""
    return point_errors(apply_affine(invert_affine(faces.affine), points_unit), faces.points_image, faces.size)
