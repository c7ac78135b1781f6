"""Errors of a model, in memory or from any kind of file, on prepared faces."""

import numpy as np
from torch import nn

from src.command_line import progress
from src.datasets.prepared import PreparedFaces
from src.geometry import apply_affine, invert_affine
from src.metrics import point_errors
from src.network.model import LandmarkNet
from src.predict.runtimes import Runtime, predict_squares
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
    return unit_errors(predict_faces(runtime, faces, flip=flip, batch_size=batch_size), faces)


def predict_faces(
    runtime: Runtime, faces: PreparedFaces, *, looks: int = 1, flip: bool = False, batch_size: int = 64, desc: str = ""
) -> np.ndarray:
    """points_unit (N, K, 2) of prepared faces, whose pictures are in memory one batch at a time.

    looks, flip: as in `src.predict.looks.look_and_combine`. desc: of the progress shown; "" for none.
    """
    found = []
    for start in progress(range(0, len(faces), batch_size), desc=desc, unit="batch", disable=not desc):
        squares = np.array(faces.images[start : start + batch_size])
        found.append(predict_squares(runtime, squares, looks, flip=flip))
    return np.concatenate(found)


def unit_errors(points_unit: np.ndarray, faces: PreparedFaces) -> np.ndarray:
    """Errors (N, K) of predictions points_unit (N, K, 2) for all faces, in percent of sqrt(H * W) of their pictures."""
    return point_errors(apply_affine(invert_affine(faces.affine), points_unit), faces.points_image, faces.size)
