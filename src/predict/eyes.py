"""Eye openness from 68 points: the eye aspect ratio of Soukupova and Cech, "Real-Time Eye Blink Detection using Facial
Landmarks" (2016).
"""

import numpy as np

from src.markup import as_68

# For each eye, the picture's left one first: its left corner, two points of the upper lid, its right corner, two points
# of the lower lid from right to left.
_EYES = np.array([[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]])
_HIDDEN_YAW = 45.0  # degrees: beyond it, the far eye's width depends on the head's turn, not on the lids
CLOSED_BELOW = 0.2  # the paper's blinks fall below it; the mean face has 0.32


def eye_aspect_ratio(points: np.ndarray) -> np.ndarray:
    """Mean height of each eye relative to its width.

    points: (..., K, 2) in any uniform frame, of a set of `src.markup.POINT_SETS`: all hold the eyes. Returns (..., 2):
    the eyes at the picture's left and right. An eye of no width has ratio 0.
    """
    left_corner, upper_left, upper_right, right_corner, lower_right, lower_left = np.moveaxis(
        as_68(np.asarray(points, np.float64))[..., _EYES, :], -2, 0
    )  # (..., 2, 2) each: eye, x y
    heights = _distance(upper_left, lower_left) + _distance(upper_right, lower_right)
    widths = 2 * _distance(left_corner, right_corner)
    return np.divide(heights, widths, out=np.zeros_like(heights), where=widths > 0)


def eye_openness(points: np.ndarray, yaw: np.ndarray | float) -> np.ndarray:
    """`eye_aspect_ratio` (..., 2), NaN for the far eye of a head turned by more than 45 degrees.

    points: (..., K, 2). yaw: (...) in degrees as in `src.pose`: above 0 the nose points to the picture's right.
    """
    is_hidden = np.stack([np.asarray(yaw) < -_HIDDEN_YAW, np.asarray(yaw) > _HIDDEN_YAW], axis=-1)
    return np.where(is_hidden, np.nan, eye_aspect_ratio(points))


def detection_rates(openness: np.ndarray, is_closed: np.ndarray, threshold: float) -> tuple[float, float]:
    """Share of closed eyes found, and of open eyes called closed, if eyes up to a threshold count as closed.

    openness: (N, 2), NaN for hidden eyes, which do not count. is_closed: (N, 2). A share of no eyes is NaN.
    """
    is_seen = np.isfinite(openness)
    below, closed = openness[is_seen] <= threshold, is_closed[is_seen]
    return _share(below[closed]), _share(below[~closed])


def roc_auc(openness: np.ndarray, is_closed: np.ndarray) -> float:
    """Area under the ROC of "closed below a threshold": how often a closed eye has a smaller ratio than an open one.

    0.5 is chance. openness: (N, 2), NaN for hidden eyes, which do not count. is_closed: (N, 2). Returns NaN if either
    kind is absent. Ties count half (Hanley and McNeil, "The Meaning and Use of the Area under a ROC Curve", 1982).
    """
    is_seen = np.isfinite(openness)
    values, closed = openness[is_seen], is_closed[is_seen]
    if closed.all() or not closed.any():
        return float("nan")
    others = np.sort(values[~closed])
    # Of each closed eye, the open ones that are at least as high, and those that are higher.
    higher = [len(others) - np.searchsorted(others, values[closed], side) for side in ("left", "right")]
    return float(np.sum(higher) / (2 * closed.sum() * len(others)))


def best_threshold(openness: np.ndarray, is_closed: np.ndarray) -> float:
    """The threshold with the largest difference of the `detection_rates`. openness, is_closed: as there."""
    steps = np.unique(openness[np.isfinite(openness)])
    leads = [found - false for found, false in (detection_rates(openness, is_closed, step) for step in steps)]
    return float(steps[int(np.nanargmax(leads))]) if np.isfinite(leads).any() else float("nan")


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first - second, axis=-1)


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
