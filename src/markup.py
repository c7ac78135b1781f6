"""The 68-point mark-up: regions, mirror permutation, eye corners, point subsets, mean 3D shape.

Points follow Multi-PIE / 300-W (Sagonas et al., "300 Faces in-the-Wild Challenge", 2013), counted from 0. "Left" and
"right" below mean the picture's sides: point 0 lies at the picture's left.
"""

import numpy as np

from src.errors import InputError

NUM_POINTS = 68

REGIONS: dict[str, slice] = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}

# Polylines that draw a face: (first, last, closed).
CONTOURS: tuple[tuple[int, int, bool], ...] = (
    (0, 16, False),
    (17, 21, False),
    (22, 26, False),
    (27, 30, False),
    (31, 35, False),
    (36, 41, True),
    (42, 47, True),
    (48, 59, True),
    (60, 67, True),
)

OUTER_EYE_CORNERS = (36, 45)
EYE_CORNERS = ((36, 39), (42, 45))  # of each eye, left to right
NOSE_TIP = 30
EYES_12 = tuple(range(36, 48))
INNER_51 = tuple(range(17, 68))
# What a network may predict, by the number of points: all points, all but the jaw, or only the eyes.
POINT_SETS: dict[int, tuple[int, ...]] = {
    NUM_POINTS: tuple(range(NUM_POINTS)),
    len(INNER_51): INNER_51,
    len(EYES_12): EYES_12,
}

_MIRROR_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)),
)


def _mirror_permutation() -> np.ndarray:
    permutation = np.arange(NUM_POINTS)
    for left, right in _MIRROR_PAIRS:
        permutation[[left, right]] = right, left
    permutation.setflags(write=False)
    return permutation


# After mirroring a picture, point i of the new face is point FLIP_PERMUTATION[i] of the old one.
FLIP_PERMUTATION = _mirror_permutation()  # (68,)


def flip_permutation(count: int) -> np.ndarray:
    """FLIP_PERMUTATION within the set of `count` points, (count,): every set is its own mirror image."""
    chosen = np.array(POINT_SETS[count])
    return np.searchsorted(chosen, FLIP_PERMUTATION[chosen])


def select_points(points: np.ndarray, count: int) -> np.ndarray:
    """Select a point set from a larger one: points (..., K, 2) -> (..., count, 2); K and count are keys of POINT_SETS.

    Raises InputError if the larger set lacks some of the points.
    """
    held, wanted = POINT_SETS.get(points.shape[-2], ()), POINT_SETS[count]
    if not set(wanted) <= set(held):
        raise InputError(
            f"expected faces with the {count} points of the model, found {points.shape[-2]}; "
            "set the model's points to what they have"
        )
    return points[..., np.searchsorted(held, wanted), :]


def as_68(points: np.ndarray) -> np.ndarray:
    """A point set (..., K, 2) in its places among all 68 points (..., 68, 2), NaN elsewhere."""
    full = np.full((*points.shape[:-2], NUM_POINTS, points.shape[-1]), np.nan)
    full[..., POINT_SETS[points.shape[-2]], :] = points
    return full


# Mean 3D shape in centimeters: x to the picture's right, y up, z towards the viewer, origin inside the head.
# The 68 landmark vertices of ICT-FaceKit's neutral face (Li et al., "Learning Formation of Physically-Based Face
# Attributes", 2020; MIT license), the six jaw ends moved 0.5 cm back to where photographs of turned heads show them.
MEAN_SHAPE = np.array(  # (68, 3)
    [
        # jaw, picture left to chin
        [-7.36, 3.68, -5.84], [-7.28, 1.49, -5.57], [-6.94, -0.46, -4.97],
        [-6.56, -2.36, -3.83], [-5.72, -4.49, -2.87], [-4.3, -6.21, -1.65],
        [-3.05, -6.91, -0.23], [-1.54, -7.26, 1.27], [0, -7.57, 1.43],
        # jaw, chin to picture right
        [1.54, -7.26, 1.27], [3.05, -6.91, -0.23], [4.3, -6.21, -1.65],
        [5.72, -4.49, -2.87], [6.56, -2.36, -3.83], [6.94, -0.46, -4.97],
        [7.28, 1.49, -5.57], [7.36, 3.68, -5.84],
        # brow, picture left
        [-5.82, 5.2, -1.09], [-4.93, 5.98, -0.01], [-3.79, 6.26, 0.83], [-2.41, 6.19, 1.48],
        [-1.17, 5.91, 1.73],
        # brow, picture right
        [1.17, 5.91, 1.73], [2.41, 6.19, 1.48], [3.79, 6.26, 0.83], [4.93, 5.98, -0.01],
        [5.82, 5.2, -1.09],
        # nose bridge
        [0, 3.74, 1.73], [0, 2.63, 2.52], [0, 1.61, 3.31], [0, 0.41, 4.07],
        # nose base
        [-1.25, -1.14, 1.87], [-0.6, -1.14, 2.42], [0, -1.2, 2.57], [0.6, -1.14, 2.42],
        [1.25, -1.14, 1.87],
        # eye, picture left
        [-4.46, 3.43, -0.4], [-3.87, 3.87, 0.36], [-2.78, 3.94, 0.53], [-1.84, 3.25, 0.2],
        [-2.73, 3.08, 0.41], [-3.86, 3.07, 0.23],
        # eye, picture right
        [1.84, 3.25, 0.2], [2.78, 3.94, 0.53], [3.87, 3.87, 0.36], [4.46, 3.43, -0.4],
        [3.86, 3.07, 0.23], [2.73, 3.08, 0.41],
        # outer lip, upper
        [-2.53, -3.52, 1.19], [-1.7, -2.78, 2.22], [-0.73, -2.42, 2.73], [0, -2.48, 2.84],
        [0.73, -2.42, 2.73], [1.7, -2.78, 2.22], [2.53, -3.52, 1.19],
        # outer lip, lower
        [1.8, -4.06, 1.9], [1.03, -4.3, 2.39], [0, -4.38, 2.55], [-1.03, -4.3, 2.39],
        [-1.8, -4.06, 1.9],
        # inner lip
        [-2.21, -3.49, 1.13], [-1, -3.3, 2.09], [0, -3.32, 2.28], [1, -3.3, 2.09],
        [2.21, -3.49, 1.13], [1.07, -3.38, 2.04], [0, -3.4, 2.25], [-1.07, -3.38, 2.04],
    ]
)  # fmt: skip
MEAN_SHAPE.setflags(write=False)
