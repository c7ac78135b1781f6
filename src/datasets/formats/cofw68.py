"""COFW-68: 68 points on the 507 test faces of COFW, a `N_points.mat` for picture N.

Ghiasi and Fowlkes, "Occlusion Coherence: Detecting and Localizing Occluded Faces", 2015. MATLAB counts from 1. COFW
itself hands its pictures out inside COFW_test_color.mat; they have to lie in the folder as 1.png (or .jpg) and so on.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from src.datasets.faces import Coordinates, Faces
from src.datasets.folder import Folder
from src.datasets.formats.mat import read_mat
from src.datasets.formats.pts import MATLAB_ORIGIN
from src.errors import InputError
from src.markup import NUM_POINTS

_ENDING = "_points.mat"
_PICTURES = "_color.mat"


def detect(folder: Folder) -> bool:
    return bool(folder.ending(_ENDING))


def read(folder: Folder) -> Faces:
    files, parsed = folder.parse_each(folder.ending(_ENDING), _parse)
    names = [folder.locate_stem(PurePosixPath(name).name[: -len(_ENDING)], part="test") for name in files]
    if folder.ending(_PICTURES) and not any((folder.root / name).is_file() for name in names):
        raise InputError(
            f"{folder.root}: expected pictures 1.png, 2.png, ..., found them inside {folder.ending(_PICTURES)[0]}; in "
            "MATLAB, load it and call imwrite(IsT{i}, sprintf('%d.png', i)) for each i"
        )
    points = np.array(parsed).reshape(-1, NUM_POINTS, 2)
    return Faces(folder.root, np.array(names), points, coordinates=Coordinates(MATLAB_ORIGIN))


def _parse(path: Path) -> np.ndarray:
    points = read_mat(path, "Points").get("Points")
    if points is None or points.shape != (NUM_POINTS, 2):
        raise InputError(f"expected Points ({NUM_POINTS}, 2), found {'none' if points is None else points.shape}")
    return points
