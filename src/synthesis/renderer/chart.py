"""The chart of the head: a grid of azimuth columns and feature rows, laid so that lids, lips and brows are grid lines.

A direction from the head's center has an azimuth (0 = towards the viewer, positive to the picture's right) and an
elevation, in degrees. Columns have constant azimuth. Rows run from the crown to the neck and follow features: the row
"upper_lid" passes through the upper lid's landmarks, and so on; outside of its feature, a row just keeps its place.
What is painted along rows (lips, lashes) and what is cut out between rows (eye and mouth openings) therefore follows
the landmarks exactly, whatever the identity and the expression.
"""

import numpy as np

from src.markup import MEAN_SHAPE

CENTER = np.array([0.0, 2.0, -5.0])  # cm; every part of the face is seen from here without overlap

# Feature rows from the crown down, and how many cells lie between each and the next one.
_CELLS = {
    "crown": 9,
    "hairline": 8,
    "brow_top": 3,
    "brow": 3,
    "brow_bottom": 3,
    "crease": 4,
    "upper_lid": 1,
    "upper_lid_inside": 3,
    "lower_lid_inside": 1,
    "lower_lid": 4,
    "bag": 14,
    "nose_base": 6,
    "upper_lip": 5,
    "upper_lip_edge": 2,
    "upper_lip_inside": 2,
    "lower_lip_inside": 2,
    "lower_lip_edge": 5,
    "lower_lip": 11,
    "jaw": 5,
    "throat": 4,
    "neck": 0,
}
FEATURES = tuple(_CELLS)
ROW = dict(zip(FEATURES, np.cumsum([0, *list(_CELLS.values())[:-1]]).tolist(), strict=True))
NUM_ROWS = ROW["neck"] + 1

EYE_COLUMNS = (19.5, 44.1)  # degrees of azimuth: inner and outer eye corner
MOUTH_COLUMN = 19.85  # inner mouth corner

_HALF = np.concatenate(
    [
        np.linspace(0, 19.5, 15)[:-1],
        [19.5, 19.85, 21.0],
        np.linspace(22.2, 44.1, 15)[:-1],
        np.linspace(44.1, 100, 19)[:-1],
        np.linspace(100, 180, 10),
    ]
)
AZIMUTHS = np.concatenate([-_HALF[:0:-1], _HALF])  # (columns,), the seam at the back occurs twice
NUM_COLUMNS = len(AZIMUTHS)

# Which landmarks lie on which row; the jaw ends and the nose bridge lie between rows.
LANDMARK_ROWS = {
    "brow": range(17, 27),
    "nose_base": range(31, 36),
    "upper_lid": (36, 37, 38, 39, 42, 43, 44, 45),
    "lower_lid": (40, 41, 46, 47),
    "upper_lip": range(48, 55),
    "lower_lip": range(55, 60),
    "upper_lip_edge": range(60, 65),
    "lower_lip_edge": range(65, 68),
    "jaw": range(3, 14),
}


