"""X-AnyLabeling: a .json beside each picture, with a rectangle and numbered points per face, tied by their group_id.

LabelMe's files with such points are the same.
"""

import base64
import io
import json
import os
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.boxes import box_of_points
from src.datasets.cropping import face_boxes
from src.datasets.faces import Coordinates, Faces, stack_points
from src.datasets.folder import Folder
from src.datasets.json_files import SHAPES, has_kind, read_kind, stated_path, stated_size
from src.datasets.names import spell_out
from src.datasets.pictures import open_picture, picture_sizes
from src.datasets.point_names import numbers_of
from src.datasets.stated_paths import PictureFinder, Statement
from src.errors import InputError
from src.markup import INNER_51, NUM_POINTS

_VERSION = "2.3.1"
_LABEL = "face"
BY_STEM = True
# The numbers besides 0 that points may begin with, by their count; 51 may have their numbers among the 68.
_OTHER_FIRSTS = {NUM_POINTS: (1,), len(INNER_51): (1, INNER_51[0], INNER_51[0] + 1)}


def detect(folder: Folder) -> bool:
    return has_kind(folder, SHAPES)


def read(folder: Folder) -> Faces:
    """Every face whose points are numbered from 0 without a gap, or as `_OTHER_FIRSTS` says; its box is its rectangle,
    if it has one."""
    files, others = read_kind(folder, SHAPES, _parse, each=True)
    pictures, remarks = _find_pictures(folder, files)
    for first in sorted({first for content in files.values() for first in content.firsts} - {0}):
        names = [pictures[file] for file, content in files.items() if first in content.firsts]
        remarks = (*remarks, f"points of {len(names)} pictures are numbered from {first} ({spell_out(names)})")
    rows = [(file, *face) for file, content in files.items() for face in content.faces]
    names = [pictures[file] for file, _, _ in rows]
    sizes = np.array([files[file].size for file, _, _ in rows]).reshape(-1, 2)
    return Faces(
        folder.root,
        np.array(names),
        stack_points(folder.root, names, [points for _, points, _ in rows]),
        boxes_image=np.array([box for _, _, box in rows]).reshape(-1, 4),
        left_out={
            "pictures without a face": [pictures[file] for file, content in files.items() if not content.faces],
            "groups of points without numbers, in pictures": [
                pictures[file] for file, content in files.items() if content.faces and content.has_unnumbered
            ],
            "other .json files": others,
        },
        remarks=remarks,
        coordinates=Coordinates(stated_size=sizes),
    )


def write(faces: Faces, out: Path) -> None:
    """One .json beside each picture."""
    names, picture_of = np.unique(faces.names, return_inverse=True)
    sizes = picture_sizes([faces.root / name for name in names])
    boxes = face_boxes(faces)
    order = np.argsort(picture_of, kind="stable")
    starts = np.searchsorted(picture_of[order], np.arange(len(names) + 1))
    for i, (name, (width, height)) in enumerate(zip(names, sizes, strict=True)):
        rows = order[starts[i] : starts[i + 1]]
        content = {
            "version": _VERSION,
            "flags": {},
            "shapes": [
                shape for group, row in enumerate(rows) for shape in _shapes(faces.points_image[row], boxes[row], group)
            ],
            "imagePath": PurePosixPath(name).name,
            "imageData": None,
            "imageHeight": int(height),
            "imageWidth": int(width),
        }
        path = out / PurePosixPath(name).with_suffix(".json")
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


class _Content(NamedTuple):
    """Of one file: points (K, 2) and box (4) of each face, the picture's stated path and size (2), the first numbers of
    its faces' points, and whether a group of points has no numbers."""

    faces: list[tuple[np.ndarray, np.ndarray]]
    path: str
    size: np.ndarray
    firsts: set[int]
    has_unnumbered: bool


