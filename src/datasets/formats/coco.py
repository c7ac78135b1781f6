"""COCO keypoints: a .json of images, annotations (bbox; keypoints x y visibility) and categories, beside the pictures.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014.
"""

import json
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.datasets.cropping import face_boxes
from src.datasets.faces import Faces, stack_points
from src.datasets.folder import PEEKED, Folder, json_head, read_json
from src.datasets.pictures import picture_sizes
from src.errors import InputError
from src.files import atomic_path

PICTURES = "images"
FILE = "faces.json"
_KEYS = ('"annotations"', '"images"', '"categories"')
_MARKED = 2  # visibility of a marked and visible point


class _Content(NamedTuple):
    """Of one file: picture, points (K, 2) and box (4) of each face, and how much of it was left out."""

    faces: list[tuple[str, np.ndarray, np.ndarray]]
    unmarked: int
    empty: int


def detect(folder: Folder) -> bool:
    return any(_is_coco(folder.root / name) for name in folder.ending(".json")[:PEEKED])


def read(folder: Folder) -> Faces:
    """The faces of all such files, each file a subset by its name. A face with an unmarked point is left out."""
    files = [name for name in folder.ending(".json") if _is_coco(folder.root / name)]
    parsed = folder.parse(files, _parse)
    faces = [(file, *face) for file, content in zip(files, parsed, strict=True) for face in content.faces]
    names = [folder.locate(stated) for _, stated, _, _ in faces]
    return Faces(
        folder.root,
        np.array(names),
        stack_points(folder.root, names, [points for _, _, points, _ in faces]),
        boxes_image=np.array([box for _, _, _, box in faces]).reshape(-1, 4),
        subsets={PurePosixPath(file).stem: np.array([face[0] == file for face in faces]) for file in files},
        left_out={
            "faces with unmarked points": sum(content.unmarked for content in parsed),
            "pictures without a face": sum(content.empty for content in parsed),
        },
    )


def write(faces: Faces, out: Path) -> None:
    """One file, written a face at a time, so that its size does not count in memory."""
    names, picture_of = np.unique(faces.names, return_inverse=True)
    sizes = picture_sizes([faces.root / name for name in names])
    boxes = face_boxes(faces)
    images = [
        {"id": i, "file_name": str(name), "width": int(width), "height": int(height)}
        for i, (name, (width, height)) in enumerate(zip(names, sizes, strict=True))
    ]
    category = {"id": 1, "name": "face", "keypoints": [str(i) for i in range(faces.num_points)], "skeleton": []}
    with atomic_path(out / FILE) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(f'{{"images": {json.dumps(images)},\n"categories": {json.dumps([category])},\n"annotations": [')
        for i, (points, box) in enumerate(zip(faces.points_image, boxes, strict=True)):
            width, height = box[2:] - box[:2]
            annotation = {
                "id": i,
                "image_id": int(picture_of[i]),
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [round(value, 6) for value in (box[0], box[1], width, height)],
                "area": round(width * height, 6),
                "num_keypoints": len(points),
                "keypoints": [value for x, y in points.round(6).tolist() for value in (x, y, _MARKED)],
            }
            file.write((",\n" if i else "\n") + json.dumps(annotation))
        file.write("\n]}\n")


def _is_coco(path: Path) -> bool:
    head = json_head(path)
    return '"shapes"' not in head and any(key in head for key in _KEYS)


def _parse(path: Path) -> _Content:
    content = read_json(path)
    missing = [key for key in ("images", "annotations") if not isinstance(content.get(key), list)]
    if missing:
        raise InputError(f"expected lists called images and annotations, found no {missing[0]}")
    pictures = {image["id"]: image["file_name"] for image in content["images"]}
    faces, unmarked = [], 0
    for annotation in content["annotations"]:
        rows, image = np.array(annotation.get("keypoints", []), np.float64), annotation["image_id"]
        if rows.size % 3 or image not in pictures:
            raise InputError(
                f"expected x, y, visibility of a listed image, found {rows.size} numbers for image {image}"
            )
        rows = rows.reshape(-1, 3)
        if len(rows) == 0 or (rows[:, 2] == 0).any():
            unmarked += 1
            continue
        left, top, width, height = annotation.get("bbox") or [np.nan] * 4
        faces.append((pictures[image], rows[:, :2], np.array([left, top, left + width, top + height])))
    annotated = {annotation["image_id"] for annotation in content["annotations"]}
    return _Content(faces, unmarked, len(set(pictures) - annotated))
