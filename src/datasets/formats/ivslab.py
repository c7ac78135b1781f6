"""iVSLab's `.pts` files: 51 points per face (no jaw), one or more faces per picture, pixels counted from 0.

The challenge of ICME 2024 for embedded systems hands out and takes this form; it wants faces ordered from the picture's
right to its left.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from src.boxes import box_of_points
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import pts
from src.markup import INNER_51, NUM_POINTS

_ORIGIN = 0.0  # its tools are not MATLAB's: coordinates are the picture's own
BY_STEM = True
POINTS = (NUM_POINTS, len(INNER_51))


def detect(folder: Folder) -> bool:
    return pts.holds_inner_points(folder)


def read(folder: Folder) -> Faces:
    return pts.read_faces(folder, num_points=len(INNER_51), origin=_ORIGIN)


def write(faces: Faces, out: Path) -> None:
    """One .pts next to each picture, with a block per face. Faces of 68 points lose their jaw."""
    points = faces.points_image[:, INNER_51] if faces.num_points == NUM_POINTS else faces.points_image
    pts.write_faces(replace(faces, points_image=points).take(right_to_left(points)), out, origin=_ORIGIN)


def right_to_left(points_image: np.ndarray) -> np.ndarray:
    """The order (N,) of faces (N, K, 2) from the picture's right to its left, by the middle of their points' boxes."""
    left, _, right, _ = box_of_points(points_image).T
    return np.argsort(-(left + right) / 2, kind="stable")
