"""Faults: why a face's labels cannot be right, judged from their numbers and their picture's size."""

from collections.abc import Callable, Sequence

import numpy as np

from src.boxes import box_of_points
from src.datasets.names import spell_out
from src.markup import INNER_51, NUM_POINTS
from src.pose import MOST_RESIDUAL, shape_residual

_PLACEHOLDERS = (-1.0, 0.0)  # x = y = one of these stands for a missing point
SMALLEST = 2.0  # pixels that a face's points span at least; points in shares of the sides never do
_PERCENT, _MORE = 100.0, 150.0  # the largest coordinate in percent; pixels a side of pictures whose faces pass it
_LEAST_FACES = 10
_MIDDLE, _INSIDE = (0.4, 0.6), 0.8  # shares of the width between which faces' mean place lies; of sides with no point
_NEGATIVE = 0.25  # share of each face's points left of its picture, and of those above: of hardly any true face
_CLEARLY_NEARER, _NEAR = 0.25, 0.35  # of the distance of the boxes as they were read, and of their sides
_FARTHEST = 1.0  # picture sides by which a point may lie outside


def find_placeholders(points: np.ndarray) -> np.ndarray:
    """Which points (N, K, 2), as a file holds them, are placeholders, exactly -1 -1 or 0 0: (N, K) bool."""
    return np.any([(points == value).all(axis=2) for value in _PLACEHOLDERS], axis=0)


def describe_placeholders(placeholder: np.ndarray) -> list[str]:
    """A fault for each of the faces that has placeholders (N, K) bool, "" for the others."""
    return _describe(placeholder, "expected marked points, found placeholders (-1 -1 or 0 0) at {}".format)


def pixel_faults(points_image: np.ndarray, sizes: np.ndarray) -> list[str]:
    """A fault for each of the faces (N, K, 2) that cannot be a face in pixels, "" for the others.

    sizes: (N, 2) width and height of each picture as shown, NaN if unknown.
    """
    negated = _describe(
        _find_negated(points_image),
        "expected marked points, found negated ones (-x -y, as MERL-RAV has hidden points) at {}".format,
    )
    low, high = points_image.min(axis=1), points_image.max(axis=1)
    span = (high - low).max(axis=1)
    with np.errstate(invalid="ignore"):
        is_far = (low < -_FARTHEST * sizes).any(axis=1) | (high > (1 + _FARTHEST) * sizes).any(axis=1)
    faults = []
    for row in range(len(points_image)):
        fault = negated[row]
        if not fault and is_far[row]:
            fault = "its points lie far outside the picture ({:g} x {:g} pixels)".format(*sizes[row])
        elif not fault and 0 < span[row] < SMALLEST:
            fault = f"its points span {span[row]:.2g} pixels; are they shares of the picture's sides?"
        faults.append(fault)
    return faults


def order_faults(points: np.ndarray) -> list[str]:
    """A fault for each of the faces (N, K, 2) of 68 or 51 points that is a head only if all x stand before all y.

    points: as the file holds them, read as pairs. Of 112,000 true faces none, taken in that order, has a residual below
    0.79, and of faces stored in that order none, read as pairs, has one below 0.5.
    """
    count, number, _ = points.shape
    if number not in (NUM_POINTS, len(INNER_51)):
        return [""] * count
    other_order = points.reshape(count, 2, number).swapaxes(1, 2)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that are another fault
        is_head, is_other = (shape_residual(order) <= MOST_RESIDUAL for order in (points, other_order))
    fault = "all x stand before all y in it; write x and y of each point in turn"
    return [fault if is_so else "" for is_so in is_other & ~is_head]


