"""WFLW: 98 points a face in lists, mapped to 68, with its train and test parts and the six subsets of the test.

Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", 2018. A line holds 196 coordinates, and in the
`rect_attr` lists also the face's box, six flags (in the order of `SUBSETS`), then the picture.
"""

from pathlib import PurePosixPath

import numpy as np

from src.datasets.faces import Faces
from src.datasets.folder import Folder, read_text
from src.datasets.formats.point_maps import WFLW_98, to_68
from src.errors import InputError

SUBSETS = ("largepose", "expression", "illumination", "makeup", "occlusion", "blur")
_PREFIX = "list_98pt"
_COORDINATES, _BOX, _FLAGS = 196, 4, 6


def detect(folder: Folder) -> bool:
    return bool(_lists(folder))


def read(folder: Folder) -> Faces:
    """Faces in 68 points with their boxes and the subsets train, test and those of `SUBSETS`."""
    lists = _lists(folder)
    rows: dict[tuple, int] = {}  # (picture, first coordinates) -> row: one face stands in several lists
    names, points, boxes, parts = [], [], [], []
    parsed = folder.parse(lists, lambda path: [_parse(line) for line in read_text(path).splitlines() if line.strip()])
    for file, faces in sorted(zip(lists, parsed, strict=True), key=lambda item: "rect_attr" not in item[0]):
        for stated, values, box, flags in faces:
            key = (stated, *values[:4].round(2))
            if key not in rows:
                rows[key] = len(names)
                names.append(folder.locate(stated))
                points.append(values.reshape(-1, 2))
                boxes.append(box)
                parts.append(set())
            parts[rows[key]] |= _parts(PurePosixPath(file).stem, flags)
    subsets = {name: np.array([name in part for part in parts]) for name in ("train", "test", *SUBSETS)}
    return Faces(
        folder.root,
        np.array(names),
        to_68(np.array(points), WFLW_98) if points else np.empty((0, 68, 2)),
        boxes_image=np.array(boxes),
        subsets={name: mask for name, mask in subsets.items() if mask.any()},
    )


def _lists(folder: Folder) -> list[str]:
    return [name for name in folder.ending(".txt") if PurePosixPath(name).name.startswith(_PREFIX)]


def _parse(line: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """Picture, coordinates (196), box (4), flags (6) bool."""
    tokens = line.split()
    plain, with_box = _COORDINATES + 1, _COORDINATES + _BOX + _FLAGS + 1
    if len(tokens) not in (plain, with_box):
        raise InputError(f"expected {plain} or {with_box} columns (98 points), found {len(tokens)}")
    numbers = np.array(tokens[:-1], np.float64)
    has_box = len(tokens) == with_box
    box = numbers[_COORDINATES:][:_BOX] if has_box else np.full(_BOX, np.nan)
    flags = numbers[_COORDINATES + _BOX :] > 0 if has_box else np.zeros(_FLAGS, bool)
    return tokens[-1], numbers[:_COORDINATES], box, flags


def _parts(stem: str, flags: np.ndarray) -> set[str]:
    """What a list's name and a face's flags say; the six subsets are parts of the test alone."""
    words = set(stem.split("_"))
    if "train" in words:
        return {"train"}
    return {"test", *words.intersection(SUBSETS), *np.array(SUBSETS)[flags]}
