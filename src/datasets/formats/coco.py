"""COCO keypoints: a .json of images, annotations (bbox; keypoints x y visibility) and categories, next to the pictures.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.datasets.cropping import face_boxes
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.json_files import COCO, has_kind, read_kind, stated_path, stated_size
from src.datasets.listed import ListedFace, Listing, as_table
from src.datasets.names import counted_names, spell_out
from src.datasets.picture_files import picture_sizes
from src.datasets.point_names import order_by_names
from src.errors import InputError
from src.files import atomic_path

PICTURES = "images"
FILE = "faces.json"
_UNMARKED, _MARKED = 0, 2  # visibility of a point without a place, and of a marked and visible one


class _Content(NamedTuple):
    """Of one file: its faces, the pictures of several ids, and categories out of order."""

    listing: Listing
    repeated: list[str]
    reordered: list[str]


def detect(folder: Folder) -> bool:
    return has_kind(folder, COCO)


def read(folder: Folder) -> Faces:
    """The faces of all such files; each file is a subset by its name, and so are categories, if there are several.

    COCO-WholeBody's people give their faces. A face with an unmarked point is left out.
    """
    files, others = read_kind(folder, COCO, _parse)
    listings = {file: content.listing for file, content in files.items()}
    faces = as_table(folder, listings, others={"other .json files": others})
    remarks = faces.remarks
    reordered = sorted({category for content in files.values() for category in content.reordered})
    if reordered:
        remarks = (*remarks, f"points of {spell_out(reordered)} put into the order of the numbers in their names")
    repeated = [path for content in files.values() for path in content.repeated]
    if repeated:
        remarks = (*remarks, counted_names(repeated, "pictures under several ids"))
    return replace(faces, remarks=remarks)


def write(faces: Faces, out: Path) -> None:
    """One file, written face by face, so that it need not fit in memory."""
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
    images, categories = _images(content["images"]), _categories(content.get("categories"))
    faces, unmarked, reordered = [], [], set()
    for annotation in content["annotations"]:
        face, is_reordered = _face(annotation, images, categories)
        if face is None:
            unmarked.append(images[_id(annotation["image_id"])][0])
            continue
        faces.append(face)
        if is_reordered:
            reordered.add(face.category)
    annotated = {_id(annotation["image_id"]) for annotation in content["annotations"]}
    empty = [name for image, (name, _) in images.items() if image not in annotated]
    counts = Counter(name for name, _ in images.values())
    repeated = [name for name, count in counts.items() if count > 1]
    left_out = {"faces with unmarked points": unmarked, "pictures without a face": empty}
    return _Content(Listing(faces, left_out), repeated, sorted(reordered))


def _id(value: object) -> str:
    """An id as tools compare it: 1, 1.0 and "1" are the same."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _images(stated: list) -> dict[str, tuple[str, np.ndarray]]:
    """Path and size (2) of each image by its id. Raises InputError for an id of two paths or two sizes."""
    images: dict[str, tuple[str, np.ndarray]] = {}
    for image in stated:
        path, size = stated_path(image["file_name"]), stated_size(image.get("width"), image.get("height"))
        known_path, known_size = images.setdefault(_id(image["id"]), (path, size))
        if known_path != path:
            raise InputError(
                f"expected an id for each image, found {image['id']!r} for {known_path} and {path}; number them anew"
            )
        if not np.array_equal(known_size, size, equal_nan=True):
            raise InputError(f"expected one size of {path}, found {known_size} and {size}")
    return images


def _face(annotation: dict, images: dict, categories: dict) -> tuple[ListedFace | None, bool]:
    """An annotation's face and whether its points were put into order; None if it has none, or unmarked points."""
    image, is_whole_body = _id(annotation["image_id"]), annotation.get("face_kpts") is not None
    keypoints, box = ("face_kpts", "face_box") if is_whole_body else ("keypoints", "bbox")
    rows = np.array(annotation.get(keypoints) or [], np.float64)
    if rows.size % 3 or image not in images:
        raise InputError(f"expected x, y, visibility of a listed image, found {rows.size} numbers for image {image}")
    path, size = images[image]
    rows = rows.reshape(-1, 3)
    wrong = rows[(rows[:, 2] < _UNMARKED) | (rows[:, 2] > _MARKED), 2]
    if len(wrong):
        raise InputError(
            f"expected x, y, visibility of each point, found the visibility {wrong[0]:g} in {path}; "
            "are visibilities missing?"
        )
    is_invalid = is_whole_body and annotation.get("face_valid", True) in (False, 0)
    if is_invalid or len(rows) == 0 or (rows[:, 2] == _UNMARKED).any():
        return None, False
    points = rows[:, :2] + 0 * rows[:, 2:]  # a visibility of NaN spoils its point
    category, names = _category(annotation, categories)
    order = order_by_names(names) if len(names) == len(points) and not is_whole_body else None
    if order is not None:
        points = points[order]
    corners = np.array(annotation.get(box) or [np.nan] * 4, np.float64)
    if corners.shape != (4,):
        raise InputError(f"expected left, top, width, height of a {box}, found an array of shape {corners.shape}")
    left, top, width, height = corners
    category = f"face of {category}" if is_whole_body else category
    face = ListedFace(path, size, points, np.array([left, top, left + width, top + height]), category)
    return face, order is not None


def _categories(stated: object) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each category's name and the names of its points, by its id. Raises InputError for an id of two categories."""
    found = {}
    for category in stated if isinstance(stated, list) else ():
        names = category.get("keypoints") or ()
        names = names.values() if isinstance(names, dict) else names
        stated = str(category.get("name", "")), tuple(map(str, names))
        if found.setdefault(_id(category.get("id")), stated) != stated:
            raise InputError(
                f"expected an id for each category, found {category.get('id')!r} for two; number them anew"
            )
    return found


def _category(annotation: dict, categories: dict) -> tuple[str, tuple[str, ...]]:
    """The category of an annotation: the stated one, else the only one. Raises InputError if several are listed, but
    not this one."""
    stated = _id(annotation.get("category_id"))
    if stated in categories or not categories:
        return categories.get(stated, ("", ()))
    if len(categories) > 1:
        raise InputError(f"expected one of the listed categories ({', '.join(categories)}), found {stated}")
    return next(iter(categories.values()))
