"""dlib's XML, as its imglab writes it and as its copy of 300-W has it (labels_ibug_300W.xml): one file, many pictures.

<dataset><images><image file width height><box top left width height ignore><part name x y/>...: a box is a face, and
its parts are its points, named by their numbers. Parts are whole pixels counted from 0, so the center of the first
pixel is 0; ours is 0.5. Boxes span whole pixels and need no shift. King, "Dlib-ml: A Machine Learning Toolkit", 2009.
"""

from collections import defaultdict
from xml.etree.ElementTree import Element

import numpy as np

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.json_files import stated_size
from src.datasets.listed import ListedFace, Listing, as_table
from src.datasets.xml_files import has_root, read_root

_ROOT = "dataset"
_PIXEL_ORIGIN = -0.5  # what a pixel's number exceeds our coordinate of its center by


def detect(folder: Folder) -> bool:
    return has_root(folder, _ROOT)


def read(folder: Folder) -> Faces:
    """The faces of all such files; each file is a subset by its name. Boxes to ignore and boxes without parts are left
    out; a box with missing parts is a fault."""
    listings, others = read_root(folder, _ROOT, _parse)
    return as_table(folder, listings, origin=_PIXEL_ORIGIN, others=others)


def _parse(dataset: Element) -> Listing:
    faces: list[ListedFace] = []
    left_out: dict[str, list[str]] = defaultdict(list)
    for image in dataset.iter("image"):
        path, size = image.attrib["file"], stated_size(image.get("width"), image.get("height"))
        boxes = image.findall("box")
        if not boxes:
            left_out["pictures without a face"].append(path)
        for box in boxes:
            if box.get("ignore") in ("1", "true"):
                left_out["boxes to ignore, in pictures"].append(path)
            elif box.find("part") is None:
                left_out["boxes without parts, in pictures"].append(path)
            else:
                faces.append(_face(path, size, box))
    return Listing(faces, left_out)


def _face(path: str, size: np.ndarray, box: Element) -> ListedFace:
    left, top, width, height = (float(box.attrib[name]) for name in ("left", "top", "width", "height"))
    parts = [(part.attrib["name"], (float(part.attrib["x"]), float(part.attrib["y"]))) for part in box.iterfind("part")]
    face = ListedFace(path, size, box=np.array([left, top, left + width, top + height]))
    return face.with_numbered(*zip(*parts, strict=True), whose=f"the box at {left:g}, {top:g}")
