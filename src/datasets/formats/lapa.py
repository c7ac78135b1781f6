"""LaPa: {train,val,test}/images/NAME.jpg with landmarks/NAME.txt, a count and 106 rows "x y", mapped to 68.

Liu et al., "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", 2020.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats.point_maps import LAPA_106, dense_faults, to_68
from src.errors import InputError
from src.reading import MOST_OF_A_PICTURE, read_text

_COUNT = 106
_PARTS = ("train", "val", "test")


def detect(folder: Folder) -> bool:
    return bool(_files(folder))


def is_other_picture(name: str) -> bool:
    """Maps of the face's parts, in folders of their own."""
    return PurePosixPath(name).parts[-2:-1] == ("labels",)


def read(folder: Folder) -> Faces:
    """Faces in 68 points, with the subsets train, val and test."""
    files, parsed = folder.parse_each(_files(folder), _parse)
    points = np.array(parsed).reshape(-1, _COUNT, 2)
    parts = [PurePosixPath(name).parts for name in files]
    names = [folder.picture(str(PurePosixPath(*path[:-2], "images", path[-1]).with_suffix(""))) for path in parts]
    subsets = {part: np.array([path[-3:-2] == (part,) for path in parts]) for part in _PARTS}
    return Faces(
        folder.root,
        np.array(names),
        to_68(points, LAPA_106),
        faults=dense_faults(points, LAPA_106),
        subsets={part: mask for part, mask in subsets.items() if mask.any()},
    )


def _files(folder: Folder) -> list[str]:
    return [name for name in folder.ending(".txt") if PurePosixPath(name).parts[-2:-1] == ("landmarks",)]


def _parse(path: Path) -> np.ndarray:
    stated, *values = read_text(path, most=MOST_OF_A_PICTURE).split() or [""]
    if stated != str(_COUNT) or len(values) != 2 * _COUNT:
        raise InputError(f"expected {_COUNT} and that many points, found {stated!r} and {len(values) / 2:g} points")
    return np.array(values, np.float64).reshape(_COUNT, 2)
