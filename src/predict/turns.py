"""Rotation search: square views of a picture in which a face is upright, by its roll and by quarter turns.

The network knows heads that are tilted by up to about 60 degrees. A face that is sideways or upside down scores low, so
it is looked at once more, tilted (`src.predict.looks.look_tilted`). Where its looks then disagree, the view is turned
by 90, 180 and 270 degrees (if they nearly agree, only where the opposite view scores higher), and the least `doubt`
wins: looks at a true face agree, the tilted one included, and the views next to its own, in which it lies on its side,
show it at the same place more often than they share an imagined one. A view is (center x, center y, side, roll): a
square of the picture in pixels, and by how many degrees the head in it is turned counterclockwise, as in `src.pose`.
"""

import numpy as np
from PIL import Image

from src.boxes import BoxKind, cut_crop
from src.geometry import turn_matrix

QUARTERS = (90.0, 180.0, 270.0)
RETRY_BELOW = 0.9  # score: surer faces are not looked at again
# Disagreements, percent of the view's side: below the first the face is upright, though perhaps hard to see; up to the
# second it is upright or upside down.
RETRY_ABOVE, NEARLY_AGREE = 1.0, 1.4
# Of a doubt: exponents, and a factor with which the calibrated score holds for it.
TILTED_POWER, BESIDE_POWER, DOUBT_FACTOR = 0.9, 0.1, 0.8
# Most faces are upright, and a turned view that is a little better is noise: its doubt must be below this share of the
# first view's, and above the second number all views are wrong alike. All of these numbers were chosen on damaged and
# turned photographs of the training set and on rendered faces.
CLEARLY, BELIEVABLE = 0.75, 4.0
_WIDER = 1.5  # a square of sqrt(2) times the side holds the turned one


def view_of_box(boxes: np.ndarray, kind: BoxKind, roll: np.ndarray | float = 0.0) -> np.ndarray:
    """Views (..., 4) around boxes (..., 4) of a kind; the turned face lies in them where an upright one would."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return _view(np.sqrt((high - low).prod(axis=-1)) / kind.share, (low + high) / 2, kind, roll)


def view_of_points(points_image: np.ndarray, kind: BoxKind, roll: np.ndarray | float = 0.0) -> np.ndarray:
    """Views (..., 4) around the points (..., K, 2) of faces, by the box that they fill where they stand upright."""
    upright = turned(points_image, roll)
    low, high = upright.min(axis=-2), upright.max(axis=-2)
    middle = np.einsum("...i,...ij->...j", (low + high) / 2, turn_matrix(roll))
    return _view(np.sqrt((high - low).prod(axis=-1)) / kind.share, middle, kind, roll)


def affine_of_view(views: np.ndarray) -> np.ndarray:
    """The affine maps (..., 2, 3) from pixels of the picture to the unit square of views (..., 4)."""
    linear = turn_matrix(views[..., 3]) / views[..., 2, None, None]
    return np.concatenate([linear, 0.5 - linear @ views[..., :2, None]], axis=-1)


def cut_view(picture: Image.Image, view: np.ndarray, size: int) -> np.ndarray:
    """A view (4,) of an RGB picture as (size, size, 3) uint8; black outside the picture."""
    x, y, side, roll = (float(value) for value in view)
    if roll % 90 == 0:
        square = cut_crop(picture, np.array([x - side / 2, y - side / 2, side]), size)
        return np.ascontiguousarray(np.rot90(square, -round(roll / 90)))
    wide, margin = round(_WIDER * size), round((_WIDER - 1) * size / 2)
    side *= wide / size
    square = Image.fromarray(cut_crop(picture, np.array([x - side / 2, y - side / 2, side]), wide))
    upright = square.rotate(-roll, Image.Resampling.BILINEAR)
    return np.array(upright.crop((margin, margin, margin + size, margin + size)))


def turned(points_image: np.ndarray, roll: np.ndarray | float) -> np.ndarray:
    """Points (..., K, 2) turned about the picture's corner so that heads of this roll stand upright."""
    return points_image @ np.swapaxes(turn_matrix(roll), -1, -2)


def doubt(tilted_disagreement: np.ndarray, points_image: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Of views turned by 0, 90, 180 and 270 degrees, a disagreement (4, M) that `src.predict.confidence` can score.

    tilted_disagreement: (4, M) in percent of the views' sides (M,). points_image: (4, M, 68, 2), what they show.
    """
    to_last = np.linalg.norm(points_image - np.roll(points_image, 1, axis=0), axis=-1).mean(axis=-1)  # (4, M)
    beside = 100 * np.minimum(to_last, np.roll(to_last, -1, axis=0)) / side
    return DOUBT_FACTOR * tilted_disagreement**TILTED_POWER * beside**BESIDE_POWER


def best_quarter(doubts: np.ndarray) -> np.ndarray:
    """Which of the views turned by 0, 90, 180 and 270 degrees wins, (M,), by their doubts (4, M)."""
    is_turned = doubts[1:].min(axis=0) < np.minimum(CLEARLY * doubts[0], BELIEVABLE)
    return np.where(is_turned, 1 + doubts[1:].argmin(axis=0), 0)


def _view(side: np.ndarray, middle: np.ndarray, kind: BoxKind, roll: np.ndarray | float) -> np.ndarray:
    """The views whose boxes of a kind have this middle (..., 2) in the picture."""
    center = middle + side[..., None] * (np.subtract(0.5, kind.center) @ turn_matrix(roll))
    return np.concatenate([center, np.stack(np.broadcast_arrays(side, roll), axis=-1)], axis=-1)