def _find_pictures(folder: Folder, files: dict[str, _Content]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The picture of each file: the stated one, else the one beside it; and what to remark."""
    finder = PictureFinder(folder)
    stated = {file: content.path for file, content in files.items() if content.path and finder.is_known(content.path)}
    names, remarks = finder.locate_all([Statement(file, path) for file, path in stated.items()])
    pictures = dict(zip(stated, names, strict=True))
    stems = {file: str(PurePosixPath(file).with_suffix("")) for file in files if file not in stated}
    pictures |= {file: folder.picture(stem) for file, stem in stems.items()}
    files_of: dict[str, list[str]] = defaultdict(list)
    for file, picture in pictures.items():
        files_of[picture].append(file)
    several = {picture: found for picture, found in files_of.items() if len(found) > 1}
    _check_renamed(folder, several)
    taken = [
        f"{files[file].path} -> {pictures[file]}"
        for file, stem in stems.items()
        if files[file].path and folder.has_picture(stem)
    ]
    if taken:
        remarks = (*remarks, f"{len(taken)} absent pictures taken to be those beside their labels ({spell_out(taken)})")
    if several:
        shared = [f"{picture}: {' and '.join(found)}" for picture, found in several.items()]
        remarks = (*remarks, f"{len(shared)} pictures have several label files, all of them read ({spell_out(shared)})")
    return pictures, remarks


def _check_renamed(folder: Folder, several: dict[str, list[str]]) -> None:
    """Raise InputError for a file that states another file's picture and lies beside one of its own name: renamed with
    its picture, but not inside. several: the label files of each picture that has more than one."""
    known = {os.path.splitext(name)[0]: name for name in folder.pictures}
    for picture, files in several.items():
        for file in files:
            beside = known.get(os.path.splitext(file)[0], picture)
            if os.path.splitext(beside)[0] != os.path.splitext(picture)[0]:
                other = next(name for name in files if name != file)
                raise InputError(
                    f"{folder.root}: expected a picture for each file, found {picture} for {other} and {file}, "
                    f"beside which lies {beside}; correct its imagePath, such as to {PurePosixPath(beside).name}"
                )


def _parse(content: dict) -> _Content:
    points: dict[object, list[tuple[str, np.ndarray]]] = defaultdict(list)
    rectangles: dict[object, list[np.ndarray]] = defaultdict(list)
    for shape in content["shapes"]:
        group, corners = shape.get("group_id"), np.array(shape["points"], np.float64)
        if shape["shape_type"] in ("rectangle", "point") and corners.shape[1:] != (2,):
            raise InputError(
                f"expected points x, y of a {shape['shape_type']}, found an array of shape {corners.shape}"
            )
        if shape["shape_type"] == "rectangle":
            rectangles[group].append(np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
        elif shape["shape_type"] == "point":
            points[group].append((str(shape["label"]).strip(), corners[0]))
    numbered = {group: found for group, shapes in points.items() if (found := _number(group, shapes))}
    return _Content(
        [(face, _box_of(face, rectangles[group])) for group, (face, _) in numbered.items()],
        stated_path(content.get("imagePath") or ""),
        _stated_size(content),
        firsts={first for _, first in numbered.values()},
        has_unnumbered=len(numbered) < len(points),
    )


def _number(group: object, shapes: list[tuple[str, np.ndarray]]) -> tuple[np.ndarray, int] | None:
    """A group's points (K, 2) in the order of their numbers, and the first number; None if they are not numbered.

    Points with other names are left out if the others' names are numbers alone.
    """
    plain = [shape for shape in shapes if shape[0].isdecimal()]
    shapes = plain or shapes
    labels = [label for label, _ in shapes]
    numbers = list(map(int, labels)) if plain else numbers_of(labels)
    if numbers is None:
        return None
    face: dict[int, np.ndarray] = {}
    for number, (_, point) in zip(numbers, shapes, strict=True):
        if number in face:
            raise InputError(f"expected each point of group {group} once, found {number} again; group each face")
        face[number] = point
    first = min(face) if min(face) in _OTHER_FIRSTS.get(len(face), ()) else 0
    if sorted(face) != list(range(first, first + len(face))):
        raise InputError(f"expected points 0 to {max(face)} of group {group}, found {len(face)} of them")
    return np.array([face[number] for number in sorted(face)]), first


def _box_of(points: np.ndarray, rectangles: list[np.ndarray]) -> np.ndarray:
    """The rectangle (4) of a face (K, 2): of several, such as its mouth's or another face's, the one nearest to its
    points' box; NaN if there is none."""
    around = box_of_points(points[None])[0]
    nowhere = np.full(4, np.nan)
    return min(rectangles, key=lambda rectangle: np.abs(rectangle - around).sum(), default=nowhere)


def _stated_size(content: dict) -> np.ndarray:
    """(2,) width and height of the picture that was labeled: the one inside the file, which the tools show instead of
    that on disk, else as stated; NaN if unknown."""
    stated = stated_size(content.get("imageWidth"), content.get("imageHeight"))
    data = content.get("imageData")
    if not isinstance(data, str) or not data:
        return stated
    try:
        with open_picture(io.BytesIO(base64.b64decode(data))) as image:
            inside = np.array(image.size, np.float64)
    except (InputError, ValueError):
        return stated
    # Sides the other way round are those of a picture turned by EXIF, which the stated ones know of.
    return stated if np.array_equal(np.sort(inside), np.sort(stated)) else inside


def _shapes(points: np.ndarray, box: np.ndarray, group: int) -> list[dict]:
    left, top, right, bottom = box.round(6).tolist()
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    rectangle = _shape(_LABEL, corners, kind="rectangle", group=group)
    numbered = enumerate(points.round(6).tolist())
    return [rectangle, *(_shape(str(i), [point], kind="point", group=group) for i, point in numbered)]


def _shape(label: str, points: list[list[float]], *, kind: str, group: int) -> dict:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "shape_type": kind,
        "difficult": False,
        "flags": {},
        "attributes": {},
    }
