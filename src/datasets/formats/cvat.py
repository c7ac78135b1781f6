"""CVAT's own XML, "CVAT for images 1.1": a file of images, each with its shapes.

A face is a skeleton whose points are numbered, or one shape of points in the mark-up's order; a rectangle of its group
is its box. The file is described in CVAT's documentation, "XML annotation format".
"""

from collections import defaultdict
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from src.datasets.cropping import nearest_box
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.json_files import stated_size
from src.datasets.listed import ListedFace, Listing, as_table
from src.datasets.xml_files import has_root, read_root
from src.errors import InputError

_ROOT = "annotations"
_CORNERS = ("xtl", "ytl", "xbr", "ybr")


def detect(folder: Folder) -> bool:
    return has_root(folder, _ROOT)


def read(folder: Folder) -> Faces:
    """The faces of all such files; each file is a subset by its name, and so are labels, if there are several.

    A skeleton with a point that is marked as outside the picture is left out.
    """
    listings, others = read_root(folder, _ROOT, _parse)
    return as_table(folder, listings, others=others)


def _parse(annotations: Element) -> Listing:
    if annotations.find("track") is not None:
        raise InputError("expected CVAT's pictures, found tracks of a video; export it as 'CVAT for images 1.1'")
    faces: list[ListedFace] = []
    left_out: dict[str, list[str]] = defaultdict(list)
    tasks: dict[str, str | None] = {}
    for image in annotations.iterfind("image"):
        path, task = _path(image), image.get("task_id")
        if tasks.setdefault(path, task) != task:  # one of the two pictures took the other's place
            raise InputError(f"expected one task for {path}, found {tasks[path]} and {task}; export each by itself")
        size = stated_size(image.get("width"), image.get("height"))
        boxes: dict[str | None, list[np.ndarray]] = defaultdict(list)
        for box in image.iterfind("box"):
            boxes[box.get("group_id")].append(np.array([box.attrib[name] for name in _CORNERS], np.float64))
        shapes = [shape for shape in image if shape.tag in ("points", "skeleton")]
        if not shapes:
            left_out["pictures without a face"].append(path)
        for shape in shapes:
            parts = shape.findall("points")
            if any(part.get("outside") == "1" for part in parts):
                left_out["faces with unmarked points"].append(path)
            elif not parts and ";" not in shape.attrib["points"]:
                left_out["single points, in pictures"].append(path)
            else:
                faces.append(_face(path, size, shape, boxes[shape.get("group_id")]))
    return Listing(faces, left_out)


def _path(image: Element) -> str:
    """A picture's path; projects, unlike tasks, keep those of each subset in a folder of its own."""
    subset = image.get("subset")
    return f"{subset}/{image.attrib['name']}" if subset else image.attrib["name"]


def _face(path: str, size: np.ndarray, shape: Element, boxes: Sequence[np.ndarray]) -> ListedFace:
    """The face of a skeleton or a shape of points; its box is the fitting one of some."""
    parts, category = shape.findall("points"), shape.get("label", "")
    pairs = [(part.get("label", ""), pair) for part in parts or [shape] for pair in part.attrib["points"].split(";")]
    points = np.array([pair.split(",") for _, pair in pairs], np.float64)
    if points.shape[1:] != (2,):
        raise InputError(f"expected points x,y;x,y in {path}, found an array of shape {points.shape}")
    face = ListedFace(path, size, points, nearest_box(points, boxes), category)
    return face.with_numbered([label for label, _ in pairs], points, f"a skeleton {category}") if parts else face
