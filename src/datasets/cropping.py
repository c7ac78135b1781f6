"""Crop rules: the square (left, top, side), in the picture's pixels, that shows a face.

- `whole`: the whole picture, letterboxed;
- `box` or `box:FACTOR`: the format's face box, else that of the points, made square by its longer side and enlarged;
- `challenge`: sized and placed by the points, like the challenge's own crops.
"""

import re
from collections.abc import Sequence

import numpy as np

from src.boxes import (
    CENTER,
    INNER_CENTER,
    INNER_PROFILE_SHARE,
    INNER_SHARE,
    MEDIAN_SHARE,
    PROFILE_SHARE,
    PROFILE_YAW,
    box_of_points,
)
from src.datasets.faces import Faces
from src.errors import InputError
from src.markup import INNER_51, NUM_POINTS
from src.pose import fit_pose

WHOLE, CHALLENGE = "whole", "challenge"
_BOX = re.compile(r"box(?::(\d+(?:\.\d+)?))?")
_FACTOR_RANGE = (0.5, 5.0)
# By the number of points: share of the crop that a frontal face and a profile fill, and where the box's center lies.
_SHARES = {NUM_POINTS: (MEDIAN_SHARE, PROFILE_SHARE), len(INNER_51): (INNER_SHARE, INNER_PROFILE_SHARE)}
_CENTERS = {NUM_POINTS: CENTER, len(INNER_51): INNER_CENTER}
_SIDE_RANGE = (0.3, 10.0)  # a face box's side relative to the points' box; beyond it, the box is of something else


def check_rule(rule: str) -> str:
    """The rule itself. Raises InputError for an unknown rule and for a factor out of range."""
    match = _BOX.fullmatch(rule)
    if not match and rule not in (WHOLE, CHALLENGE):
        raise InputError(f"expected a crop rule (whole, box, box:FACTOR, challenge), found {rule!r}")
    if match and not _FACTOR_RANGE[0] <= _factor(rule) <= _FACTOR_RANGE[1]:
        raise InputError(f"expected a box factor of {_FACTOR_RANGE[0]:g} to {_FACTOR_RANGE[1]:g}, found {rule!r}")
    return rule


def crop_squares(faces: Faces, rule: str) -> np.ndarray | None:
    """The squares (N, 3) = left, top, side; None for `whole`. NaN for a face whose box cannot be its own.

    Raises InputError for an unknown rule, and for `challenge` with faces of other than 68 or 51 points.
    """
    if check_rule(rule) == WHOLE:
        return None
    if rule == CHALLENGE:
        return _challenge_squares(faces)
    boxes = face_boxes(faces)
    low, high = boxes[:, :2], boxes[:, 2:]
    squares = _squares((low + high) / 2, _factor(rule) * (high - low).max(axis=1), (0.5, 0.5))
    squares[~_holds_face(boxes, box_of_points(faces.points_image))] = np.nan
    return squares


def face_boxes(faces: Faces) -> np.ndarray:
    """(N, 4) left, top, right, bottom in pixels: the format's box, else that of the points."""
    return np.where(np.isfinite(faces.boxes_image), faces.boxes_image, box_of_points(faces.points_image))


def nearest_box(points_image: np.ndarray, boxes: Sequence[np.ndarray]) -> np.ndarray:
    """The box (4) of a face (K, 2) among some: of several, such as its mouth's or another face's, the one nearest to
    its points' box; NaN if there is none."""
    around = box_of_points(points_image[None])[0]
    return min(boxes, key=lambda box: np.abs(box - around).sum(), default=np.full(4, np.nan))


def _factor(rule: str) -> float:
    return float(_BOX.fullmatch(rule).group(1) or 1)


def _challenge_squares(faces: Faces) -> np.ndarray:
    if faces.num_points not in _SHARES:
        raise InputError(
            f"{faces.root}: expected faces of 68 or 51 points for the challenge's crop, found {faces.num_points}; "
            "crop by a box (box:1.5)"
        )
    boxes = box_of_points(faces.points_image)
    low, high = boxes[:, :2], boxes[:, 2:]
    yaw = np.abs(fit_pose(faces.points_image)[:, 1])
    share = np.interp(yaw, PROFILE_YAW, _SHARES[faces.num_points])
    sides = np.sqrt((high - low).prod(axis=1)) / share
    squares = _squares((low + high) / 2, sides, _CENTERS[faces.num_points])
    squares[~(sides > 0)] = np.nan
    return squares


def _squares(centers: np.ndarray, sides: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    """Squares (N, 3) of `sides` (N,) in which `centers` (N, 2) lie at `place`, given as shares of the sides."""
    return np.column_stack([centers - sides[:, None] * place, sides])


def _holds_face(boxes: np.ndarray, around_points: np.ndarray) -> np.ndarray:
    """(N,) whether a box has about the size of its face's points and its center among them."""
    sides, span = (value[:, 2:] - value[:, :2] for value in (boxes, around_points))
    ratio = sides.max(axis=1) / np.maximum(span.max(axis=1), 1e-9)
    center = (boxes[:, :2] + boxes[:, 2:]) / 2
    is_near = ((center > around_points[:, :2]) & (center < around_points[:, 2:])).all(axis=1)
    return is_near & (sides > 0).all(axis=1) & (ratio > _SIDE_RANGE[0]) & (ratio < _SIDE_RANGE[1])
