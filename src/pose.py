"""Head pose (pitch, yaw, roll) from 68 points, by a scaled-orthographic fit to the mean 3D shape.

The fit is closed form (least squares for the 2 x 3 camera, then the nearest scaled rotation, as in POSIT: DeMenthon and
Davis, "Model-Based Object Pose in 25 Lines of Code", 1995) and invariant to the face's place and size in the picture.

Angles are in degrees. The head's frame is x to the picture's right, y up, z towards the viewer, and
R = Rz(roll) Ry(yaw) Rx(pitch): pitch > 0 looks down, yaw > 0 turns the nose to the picture's right, roll > 0 turns the
head counterclockwise in the picture. |roll| <= 90, so yaw runs continuously through +-90.
"""

import numpy as np

from src.geometry import stack_matrix
from src.markup import MEAN_SHAPE, NUM_POINTS, POINT_SETS, REGIONS

# In many data sets the jaw follows the visible outline, and its depth differs most between people: it may stabilize the
# fit of a frontal face a little, but must not dominate it.
POINT_WEIGHTS = np.ones(NUM_POINTS)  # (68,)
POINT_WEIGHTS[REGIONS["jaw"]] = 0.1
POINT_WEIGHTS.setflags(write=False)
MOST_RESIDUAL = 0.25  # `shape_residual` of a head's points; the challenge's 199 validation faces stay below 0.18


def rotation_matrix(euler: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) from euler (..., 3) = pitch, yaw, roll in degrees (frame: see the module)."""
    pitch, yaw, roll = np.moveaxis(np.radians(euler), -1, 0)
    zero, one = np.zeros_like(pitch), np.ones_like(pitch)
    rx = stack_matrix([[one, zero, zero], [zero, np.cos(pitch), -np.sin(pitch)], [zero, np.sin(pitch), np.cos(pitch)]])
    ry = stack_matrix([[np.cos(yaw), zero, np.sin(yaw)], [zero, one, zero], [-np.sin(yaw), zero, np.cos(yaw)]])
    rz = stack_matrix([[np.cos(roll), -np.sin(roll), zero], [np.sin(roll), np.cos(roll), zero], [zero, zero, one]])
    return rz @ ry @ rx


def euler_angles(rotation: np.ndarray) -> np.ndarray:
    """Pitch, yaw, roll in degrees, shape (..., 3), from rotations (..., 3, 3); the branch with |roll| <= 90."""
    sign = np.where(rotation[..., 0, 0] >= 0, 1.0, -1.0)
    cos_yaw = sign * np.hypot(rotation[..., 0, 0], rotation[..., 1, 0])
    yaw = np.arctan2(-rotation[..., 2, 0], cos_yaw)
    roll = np.arctan2(sign * rotation[..., 1, 0], sign * rotation[..., 0, 0])
    pitch = np.arctan2(sign * rotation[..., 2, 1], sign * rotation[..., 2, 2])
    return np.degrees(np.stack([pitch, yaw, roll], axis=-1))


def fit_pose(points: np.ndarray) -> np.ndarray:
    """Head pose of faces. points: (N, 68, 2) in any uniform frame with y down, or (N, 51, 2) without the jaw.

    Returns euler (N, 3) in degrees.
    """
    flat = np.asarray(points, np.float64) * [1, -1]  # (N, K, 2), y up
    camera = np.swapaxes(flat, 1, 2) @ camera_weights(points.shape[1])  # (N, 2, 3)
    u, _, vt = np.linalg.svd(camera, full_matrices=False)
    rows = u @ vt  # (N, 2, 3) nearest orthonormal rows
    return euler_angles(np.concatenate([rows, np.cross(rows[:, :1], rows[:, 1:])], axis=1))


def in_plane_rotation(euler: np.ndarray) -> np.ndarray:
    """The counterclockwise rotation of the head's own axis in the picture, (...) in degrees, |angle| <= 180.

    euler: (..., 3). This is the angle that people see. In profile it differs from roll, because pitch also rotates the
    head in the picture's plane, which makes roll alone ambiguous.
    """
    axis = rotation_matrix(euler)[..., 1]  # (..., 3), y up
    return np.degrees(np.arctan2(-axis[..., 0], axis[..., 1]))


def camera_weights(count: int) -> np.ndarray:
    """The least-squares fit as a matrix (count, 3): points (2, count), y up, times this matrix give the 2 x 3 camera.

    Its columns sum to zero, so shifting the points has no effect. count: 68, or 51 without the jaw.
    """
    used = POINT_SETS[count]
    weights = POINT_WEIGHTS.take(used) / POINT_WEIGHTS.take(used).sum()
    shape = MEAN_SHAPE.take(used, axis=0) - weights @ MEAN_SHAPE.take(used, axis=0)  # (K, 3)
    weighted = weights[:, None] * shape
    return weighted @ np.linalg.inv(weighted.T @ shape)


def shape_residual(points: np.ndarray) -> np.ndarray:
    """Distance (N,) of points (N, 68 or 51, 2) from the mean head in its best position, as a share of their size.

    The head may be turned, scaled and sheared, so this is a lower bound; the size is the root mean square distance from
    the points' center.
    """
    shape = MEAN_SHAPE.take(POINT_SETS[points.shape[1]], axis=0)
    shape = shape - shape.mean(axis=0)
    flat = points * [1, -1]
    flat = flat - flat.mean(axis=1, keepdims=True)
    camera = np.swapaxes(flat, 1, 2) @ camera_weights(points.shape[1])  # (N, 2, 3)
    fitted = shape @ np.swapaxes(camera, 1, 2)
    size = np.sqrt((flat**2).sum(axis=2).mean(axis=1))
    return np.sqrt(((flat - fitted) ** 2).sum(axis=2).mean(axis=1)) / np.maximum(size, 1e-9)