def find_percent(points_image: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which faces (N, K, 2) lie in the first 100 pixels of a larger picture, as points in percent of its sides do.

    sizes: (N, 2) width and height of each picture as shown, NaN if unknown. Returns (N,) bool; a small face in a corner
    is one of them, so that only many of them mean anything.
    """
    is_inside = (points_image > -1) & (points_image <= _PERCENT)
    return is_inside.all(axis=(1, 2)) & (sizes > _MORE).all(axis=1)


def describe_rescaled(points_image: np.ndarray, sizes: np.ndarray) -> str:
    """Why faces (N, K, 2) seem to be labeled in the pixels of pictures of another size, or from the pictures' middle;
    "" if they do not.

    sizes: (N, 2) width and height of each picture. Faces lie, on average, in the middle of their pictures' width; fewer
    than ten are too few to judge their sizes by.
    """
    if len(points_image) and ((points_image < 0).mean(axis=1) > _NEGATIVE).all():
        return "the points seem to be counted from their pictures' middle; add half of each width and height"
    if len(points_image) < _LEAST_FACES:
        return ""
    low, high = (points_image.min(axis=1) / sizes, points_image.max(axis=1) / sizes)
    middle, most = float((low + high)[:, 0].mean() / 2), float(high.max())
    if not (middle < _MIDDLE[0] and most < _INSIDE) and not (middle > _MIDDLE[1] and most > 1):
        return ""
    return (
        f"the faces lie, on average, at {100 * middle:.0f} % of their pictures' width, no point beyond "
        f"{100 * most:.0f} % of the sides; if the points are of pictures of another size, scale them"
    )


def describe_boxes(points_image: np.ndarray, boxes_image: np.ndarray, sizes: np.ndarray) -> str:
    """Why the boxes (N, 4) of faces (N, K, 2) do not fit the points, if they would when read in another way: right and
    bottom as width and height or the other way round, or the points as relative to the box; "" otherwise. Boxes may be
    NaN; sizes: (N, 2) width and height."""
    has_box = np.isfinite(boxes_image).all(axis=1)
    if not has_box.any():
        return ""
    boxes, around = boxes_image[has_box], box_of_points(points_image[has_box])
    corner, sides = np.tile(boxes[:, :2], 2), boxes[:, 2:] - boxes[:, :2]
    with np.errstate(over="ignore"):  # of absurd numbers, whose boxes fit in no way
        ends = boxes[:, :2] + boxes[:, 2:]
    corners = "the boxes seem to hold right and bottom where width and height belong; mend them, or crop by the points"
    extents = "the boxes seem to hold width and height where right and bottom belong; mend them, or crop by the points"
    shares = "the points seem to be shares of their boxes, where shares or pixels of the picture belong; convert them"
    offsets = "the points seem to be counted from their boxes' corners, not from the pictures'; add the corners"
    readings = {
        corners: (np.concatenate([boxes[:, :2], sides], axis=1), around),
        extents: (np.concatenate([boxes[:, :2], ends], axis=1), around),
        shares: (boxes, corner + around * np.tile(sides / sizes[has_box], 2)),
        offsets: (boxes, corner + around),
    }
    apart, side = (np.median(np.abs(lengths).max(axis=1)) for lengths in (boxes - around, sides))
    limit = min(_CLEARLY_NEARER * apart, _NEAR * side)
    nearer = {words: np.median(np.abs(box - face).max(axis=1)) for words, (box, face) in readings.items()}
    best = min(nearer, key=nearer.get)
    return best if nearer[best] < limit else ""


def join_faults(*columns: Sequence[str]) -> list[str]:
    """The first fault of each face in several columns of faults (N,), "" if there is none."""
    return [next(filter(None, faults), "") for faults in zip(*columns, strict=True)]


def _find_negated(points: np.ndarray) -> np.ndarray:
    """Which points (N, K, 2) lie far from their face but within it once both signs are changed, as MERL-RAV marks
    hidden points (Kumar et al., "LUVLi Face Alignment", 2020): (N, K) bool."""
    is_negative = (points < 0).all(axis=2)
    is_negative &= is_negative.mean(axis=1, keepdims=True) < 0.5
    if not is_negative.any():
        return is_negative
    low = np.where(is_negative[..., None], np.inf, points).min(axis=1, keepdims=True)
    high = np.where(is_negative[..., None], -np.inf, points).max(axis=1, keepdims=True)
    margin = (high - low) / 2
    is_among = ((-points > low - margin) & (-points < high + margin)).all(axis=2)
    distance = np.linalg.norm(points - (low + high) / 2, axis=2)
    return is_negative & is_among & (distance > np.linalg.norm(high - low, axis=2))


def _describe(points: np.ndarray, words: Callable[[str], str]) -> list[str]:
    """points: (N, K) bool. Returns N faults, "" for faces without such points."""
    if not points.any():
        return [""] * len(points)
    return [words(spell_out(np.flatnonzero(row))) if row.any() else "" for row in points]
