"""A photographed head that can be turned: its fitted 3D shape, its labels and its height field.

Poses are sampled so that turned faces bring what photographs lack (profiles, looks up), and always away from the side
of the head that the photograph hides. Angles are in degrees, as in `src.pose`.
"""

from dataclasses import dataclass

import numpy as np

from src.geometry import apply_affine
from src.pose import euler_angles, rotation_matrix
from src.synthesis.reposing.expressions import Expression, draw_skin
from src.synthesis.reposing.face_model import FaceModel
from src.synthesis.reposing.framing import add_black_border, sample_crop, without_black_border
from src.synthesis.reposing.heightfield import HeightField, draw, height_field, turn
from src.synthesis.reposing.relabel import Relabeled

# What the photographs lack: edges of intervals of |yaw| in degrees, and the share of turned faces in each interval.
_YAW_EDGES = np.array([0, 15, 30, 45, 60, 75, 84])
_YAW_SHARES = np.array([0.15, 0.18, 0.14, 0.18, 0.26, 0.09])
# Quantiles of the tilt towards the camera in degrees, + is down; looks up are rare in photographs. Beyond the limit on
# the change of tilt the neck smears.
_TILT_QUANTILES = ((0, 0.05, 0.5, 0.95, 1), (-38, -30, 0, 28, 34))
_TILT_CHANGE = 30.0
_UNHIDE_YAW = 8.0  # degrees: a photograph turned less than this shows both sides of the head
# Model frame, centimeters: the point about which the head turns, between ears and nose, and the lowest depth behind it.
_PIVOT = np.array([0.0, -1.0, 5.0])
_FLOOR = -9.0


@dataclass(frozen=True)
class PhotoHead:
    """A photograph with its fitted head, ready to turn. Lengths in pixels, y down, z towards the viewer.

    photo: (S, S, 3) uint8, without black borders. points: (68, 3) labels. rotation: (3, 3), y up. euler: (3,) degrees.
    pivot: (3,), about which the head turns. field: the photograph's height field.
    """

    photo: np.ndarray
    points: np.ndarray
    rotation: np.ndarray
    euler: np.ndarray
    pivot: np.ndarray
    field: HeightField


def sample_pose(euler: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A pose to turn a photograph of pose euler (3,) to, away from the side of the head that it hides. Degrees.

    The head turns about its own axis and then tilts towards or away from the camera, R = Rz(roll) Rx(tilt) Ry(yaw), so
    that cameras are as often above and below profiles as they are for frontal faces. (Pitch, the angle of the first
    turn in `src.pose`, leaves a profile's tilt as it is: it turns a profile in the picture's plane.)
    """
    turned, tilted = turn_and_tilt(euler)
    hidden = min(abs(turned), _YAW_EDGES[-1] - 1) if abs(turned) > _UNHIDE_YAW else 0.0
    shares = _YAW_SHARES * np.clip((_YAW_EDGES[1:] - hidden) / np.diff(_YAW_EDGES), 0, 1)
    interval = rng.choice(len(shares), p=shares / shares.sum())
    yaw = rng.uniform(max(hidden, _YAW_EDGES[interval]), _YAW_EDGES[interval + 1])
    side = np.sign(turned) if hidden else rng.choice([-1.0, 1.0])
    tilt = np.clip(np.interp(rng.random(), *_TILT_QUANTILES), tilted - _TILT_CHANGE, tilted + _TILT_CHANGE)
    about_y, about_x, about_z = rotation_matrix(np.array([[0, side * yaw, 0], [tilt, 0, 0], [0, 0, euler[2]]]))
    return euler_angles(about_z @ about_x @ about_y)


def turn_and_tilt(euler: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far heads of pose euler (..., 3) are turned about their own axis, and then tilted to the camera. Degrees."""
    x, y, z = np.moveaxis(rotation_matrix(euler)[..., 2, :], -1, 0)  # depths of the head's axes
    return np.degrees(np.arctan2(-x, z)), np.degrees(np.arcsin(y))


def turn_head(
    head: PhotoHead,
    euler: np.ndarray,
    size: int,
    rng: np.random.Generator,
    *,
    border: bool = True,
    expression: Expression | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn a photographed head to euler (3,) degrees and crop it as the challenge does.

    size: the picture's side in pixels. border: whether straight black borders may be added, as the challenge's crops
    have them. expression: a new one, of the same photograph. Returns the picture (size, size, 3) uint8 and points_image
    (68, 2).
    """
    up = np.diag([1.0, -1.0, 1.0])
    rotation = up @ rotation_matrix(euler) @ head.rotation.T @ up
    points = head.points if expression is None else head.points + expression.shift
    points = ((points - head.pivot) @ rotation.T + head.pivot)[:, :2]
    affine = sample_crop(points, size, euler[1], rng)
    picture = draw(turn(head.field, rotation, head.pivot), head.field, head.photo, affine, size)
    if expression is not None:
        vertices = (expression.vertices - head.pivot) @ rotation.T + head.pivot
        draw_skin(expression, vertices, head.photo, picture, affine)
    points = apply_affine(affine, points)
    if border:
        add_black_border(picture, points, rng)
    return picture, points


def build_photo_head(model: FaceModel, photo: np.ndarray, relabeled: Relabeled, index: int) -> PhotoHead:
    """The fitted head of face `index` in its photograph (S, S, 3) uint8."""
    fits = relabeled.fits
    rotation, scale = fits.rotation[index], fits.scale[index]
    shift = np.append(fits.translation[index], 0.0)
    shape = model.shape(fits.coefficients[index], model.head_vertices)
    to_image = [1, -1, 1]
    vertices = (scale * shape @ rotation.T + shift) * to_image
    pivot = (scale * rotation @ _PIVOT + shift) * to_image
    field = height_field(vertices, model.head_triangles(), len(photo), pivot[2] + scale * _FLOOR)
    return PhotoHead(
        without_black_border(photo), relabeled.points_camera[index], rotation, fits.euler[index], pivot, field
    )
