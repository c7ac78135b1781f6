"""COCO keypoints: a .json of images, annotations (bbox; keypoints x y visibility) and categories, beside the pictures.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014.
"""

import json
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.datasets.cropping import face_boxes
from src.datasets.faces import Convention, Faces, stack_points
from src.datasets.folder import Folder
from src.datasets.json_files import COCO, has_kind, read_kind, stated_path, stated_size
from src.datasets.pictures import picture_sizes
from src.datasets.stated_paths import PictureFinder, Statement
from src.errors import InputError
from src.files import atomic_path

PICTURES = "images"
FILE = "faces.json"
_UNMARKED, _MARKED = 0, 2  # visibility of a point without a place, and of a marked and visible one


class _Content(NamedTuple):
    """Of one file: picture, its stated size (2), points (K, 2) and box (4) of each face; the pictures left out."""

    faces: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]
    unmarked: list[str]
    empty: list[str]


def detect(folder: Folder) -> bool:
    return has_kind(folder, COCO)


def read(folder: Folder) -> Faces:
    """The faces of all such files, each file a subset by its name. A face with an unmarked point is left out."""
    files, others = read_kind(folder, COCO, _parse)
    faces = [(file, *face) for file, content in files.items() for face in content.faces]
    others_of = {
        words: [Statement(file, stated) for file, content in files.items() for stated in getattr(content, kind)]
        for words, kind in (("faces with unmarked points", "unmarked"), ("pictures without a face", "empty"))
    }
    statements = [Statement(file, stated) for file, stated, *_ in faces]
    finder = PictureFinder(folder)
    names, remarks = finder.locate_all(statements)
    return Faces(
        folder.root,
        np.array(names),
        stack_points(folder.root, names, [points for _, _, _, points, _ in faces]),
        boxes_image=np.array([box for *_, box in faces]).reshape(-1, 4),
        subsets={PurePosixPath(file).stem: np.array([face[0] == file for face in faces]) for file in files},
        left_out={
            **{words: finder.locate_all(stated)[0] for words, stated in others_of.items()},
            "other .json files": others,
        },
        remarks=remarks,
        convention=Convention(stated_size=np.array([size for _, _, size, _, _ in faces]).reshape(-1, 2)),
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


def _parse(content: dict) -> _Content:
    missing = [key for key in ("images", "annotations") if not isinstance(content.get(key), list)]
    if missing:
        raise InputError(f"expected lists called images and annotations, found no {missing[0]}")
    pictures: dict[object, str] = {}
    sizes: dict[object, np.ndarray] = {}
    for image in content["images"]:
        if pictures.setdefault(image["id"], stated_path(image["file_name"])) != image["file_name"]:
            raise InputError(
                f"expected an id for each image, found {image['id']!r} for {pictures[image['id']]} and "
                f"{image['file_name']}; number them anew"
            )
        size = stated_size(image.get("width"), image.get("height"))
        if not np.array_equal(sizes.setdefault(image["id"], size), size, equal_nan=True):
            raise InputError(f"expected one size of {image['file_name']}, found {sizes[image['id']]} and {size}")
    faces, unmarked = [], []
    for annotation in content["annotations"]:
        rows, image = np.array(annotation.get("keypoints", []), np.float64), annotation["image_id"]
        if rows.size % 3 or image not in pictures:
            raise InputError(
                f"expected x, y, visibility of a listed image, found {rows.size} numbers for image {image}"
            )
        rows = rows.reshape(-1, 3)
        if len(rows) and not (rows[:, 2] >= _UNMARKED).all() & (rows[:, 2] <= _MARKED).all():
            raise InputError(
                f"expected x, y, visibility of each point, found the visibility {np.abs(rows[:, 2]).max():g} in "
                f"{pictures[image]}; are visibilities missing?"
            )
        if len(rows) == 0 or (rows[:, 2] == _UNMARKED).any():
            unmarked.append(pictures[image])
            continue
        left, top, width, height = np.array(annotation.get("bbox") or [np.nan] * 4, np.float64)
        faces.append((pictures[image], sizes[image], rows[:, :2], np.array([left, top, left + width, top + height])))
    annotated = {annotation["image_id"] for annotation in content["annotations"]}
    return _Content(faces, unmarked, [name for image, name in pictures.items() if image not in annotated])
