"""Microsoft's FaceSynthetics: NNNNNN.png with NNNNNN_ldmks.txt, 70 rows "x y"; the first 68 are ours, then the pupils.

Wood et al., "Fake It Till You Make It: Face Analysis in the Wild Using Synthetic Data Alone", 2021.
"""

from pathlib import Path

import numpy as np

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.errors import InputError
from src.markup import NUM_POINTS
from src.reading import MOST_OF_A_PICTURE, read_text

_ENDING = "_ldmks.txt"
_COUNT = 70


def detect(folder: Folder) -> bool:
    return bool(folder.ending(_ENDING))


def is_other_picture(name: str) -> bool:
    """Maps of the face's parts, which lie next to the pictures."""
    return name.lower().endswith("_seg.png")


def read(folder: Folder) -> Faces:
    files, points = folder.parse_each(folder.ending(_ENDING), _parse)
    names = [folder.picture(name[: -len(_ENDING)]) for name in files]
    return Faces(folder.root, np.array(names), np.array(points).reshape(-1, NUM_POINTS, 2))


def _parse(path: Path) -> np.ndarray:
    values = np.array(read_text(path, most=MOST_OF_A_PICTURE).split(), np.float64)
    if len(values) != 2 * _COUNT:
        raise InputError(f"expected {_COUNT} points, found {len(values) / 2:g}; the file may be truncated")
    return values.reshape(_COUNT, 2)[:NUM_POINTS]
