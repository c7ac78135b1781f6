"""YOLO-pose: images/**/NAME.jpg with labels/**/NAME.txt and a data yaml.

A label line is a face: class cx cy w h, then x y (visibility) of every point, all but class and visibility in shares of
the picture's sides. `kpt_shape: [K, 3]` in the yaml states K and whether visibility is there.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.datasets.cropping import face_boxes
from src.datasets.faces import Coordinates, Faces, stack_points
from src.datasets.folder import Folder, swap_folder
from src.datasets.names import spell_out
from src.datasets.picture_files import picture_sizes
from src.errors import InputError, about
from src.files import write_text
from src.markup import INNER_51, NUM_POINTS, flip_permutation
from src.reading import MOST_OF_A_PICTURE, read_lines, read_text

PICTURES = "images"
_LABELS = "labels"
_BOX = 5  # columns before the points: class, center, size
_MARKED = 2.0  # visibility of a marked and visible point
_SHAPE = re.compile(r"^[ \t]*kpt_shape:\s*(?:\[\s*(\d{1,4})\s*,\s*(\d)\s*\]|-\s*(\d{1,4})\s+-\s*(\d))", re.MULTILINE)
BY_STEM = True
POINTS = (NUM_POINTS, len(INNER_51))


class _Face(NamedTuple):
    """In shares of the picture: box (4) of center and size, points (K, 2); the class and whether all are marked."""

    number: float
    box: np.ndarray
    points: np.ndarray
    is_marked: bool


def detect(folder: Folder) -> bool:
    return bool(folder.ending(".txt", inside=_LABELS))


def read(folder: Folder) -> Faces:
    """Faces with their boxes; each folder of labels is a subset. A face with an unmarked point is left out.

    If visibility is not written, a placeholder says that a point is unmarked.
    """
    picture_of = {
        file: folder.picture(swap_folder(os.path.splitext(file)[0], _LABELS, PICTURES))
        for file in folder.ending(".txt", inside=_LABELS)
    }
    pictures = set(folder.pictures)
    others = [file for file in picture_of if picture_of[file] not in pictures and _is_no_label(folder.root / file)]
    files = [file for file in picture_of if file not in others]
    shapes = _stated_shapes(folder)
    files, parsed = folder.parse_each(files, lambda path: _parse(path, shapes))
    found = [(file, face) for file, faces in zip(files, parsed, strict=True) for face in faces]
    marked = [(file, face) for file, face in found if face.is_marked]
    names = [picture_of[file] for file, _ in marked]
    centers, sizes = np.array([face.box for _, face in marked]).reshape(-1, 2, 2).swapaxes(0, 1)
    classes = np.array([f"class {face.number:g}" for _, face in marked])
    parts = np.array([_part(file) for file, _ in marked])
    several = np.unique(classes).tolist()
    several = several if len(several) > 1 else []
    points, faults = stack_points([face.points for _, face in marked])
    return Faces(
        folder.root,
        np.array(names),
        points,
        faults=np.array(faults),
        boxes_image=np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1),
        subsets={
            **{name: classes == name for name in several},
            **{part: parts == part for part in np.unique(parts).tolist() if part},
        },
        left_out={
            "faces with unmarked points": [picture_of[file] for file, face in found if not face.is_marked],
            "pictures without a face": [
                picture_of[file] for file, faces in zip(files, parsed, strict=True) if not faces
            ],
            "other text files": others,
        },
        remarks=(f"faces of {len(several)} classes, each a subset ({spell_out(several)})",) if several else (),
        coordinates=Coordinates(in_shares=True, unmarked=True),
    )


def write(faces: Faces, out: Path) -> None:
    """Labels next to pictures that lie in out/images, and data.yaml; every point counts as visible."""
    sizes = picture_sizes([faces.path(row) for row in range(len(faces))])
    boxes = face_boxes(faces)
    lines: dict[str, list[str]] = {}
    for name, points, box, size in zip(faces.names, faces.points_image, boxes, sizes, strict=True):
        center, sides = (box[:2] + box[2:]) / 2 / size, (box[2:] - box[:2]) / size
        marked = np.column_stack([points / size, np.full(len(points), _MARKED)])
        row = " ".join(f"{value:.9f}" for value in (*center, *sides, *marked.ravel()))
        lines.setdefault(swap_folder(os.path.splitext(name)[0], PICTURES, _LABELS) + ".txt", []).append(f"0 {row}\n")
    for name, parts in lines.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("".join(parts), encoding="utf-8")
    yaml = {
        "path": ".",
        "train": PICTURES,
        "val": PICTURES,
        "kpt_shape": [faces.num_points, 3],
        "flip_idx": flip_permutation(faces.num_points).tolist(),
        "names": "{0: face}",
    }
    write_text(out / "data.yaml", "".join(f"{key}: {value}\n" for key, value in yaml.items()))


def _parse(path: Path, shapes: list[tuple[int, int]]) -> list[_Face]:
    faces = []
    for _, line in read_lines(path, most=MOST_OF_A_PICTURE):
        values = np.array(line.split(), np.float64)
        count, columns = _choose_shape(len(values) - _BOX, shapes)
        if len(values) != _BOX + count * columns:
            raise InputError(f"expected {_BOX} + {count} x {columns} columns, found {len(values)}")
        rows = values[_BOX:].reshape(count, columns)
        is_marked = columns == 2 or bool((rows[:, 2] > 0).all())
        faces.append(_Face(values[0], values[1:_BOX], rows[:, :2], is_marked))
    return faces


def _is_no_label(path: Path) -> bool:
    """Whether a text begins with a word, as the lists of classes or pictures that tools put next to the labels do."""
    with about(path):
        words = read_text(path, most=MOST_OF_A_PICTURE).split(maxsplit=1)
    try:
        float(words[0] if words else 0)
    except ValueError:
        return True
    return False


def _stated_shapes(folder: Folder) -> list[tuple[int, int]]:
    """The different shapes that the folder's yaml files state, of the data set or of models."""
    found = []
    for name in (*folder.ending(".yaml"), *folder.ending(".yml")):
        with about(folder.root / name):
            match = _SHAPE.search(read_text(folder.root / name, most=MOST_OF_A_PICTURE))
        if match:
            count, columns = (int(group) for group in match.groups() if group)
            found.append((count, columns))
    return list(dict.fromkeys(found))


def _choose_shape(columns: int, shapes: list[tuple[int, int]]) -> tuple[int, int]:
    """The shape of a line with this many columns of points. Raises InputError if several of the stated ones fit."""
    if not shapes:
        return _guess_shape(columns)
    fitting = [shape for shape in shapes if shape[0] * shape[1] == columns]
    if len(fitting) > 1:
        raise InputError(
            f"expected one kpt_shape for {columns} columns of points, found {list(fitting[0])} and {list(fitting[1])} "
            "in the yaml files; move the others away"
        )
    return fitting[0] if fitting else shapes[0]


def _guess_shape(columns: int) -> tuple[int, int]:
    for count in (NUM_POINTS, len(INNER_51)):
        if columns in (2 * count, 3 * count):
            return count, columns // count
    raise InputError(f"expected a data yaml with kpt_shape, or 68 or 51 points, found {columns} columns of points")


def _part(file: str) -> str:
    """train or val: the folder inside labels/, or the one that holds it."""
    parts = PurePosixPath(file).parts
    place = parts.index(_LABELS)
    inside, before = parts[place + 1 : -1], parts[:place]
    return inside[0] if inside else before[-1] if before else ""
