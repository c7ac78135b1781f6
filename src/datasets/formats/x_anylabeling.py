"""X-AnyLabeling: a .json beside each picture, with a rectangle and numbered points per face, tied by their group_id."""

import json
import os
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.datasets.cropping import face_boxes
from src.datasets.faces import Coordinates, Faces, stack_points
from src.datasets.folder import Folder
from src.datasets.json_files import SHAPES, has_kind, read_kind, stated_path, stated_size
from src.datasets.names import spell_out
from src.datasets.pictures import picture_sizes
from src.datasets.stated_paths import PictureFinder, Statement
from src.errors import InputError

_VERSION = "2.3.1"
_LABEL = "face"
BY_STEM = True


def detect(folder: Folder) -> bool:
    return has_kind(folder, SHAPES)


def read(folder: Folder) -> Faces:
    """Every face whose points are numbered from 0 without a gap; its box is its rectangle, if it has one."""
    files, others = read_kind(folder, SHAPES, _parse, each=True)
    pictures, remarks = _find_pictures(folder, files)
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
    """Of one file: points (K, 2) and box (4) of each face, the picture's stated path and size (2)."""

    faces: list[tuple[np.ndarray, np.ndarray]]
    path: str
    size: np.ndarray


def _find_pictures(folder: Folder, files: dict[str, _Content]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The picture of each file: the stated one, else the one beside it; and what to remark."""
    finder = PictureFinder(folder)
    stated = {file: content.path for file, content in files.items() if content.path and finder.is_known(content.path)}
    names, remarks = finder.locate_all([Statement(file, path) for file, path in stated.items()])
    pictures = dict(zip(stated, names, strict=True))
    _check_renamed(folder, pictures)
    stems = {file: str(PurePosixPath(file).with_suffix("")) for file in files if file not in stated}
    pictures |= {file: folder.picture(stem) for file, stem in stems.items()}
    taken = [
        f"{files[file].path} -> {pictures[file]}"
        for file, stem in stems.items()
        if files[file].path and folder.has_picture(stem)
    ]
    if taken:
        remarks = (*remarks, f"{len(taken)} absent pictures taken to be those beside their labels ({spell_out(taken)})")
    return pictures, remarks


def _check_renamed(folder: Folder, pictures: dict[str, str]) -> None:
    """Raise InputError for a file that states another file's picture and lies beside one of its own name: renamed with
    its picture, but not inside."""
    files_of: dict[str, list[str]] = defaultdict(list)
    for file, picture in pictures.items():
        files_of[picture].append(file)
    known = {os.path.splitext(name)[0]: name for name in folder.pictures}
    for picture, files in files_of.items():
        for file in files if len(files) > 1 else ():
            beside = known.get(os.path.splitext(file)[0], picture)
            if os.path.splitext(beside)[0] != os.path.splitext(picture)[0]:
                other = next(name for name in files if name != file)
                raise InputError(
                    f"{folder.root}: expected a picture for each file, found {picture} stated in {other} and {file}, "
                    f"beside which lies {beside}; correct its imagePath, such as to {PurePosixPath(beside).name}"
                )


def _parse(content: dict) -> _Content:
    points: dict[object, dict[int, list[float]]] = defaultdict(dict)
    boxes: dict[object, np.ndarray] = {}
    for shape in content["shapes"]:
        group, corners = shape.get("group_id"), np.array(shape["points"], np.float64)
        if shape["shape_type"] in ("rectangle", "point") and corners.shape[1:] != (2,):
            raise InputError(
                f"expected points x, y of a {shape['shape_type']}, found an array of shape {corners.shape}"
            )
        if shape["shape_type"] == "rectangle":
            boxes[group] = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        elif shape["shape_type"] == "point" and str(shape["label"]).isdigit():
            number = int(shape["label"])
            if number in points[group]:
                raise InputError(f"expected each point of group {group} once, found {number} again; group each face")
            points[group][number] = corners[0]
    for group, face in points.items():
        if sorted(face) != list(range(len(face))):
            raise InputError(f"expected points 0 to {max(face)} of group {group}, found {len(face)} of them")
    nowhere = np.full(4, np.nan)
    faces = [
        (np.array([face[i] for i in range(len(face))]), boxes.get(group, nowhere)) for group, face in points.items()
    ]
    size = stated_size(content.get("imageWidth"), content.get("imageHeight"))
    return _Content(faces, stated_path(content.get("imagePath") or ""), size)


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
