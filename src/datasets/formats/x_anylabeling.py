"""X-AnyLabeling: a .json next to each picture, with a rectangle and numbered points per face, tied by their group_id.

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

from src.datasets.cropping import face_boxes, nearest_box
from src.datasets.faces import Coordinates, Faces, stack_points
from src.datasets.folder import Folder
from src.datasets.json_files import SHAPES, has_kind, read_kind, stated_path, stated_size
from src.datasets.names import counted_names
from src.datasets.path_rules import Statement
from src.datasets.picture_files import open_picture, picture_sizes
from src.datasets.point_names import first_number_remarks, order_numbered
from src.datasets.stated_paths import PictureFinder
from src.errors import InputError

_VERSION = "2.3.1"
_LABEL = "face"
BY_STEM = True


def detect(folder: Folder) -> bool:
    return has_kind(folder, SHAPES)


def read(folder: Folder) -> Faces:
    """Every face whose points are numbered without a gap (`order_numbered`); its box is its rectangle, if any. Each of
    several folders of label files is a subset."""
    files, others = read_kind(folder, SHAPES, _parse, each=True)
    pictures, remarks = _find_pictures(folder, files)
    rows = [(file, face) for file, content in files.items() for face in content.faces]
    names = [pictures[file] for file, _ in rows]
    sizes = np.array([files[file].size for file, _ in rows]).reshape(-1, 2)
    folders = np.array([str(PurePosixPath(file).parent) for file, _ in rows])
    several = np.unique(folders).tolist()
    points, faults = stack_points([face.points for _, face in rows])
    return Faces(
        folder.root,
        np.array(names),
        points,
        faults=np.array(faults),
        boxes_image=np.array([face.box for _, face in rows]).reshape(-1, 4),
        subsets={name: folders == name for name in several} if len(several) > 1 else {},
        left_out={
            "pictures without a face": [pictures[file] for file, content in files.items() if not content.faces],
            "groups of points without numbers, in pictures": [
                pictures[file] for file, content in files.items() if content.faces and content.has_unnumbered
            ],
            "shapes other than points and rectangles, in pictures": [
                pictures[file] for file, content in files.items() for _ in range(content.other_shapes)
            ],
            "other .json files": others,
        },
        remarks=(*remarks, *first_number_remarks(names, [face.first for _, face in rows])),
        coordinates=Coordinates(stated_size=sizes),
    )


def write(faces: Faces, out: Path) -> None:
    """One .json next to each picture."""
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


class _Face(NamedTuple):
    """Points (K, 2) and box (4) of a face, and the number of its first point."""

    points: np.ndarray
    box: np.ndarray
    first: int


class _Content(NamedTuple):
    """Of one file: its faces, the picture's stated path and size (2), whether a group of points has no numbers, and how
    many shapes are neither points nor rectangles."""

    faces: list[_Face]
    path: str
    size: np.ndarray
    has_unnumbered: bool
    other_shapes: int


def _find_pictures(folder: Folder, files: dict[str, _Content]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The picture of each file: the stated one, else the one next to it; and what to remark."""
    finder, known = PictureFinder(folder), set(folder.pictures)
    stated = {
        file: content.path
        for file, content in files.items()
        if finder.is_known(content.path) and not _is_converted(folder, file, content.path, known)
    }
    names, remarks = finder.locate_all([Statement(file, path) for file, path in stated.items()])
    pictures = dict(zip(stated, names, strict=True))
    stems = {file: str(PurePosixPath(file).with_suffix("")) for file in files if file not in stated}
    pictures |= {file: folder.picture(stem) for file, stem in stems.items()}
    files_of: dict[str, list[str]] = defaultdict(list)
    for file, picture in pictures.items():
        files_of[picture].append(file)
    several = {picture: found for picture, found in files_of.items() if len(found) > 1}
    neighbors = _neighbors(folder, pictures)
    _check_renamed(folder, several, neighbors)
    if neighbors:
        others = [f"{file} -> {pictures[file]}" for file in neighbors]
        remarks = (*remarks, counted_names(others, "files with another picture than that of their name"))
    taken = [
        f"{files[file].path} -> {pictures[file]}"
        for file, stem in stems.items()
        if files[file].path and folder.has_picture(stem)
    ]
    if taken:
        remarks = (*remarks, counted_names(taken, "absent pictures taken to be those at their labels"))
    if several:
        shared = [f"{picture}: {' and '.join(found)}" for picture, found in several.items()]
        remarks = (*remarks, counted_names(shared, "pictures with several label files, all of them read"))
    return pictures, remarks


def _is_converted(folder: Folder, file: str, path: str, known: set[str]) -> bool:
    """Whether a picture stated as 1.jpg lies next to its labels as 1.png; another 1.jpg elsewhere is not meant then."""
    own = PurePosixPath(file)
    is_namesake = path == PurePosixPath(path).name and PurePosixPath(path).stem == own.stem
    return is_namesake and str(own.with_name(path)) not in known and folder.has_picture(str(own.with_suffix("")))


def _neighbors(folder: Folder, pictures: dict[str, str]) -> dict[str, str]:
    """The picture of its own name that lies next to a label file, for each file whose picture has another name."""
    known = {os.path.splitext(name)[0]: name for name in folder.pictures}
    neighbors = {file: known.get(os.path.splitext(file)[0], picture) for file, picture in pictures.items()}
    return {
        file: neighbor
        for file, neighbor in neighbors.items()
        if os.path.splitext(neighbor)[0] != os.path.splitext(pictures[file])[0]
    }


def _check_renamed(folder: Folder, several: dict[str, list[str]], neighbors: dict[str, str]) -> None:
    """Raise InputError for a file that states another file's picture and has a neighbor (`_neighbors`): renamed with
    its picture, but not inside. several: the label files of each picture that has more than one."""
    for picture, files in several.items():
        for file in files:
            if file in neighbors:
                other = next(name for name in files if name != file)
                raise InputError(
                    f"{folder.root}: expected a picture for each file, found {picture} for {other} and {file}, next to "
                    f"which lies {neighbors[file]}; correct its imagePath, such as to "
                    f"{PurePosixPath(neighbors[file]).name}"
                )


def _parse(content: dict) -> _Content:
    points: dict[object, list[tuple[str, np.ndarray]]] = defaultdict(list)
    rectangles: dict[object, list[np.ndarray]] = defaultdict(list)
    shapes = [shape for shape in content["shapes"] if shape["shape_type"] in ("rectangle", "point")]
    for shape in shapes:
        group, kind, corners = shape.get("group_id"), shape["shape_type"], np.array(shape["points"], np.float64)
        if corners.shape[1:] != (2,) or (kind == "point" and len(corners) != 1):
            raise InputError(f"expected x, y of each corner of a {kind}, found an array of shape {corners.shape}")
        if kind == "rectangle":
            rectangles[group].append(np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
        else:
            points[group].append((str(shape["label"]), corners[0]))
    numbered = {
        group: found
        for group, shapes in points.items()
        if (found := order_numbered(*zip(*shapes, strict=True), whose=f"group {group}"))
    }
    return _Content(
        [_Face(face, nearest_box(face, rectangles[group]), first) for group, (face, first) in numbered.items()],
        stated_path(content.get("imagePath") or ""),
        _stated_size(content),
        has_unnumbered=len(numbered) < len(points),
        other_shapes=len(content["shapes"]) - len(shapes),
    )


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
