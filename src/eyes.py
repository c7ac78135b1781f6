"""Eye openness from 68 points: the eye aspect ratio of Soukupova and Cech, "Real-Time Eye Blink Detection using Facial
Landmarks" (2016).
"""

import numpy as np

# Of each eye, the picture's left one first: its left corner, two points of the upper lid, its right corner, two points
# of the lower lid from right to left.
_EYES = np.array([[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]])
_HIDDEN_YAW = 45.0  # degrees: beyond it, the far eye's width tells of the head and not of the lids
CLOSED_BELOW = 0.2  # the paper's blinks fall below it; the mean face has 0.32


def eye_aspect_ratio(points: np.ndarray) -> np.ndarray:
    """Mean height of each eye in shares of its width. points: (..., 68, 2) in any uniform frame.

    Returns (..., 2): the eyes at the picture's left and right. An eye of no width has ratio 0.
    """
    left_corner, upper_left, upper_right, right_corner, lower_right, lower_left = np.moveaxis(
        np.asarray(points, np.float64)[..., _EYES, :], -2, 0
    )  # (..., 2, 2) each: eye, x y
    heights = _distance(upper_left, lower_left) + _distance(upper_right, lower_right)
    widths = 2 * _distance(left_corner, right_corner)
    return np.divide(heights, widths, out=np.zeros_like(heights), where=widths > 0)


def eye_openness(points: np.ndarray, yaw: np.ndarray | float) -> np.ndarray:
    """`eye_aspect_ratio` (..., 2), NaN for the far eye of a head turned by more than 45 degrees.

    points: (..., 68, 2). yaw: (...) in degrees as in `src.pose`: above 0 the nose points to the picture's right.
    """
    is_hidden = np.stack([np.asarray(yaw) < -_HIDDEN_YAW, np.asarray(yaw) > _HIDDEN_YAW], axis=-1)
    return np.where(is_hidden, np.nan, eye_aspect_ratio(points))


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first - second, axis=-1)
