"""Mean shapes: faces in one pose are aligned, so that the difference left between two sets is how they are labeled.

The similarity fit is that of Procrustes analysis (Gower, "Generalized Procrustes analysis", 1975) on the 51 inner
points alone, so that the jaw, where conventions differ most, does not shift the rest.
"""

import numpy as np

from src.errors import InputError
from src.markup import FLIP_PERMUTATION, INNER_51, MEAN_SHAPE
from src.pose import rotation_matrix

_MAX_PITCH = 20.0  # degrees: a face with more pitch has another shape at the same yaw
_DRAWS = 1000  # random divisions of a permutation test


def in_pose(euler: np.ndarray, *, yaw: tuple[float, float]) -> np.ndarray:
    """Whether faces have |yaw| in [low, high) degrees and little pitch: (N,) bool. euler: (N, 3) in degrees."""
    pitch, turn = np.abs(euler[:, 0]), np.abs(euler[:, 1])
    return (turn >= yaw[0]) & (turn < yaw[1]) & (pitch < _MAX_PITCH)


def shapes_in_pose(points_image: np.ndarray, euler: np.ndarray, *, yaw: tuple[float, float]) -> np.ndarray:
    """The faces in a pose, aligned with the mean shape: (M, 68, 2) in centimeters as `src.markup.MEAN_SHAPE`, y down.

    points_image: (N, 68, 2). euler: (N, 3) pitch, yaw, roll in degrees. Faces turned to the picture's left are
    mirrored; a range that begins at 0 means frontal faces, each averaged with its mirror image. Raises InputError if no
    face is in such a pose.
    """
    low, high = yaw
    chosen = in_pose(euler, yaw=yaw)
    if not chosen.any():
        raise InputError(f"expected faces with |yaw| of {low:g} to {high:g} degrees, found none")
    points, middle = points_image[chosen], 0.0 if low == 0 else (low + high) / 2
    reference = (MEAN_SHAPE @ rotation_matrix(np.array([0.0, middle, 0.0])).T)[:, :2] * [1, -1]
    if low == 0:
        return (align(points, reference) + align(_mirrored(points), reference)) / 2
    return align(turn_right(points, euler[chosen, 1]), reference)


def chance_of_gap(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> tuple[float, float, float]:
    """The distance between two sets' mean shapes, and whether chance could explain it (a permutation test).

    first, second: (M, 68, 2) from `shapes_in_pose`. Returns the mean distance of the points, the distance below which
    95 % of random divisions of all these faces into two sets of the same sizes stay, and the p-value.
    """
    rng, together = np.random.default_rng(seed), np.concatenate([first, second])
    flat = together.reshape(len(together), -1)
    weights = np.zeros((1 + _DRAWS, len(together)))  # the two sets themselves, then random divisions
    for row in range(1 + _DRAWS):
        order = rng.permutation(len(together)) if row else np.arange(len(together))
        weights[row, order[: len(first)]] = 1 / len(first)
        weights[row, order[len(first) :]] = -1 / len(second)
    gaps = np.linalg.norm((weights @ flat).reshape(1 + _DRAWS, -1, 2), axis=-1).mean(axis=1)
    return float(gaps[0]), float(np.quantile(gaps[1:], 0.95)), float((gaps >= gaps[0] - 1e-12).mean())


def align(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Align faces with a reference by the best similarity map of their inner points.

    points: (N, 68, 2). reference: (68, 2).

    Returns (N, 68, 2) in the reference's frame.
    """
    inner = list(INNER_51)
    # With points of the plane as complex numbers, a similarity map is one factor and one shift.
    source, target = points @ [1, 1j], reference @ [1, 1j]  # (N, 68), (68,)
    target_center = target[inner].mean()
    source = source - source[:, inner].mean(axis=1, keepdims=True)
    factor = source[:, inner].conj() @ (target[inner] - target_center) / (np.abs(source[:, inner]) ** 2).sum(axis=1)
    aligned = factor[:, None] * source + target_center
    return np.stack([aligned.real, aligned.imag], axis=-1)


def turn_right(points: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Faces or residuals (N, 68, 2), with those of yaw < 0 mirrored about x = 0. yaw: (N,) in degrees."""
    return np.where((yaw < 0)[:, None, None], _mirrored(points), points)


def _mirrored(points: np.ndarray) -> np.ndarray:
    return points[:, FLIP_PERMUTATION] * [-1, 1]
