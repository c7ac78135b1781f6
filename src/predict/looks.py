"""Looks: a cascade whose stages are all one network, with test-time augmentation (mirror image, rotation).

What the first look finds says how the head is tilted, how large it is and where. The next look is at the same picture,
turned upright, enlarged and centered, so that the network meets a face as it knows it best, with more pixels on it
(Sun et al., "Deep Convolutional Network Cascade for Facial Point Detection", 2013). Frames are those of `src.geometry`;
every look's points come back in the first look's frame.

Looks that agree may agree on a face that is not there: the network knows upright heads so well that it sees one in a
head that is upside down. A tilted look decides: a face turns with the picture, an imagined one stays upright.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Union

import numpy as np

from src.boxes import box_of_points
from src.config import ModelConfig
from src.errors import InputError
from src.geometry import apply_affine, compose_affine, invert_affine, turn_matrix
from src.markup import INNER_51, NUM_POINTS, flip_permutation
from src.pose import fit_pose, in_plane_rotation
from src.predict.resampling import WHOLE, Crop, warp_squares

if TYPE_CHECKING:
    from torch import Tensor

MOST_LOOKS = 3
LOOKED_AT = (NUM_POINTS, len(INNER_51))  # points that show a head's tilt and size
SMALLEST = 0.1  # of the square: points that lie closer together are no face to be enlarged
TILT = 30.0  # degrees: the network knows heads that are tilted twice as far

SecondLook = tuple[float, float, float, float]  # `ModelConfig.second_look`
Squares = Union[np.ndarray, "Tensor"]  # (B, S, S, 3) uint8, on any device
Predict = Callable[[Squares], np.ndarray]  # -> points_unit (B, K, 2) float64


def look(
    predict: Predict,
    squares: Squares,
    looks: int,
    *,
    second_look: SecondLook = ModelConfig.second_look,
    crop: Crop = WHOLE,
) -> np.ndarray:
    """What each of 1, 2 or 3 looks at squares (B, S, S, 3) uint8 finds: points_unit (looks, B, K, 2) for `combine`.

    The second look is at the mirror image of the upright, enlarged face, the third at that face as it is; each is
    framed by the points of the look before it. second_look: the model's. crop: what `predict` sees of a square; only
    that is warped. Raises InputError for another number of looks, and for points that do not show a head's tilt
    (K = 12).
    """
    if not 1 <= looks <= MOST_LOOKS:
        raise InputError(f"expected 1 to {MOST_LOOKS} looks, found {looks}")
    found = [predict(squares)]
    for predict_upright in (partial(look_mirrored, predict), predict)[: looks - 1]:
        upright, affine = warp_upright(squares, found[-1], second_look, crop=crop)
        found.append(apply_affine(invert_affine(affine), predict_upright(upright)))
    return np.stack(found)


def combine(found: Sequence[np.ndarray] | np.ndarray, second_look: SecondLook) -> np.ndarray:
    """The weighted mean (B, K, 2) of what `look` found; every later look has the second one's weight."""
    weight = second_look[3]
    return np.average(found, axis=0, weights=[1 - weight, *[weight] * (len(found) - 1)] if len(found) > 1 else None)


def look_and_combine(
    predict: Predict,
    squares: Squares,
    looks: int = 1,
    *,
    second_look: SecondLook = ModelConfig.second_look,
    crop: Crop = WHOLE,
    flip: bool = False,
) -> np.ndarray:
    """points_unit (B, K, 2) of squares (B, S, S, 3) uint8: what `look` finds, combined.

    flip: average one look with one at the mirrored pictures. Raises InputError as `look` does, and for flip with
    several looks.
    """
    if flip and looks > 1:
        raise InputError(f"expected flip averaging or {looks} looks, found both; the second look is mirrored")
    points_unit = combine(look(predict, squares, looks, second_look=second_look, crop=crop), second_look)
    return (points_unit + look_mirrored(predict, squares)) / 2 if flip else points_unit


def look_mirrored(predict: Predict, squares: Squares) -> np.ndarray:
    """points_unit (B, K, 2) of squares (B, S, S, 3), found in their mirror images."""
    found = predict(np.ascontiguousarray(squares[:, :, ::-1]) if isinstance(squares, np.ndarray) else squares.flip(2))
    return found[:, flip_permutation(found.shape[1])] * [-1, 1] + [1, 0]


def look_tilted(
    predict: Predict, squares: Squares, points_unit: np.ndarray, second_look: SecondLook, *, crop: Crop = WHOLE
) -> np.ndarray:
    """points_unit (B, K, 2) of squares (B, S, S, 3), found where `warp_upright` shows them tilted by TILT."""
    tilted, affine = warp_upright(squares, points_unit, second_look, tilt=TILT, crop=crop)
    return apply_affine(invert_affine(affine), predict(tilted))


def warp_upright(
    squares: Squares,
    points_unit: np.ndarray,
    second_look: SecondLook,
    *,
    tilt: float = 0.0,
    crop: Crop = WHOLE,
) -> tuple[Squares, np.ndarray]:
    """Squares warped to show the same faces upright, centered and larger, and the maps to them from the given squares.

    squares: (B, S, S, 3) uint8. points_unit: (B, 68 or 51, 2). tilt: clockwise from upright about the faces' middle, in
    degrees. crop: the part that is needed, mirrored or not; the rest may stay black. Returns (B, S, S, 3) uint8 and
    affine (B, 2, 3).
    """
    check_points(points_unit.shape[1])
    affine = upright_affine(points_unit, second_look)
    if tilt:
        turn, middle = turn_matrix(tilt), np.array(second_look[:2])
        affine = compose_affine(np.column_stack([turn, middle - turn @ middle]), affine)
    if isinstance(squares, np.ndarray):
        return warp_squares(squares, affine, crop), affine
    from src.transforms import warp_squares as warp_tensors  # PyTorch is there where a tensor is

    return warp_tensors(squares, affine), affine


def check_points(count: int) -> None:
    """Raises InputError unless so many points show a head's tilt and size."""
    if count not in LOOKED_AT:
        raise InputError(f"a second look expects 68 or 51 points, found {count}; look once")


def upright_affine(points_unit: np.ndarray, second_look: SecondLook) -> np.ndarray:
    """Similarities (B, 2, 3) that turn faces upright and put their boxes where second_look says."""
    center_x, center_y, share, _ = second_look
    turn = turn_matrix(in_plane_rotation(fit_pose(points_unit)))  # (B, 2, 2)
    left_top, right_bottom = np.split(box_of_points(points_unit @ np.swapaxes(turn, 1, 2)), 2, axis=-1)
    sides = np.maximum(right_bottom - left_top, SMALLEST)
    scale = share / np.sqrt(sides.prod(axis=-1))
    shift = (center_x, center_y) - scale[:, None] * (left_top + right_bottom) / 2
    return np.concatenate([scale[:, None, None] * turn, shift[..., None]], axis=-1)