def chart_angles(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth, elevation (degrees) and radius (cm) of head points (..., 3) seen from CENTER."""
    x, y, z = np.moveaxis(points - CENTER, -1, 0)
    flat = np.hypot(x, z)
    return np.degrees(np.arctan2(x, z)), np.degrees(np.arctan2(y, flat)), np.hypot(flat, y)


def directions(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) of azimuth and elevation in degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], axis=-1)


def row_elevations() -> np.ndarray:
    """Elevation in degrees of every grid vertex, (NUM_ROWS, NUM_COLUMNS); falls strictly along each column."""
    azimuth = np.abs(AZIMUTHS)
    lines = np.stack([smooth_curve(azimuth, *_knots(feature)) for feature in FEATURES])  # (features, columns)
    least = np.full(len(FEATURES), 0.12)
    least[[0, 1]] = 2.0
    for i in range(1, len(FEATURES)):
        lines[i] = np.minimum(lines[i], lines[i - 1] - least[i])
    rows = [ROW[feature] for feature in FEATURES]
    return np.stack([np.interp(np.arange(NUM_ROWS), rows, column) for column in lines.T], axis=1)


def landmark_places(elevations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grid coordinates (row, column), float, of the 68 points: two arrays (68,)."""
    azimuth, elevation, _ = chart_angles(MEAN_SHAPE)
    columns = np.interp(azimuth, AZIMUTHS, np.arange(NUM_COLUMNS))
    rows = np.empty(68)
    for k, column in enumerate(columns):
        left = min(int(column), NUM_COLUMNS - 2)
        line = elevations[:, left] + (column - left) * (elevations[:, left + 1] - elevations[:, left])
        rows[k] = np.interp(-elevation[k], -line, np.arange(NUM_ROWS))
    for feature, landmarks in LANDMARK_ROWS.items():
        rows[list(landmarks)] = ROW[feature]
    return rows, columns


def _knots(feature: str) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation of the points through which a feature row runs on the head's right half."""
    back = 84.0 - 160.0 * ROW[feature] / (NUM_ROWS - 1)  # evenly spread behind the ears
    if feature in ("crown", "neck"):
        return np.array([0.0, 180.0]), np.full(2, 90.0 if feature == "crown" else -89.0)
    points = np.array(_HAND_SET[feature], float) if feature in _HAND_SET else _landmark_points(feature)
    azimuth, elevation, _ = chart_angles(points)
    order = np.argsort(azimuth)
    return np.append(azimuth[order], [135.0, 180.0]), np.append(elevation[order], [back, back])


def _landmark_points(feature: str) -> np.ndarray:
    """Points (N, 3) of a feature row on the head's right half: its landmarks, and where it goes on beyond them."""
    eye = "lid" in feature
    feature = feature.replace("_inside", "" if eye else "_edge")
    points = MEAN_SHAPE[list(LANDMARK_ROWS[feature])]
    points = points[points[:, 0] >= 0]
    if feature == "lower_lid":
        points = np.concatenate([points, MEAN_SHAPE[[42, 45]]])
    if feature in ("lower_lip", "lower_lip_edge"):
        points = np.concatenate([points, MEAN_SHAPE[[54 if feature == "lower_lip" else 64]]])
    return np.concatenate([points, np.array(_BEYOND["eye" if eye else feature], float).reshape(-1, 3)])


# Where feature rows go on beyond their landmarks (cm, right half).
_BEYOND = {
    "brow": [[0, 5.75, 1.95], [6.9, 4.3, -3.6], [7.5, 4.4, -6.5]],
    "nose_base": [[2.3, -1.25, 1.55], [4.0, -1.9, 0.7], [6.3, -1.1, -2.9]],
    "eye": [[0, 3.5, 1.8], [1.2, 3.3, 0.7], [4.9, 3.35, -0.75], [6.9, 3.2, -4.0]],
    "upper_lip": [[4.5, -3.3, 0.2], [6.5, -2.0, -3.6]],
    "upper_lip_edge": [[2.53, -3.515, 1.19], [4.5, -3.4, 0.2], [6.5, -2.1, -3.6]],
    "lower_lip_edge": [[2.53, -3.525, 1.19], [4.5, -3.5, 0.2], [6.5, -2.2, -3.6]],
    "lower_lip": [[4.5, -3.6, 0.2], [6.5, -2.3, -3.6]],
    "jaw": [[6.8, -2.4, -6.5]],
}
# Feature rows without landmarks (cm, right half).
_HAND_SET = {
    "hairline": [[0, 11.0, 0.3], [3, 10.6, -0.2], [5.6, 9.0, -1.8], [6.8, 7.0, -4.0], [7.4, 6.0, -6.5]],
    "brow_top": [
        [0, 6.3, 2.0], [1.2, 6.3, 1.75], [2.41, 6.65, 1.45], [3.8, 6.75, 0.8], [4.95, 6.35, -0.1],
        [5.85, 5.45, -1.15],
    ],
    "brow_bottom": [
        [0, 5.2, 2.05], [1.2, 5.45, 1.75], [2.41, 5.7, 1.45], [3.8, 5.8, 0.8], [4.95, 5.6, -0.1], [5.85, 4.95, -1.15],
    ],
    "crease": [
        [0, 4.4, 1.85], [1.3, 4.1, 0.95], [2.2, 4.5, 0.5], [3.3, 4.55, 0.25], [4.4, 4.2, -0.4], [5.2, 3.8, -1.0],
        [6.9, 3.6, -4.0],
    ],
    "bag": [
        [0, 2.6, 2.5], [1.5, 2.5, 0.9], [2.4, 2.1, 0.65], [3.5, 2.05, 0.4], [4.6, 2.4, -0.3], [5.6, 2.6, -1.5],
        [6.9, 2.7, -4.0],
    ],
    "throat": [[0, -8.3, -2.5], [2.5, -7.9, -3.2], [4.4, -6.9, -4.8], [5.2, -6.2, -6.5]],
}  # fmt: skip


def smooth_curve(x: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Shape-preserving cubic interpolation (Fritsch and Butland, 1984) of values at rising knots."""
    step = np.diff(knots)
    slope = np.diff(values) / step
    tangent = np.zeros(len(knots))
    left, right = slope[:-1], slope[1:]
    same = left * right > 0
    weight_left, weight_right = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    mean = (weight_left + weight_right) / (
        weight_left / np.where(same, left, 1) + weight_right / np.where(same, right, 1)
    )
    tangent[1:-1] = np.where(same, mean, 0)
    tangent[0], tangent[-1] = slope[0] if knots[0] > 0 else 0, 0
    i = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(step) - 1)
    t = np.clip((x - knots[i]) / step[i], 0, 1)
    h = step[i]
    return (
        (1 + 2 * t) * (1 - t) ** 2 * values[i]
        + t * (1 - t) ** 2 * h * tangent[i]
        + t**2 * (3 - 2 * t) * values[i + 1]
        + t**2 * (t - 1) * h * tangent[i + 1]
    )
