"""WFLW: 98 points per face in lists, mapped to 68, with its train and test parts and the six subsets of the test.

Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", 2018. A line holds 196 coordinates, and in the
`rect_attr` lists also the face's box, six flags (in the order of `SUBSETS`), then the picture.
"""

import re
from pathlib import PurePosixPath

import numpy as np

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats.point_maps import WFLW_98, dense_faults, to_68
from src.datasets.names import part_words
from src.datasets.path_rules import Statement
from src.datasets.stated_paths import PictureFinder
from src.errors import InputError
from src.reading import read_lines

SUBSETS = ("largepose", "expression", "illumination", "makeup", "occlusion", "blur")
_PREFIX = "list_98pt"
_COORDINATES, _BOX, _FLAGS = 196, 4, 6


def detect(folder: Folder) -> bool:
    return bool(_lists(folder))


def read(folder: Folder) -> Faces:
    """Faces in 68 points with their boxes and the subsets train, val, test and those of `SUBSETS`."""
    lists = _lists(folder)
    rows: dict[tuple, int] = {}  # (picture, first coordinates) -> row: one face stands in several lists
    statements, points, boxes, parts = [], [], [], []
    parsed = folder.parse(lists, lambda path: [_parse(line) for _, line in read_lines(path)])
    for file, faces in sorted(zip(lists, parsed, strict=True), key=lambda item: "rect_attr" not in item[0]):
        for stated, values, box, flags in faces:
            key = (stated, *values[:4].round(2))
            if key not in rows:
                rows[key] = len(statements)
                statements.append(Statement(file, stated))
                points.append(values.reshape(-1, 2))
                boxes.append(box)
                parts.append(set())
            parts[rows[key]] |= _parts(PurePosixPath(file).stem, flags)
    subsets = {name: np.array([name in part for part in parts]) for name in ("train", "val", "test", *SUBSETS)}
    names, remarks = PictureFinder(folder).locate_all(statements)
    dense = np.array(points).reshape(-1, _COORDINATES // 2, 2)
    return Faces(
        folder.root,
        np.array(names),
        to_68(dense, WFLW_98),
        boxes_image=np.array(boxes),
        faults=dense_faults(dense, WFLW_98),
        remarks=remarks,
        subsets={name: mask for name, mask in subsets.items() if mask.any()},
    )


def _lists(folder: Folder) -> list[str]:
    return [name for name in folder.ending(".txt") if PurePosixPath(name).name.startswith(_PREFIX)]


def _parse(line: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """Picture, coordinates (196), box (4), flags (6) bool."""
    plain, with_box = _COORDINATES, _COORDINATES + _BOX + _FLAGS
    numbers, name = _split(line, with_box) or _split(line, plain) or (np.empty(0), "")
    if not name:
        raise InputError(f"expected {plain + 1} or {with_box + 1} columns (98 points), found {len(line.split())}")
    has_box = len(numbers) == with_box
    box = numbers[_COORDINATES:][:_BOX] if has_box else np.full(_BOX, np.nan)
    flags = numbers[_COORDINATES + _BOX :] > 0 if has_box else np.zeros(_FLAGS, bool)
    return name.replace("\\", "/"), numbers[:_COORDINATES], box, flags


def _split(line: str, count: int) -> tuple[np.ndarray, str] | None:
    """`count` numbers and a picture, whose name may hold spaces but does not begin with another number; else None."""
    *numbers, name = line.strip().split(maxsplit=count)
    if len(numbers) < count or re.match(r"[-+.\d]+\s", name):
        return None
    try:
        return np.array(numbers, np.float64), name
    except ValueError:
        return None


def _parts(stem: str, flags: np.ndarray) -> set[str]:
    """What a list's name and a face's flags say; the six subsets are parts of the test alone."""
    words, parts = set(stem.split("_")), part_words(stem)
    if parts & {"train", "val"}:
        return parts
    return {"test", *words.intersection(SUBSETS), *np.array(SUBSETS)[flags]}
