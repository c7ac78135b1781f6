"""What a prepared set holds, in numbers: one row per face, for tables and histograms."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from src.datasets.prepared import PreparedFaces
from src.errors import InputError
from src.transforms import LUMA


def split_sources(folders: Iterable[PreparedFaces]) -> dict[str, tuple[PreparedFaces, np.ndarray]]:
    """The sources of some prepared sets: name -> the set that holds it and its rows there (N,).

    Folders of the same name that were prepared together are one source. Raises InputError if two sets have a source of
    the same name.
    """
    sources: dict[str, tuple[PreparedFaces, np.ndarray]] = {}
    for faces in folders:
        for name in map(str, dict.fromkeys(faces.source_names)):
            if name in sources:
                raise InputError(f"expected sources of different names, found {name} twice")
            sources[name] = faces, np.flatnonzero(faces.source_names[faces.source] == name)
    return sources


def describe_faces(faces: PreparedFaces, rows: np.ndarray) -> pd.DataFrame:
    """One row for each of `rows` (N,), indices into `faces`.

    Columns: pitch, yaw, roll in degrees; picture, sqrt(H W) in pixels; face, the points' box in percent of the picture;
    brightness and contrast, the mean and standard deviation of the luma inside that box in percent of the full range.
    """
    points_image, size = faces.points_image[rows], faces.size[rows]
    picture = np.sqrt(size.prod(axis=1, dtype=np.float64))
    box = np.ptp(points_image, axis=1)  # (N, 2) pixels
    light = np.array([_luma(faces.images[row], faces.points_unit[row]) for row in rows]).reshape(-1, 2)
    pitch, yaw, roll = faces.euler[rows].T.astype(float)
    return pd.DataFrame(
        {
            "pitch": pitch,
            "yaw": yaw,
            "roll": roll,
            "picture": picture,
            "face": 100 * np.sqrt(box.prod(axis=1)) / picture,
            "brightness": light[:, 0],
            "contrast": light[:, 1],
        }
    )


def _luma(square: np.ndarray, points_unit: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the luma inside the points' box, in percent. square: (S, S, 3) uint8."""
    side = len(square)
    left, top = np.clip(np.floor(points_unit.min(axis=0) * side), 0, side - 1).astype(int)
    right, bottom = np.clip(np.ceil(points_unit.max(axis=0) * side), (left + 1, top + 1), side).astype(int)
    luma = square[top:bottom, left:right] @ np.array(LUMA) / 2.55
    return float(luma.mean()), float(luma.std())
