"""TSV metadata as STAR and its relatives take it: one line per face, tab separated, no header.

Columns: picture; points of an earlier prediction, "x,y,x,y,..."; the points themselves; scale = min(box width, box
height) / 200 * 1.05; x and y of the box's center; optionally, integer tags with commas.
"""

from pathlib import Path

import numpy as np

from src.datasets.cropping import face_boxes
from src.datasets.faces import Faces, stack_points
from src.datasets.folder import Folder
from src.datasets.names import distinct_stems
from src.datasets.path_rules import Statement
from src.datasets.stated_paths import PictureFinder
from src.errors import InputError
from src.files import write_text
from src.markup import NUM_POINTS
from src.reading import read_lines

FILE = "faces.tsv"
_NOT_PAIRS = {
    3 * NUM_POINTS: f"{3 * NUM_POINTS} numbers, as x y z are",
    4 * NUM_POINTS: f"{4 * NUM_POINTS} numbers, as decimal commas make them",
}
_SIDE_PER_SCALE = 200 / 1.05  # pixels


def detect(folder: Folder) -> bool:
    return bool(folder.ending(".tsv"))


def read(folder: Folder) -> Faces:
    """The faces of all .tsv files, each file a subset by its name; the box is the square of scale and center."""
    files = folder.ending(".tsv")
    parsed = folder.parse(files, _read_lines)
    rows = [row for faces in parsed for row in faces]
    statements = [Statement(file, row[0]) for file, faces in zip(files, parsed, strict=True) for row in faces]
    names, remarks = PictureFinder(folder).locate_all(statements)
    file_of = np.repeat(np.arange(len(files)), [len(faces) for faces in parsed])
    points, faults = stack_points([points for _, points, _ in rows])
    return Faces(
        folder.root,
        np.array(names),
        points,
        faults=np.array(faults),
        boxes_image=np.array([box for _, _, box in rows]),
        subsets={name: file_of == i for i, name in enumerate(distinct_stems(files))},
        remarks=remarks,
    )


def write(faces: Faces, out: Path) -> None:
    """One file; the earlier prediction's column repeats the points."""
    boxes = face_boxes(faces)
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    lines = []
    for name, points, center, side in zip(faces.names, faces.points_image, centers, sides, strict=True):
        coordinates = ",".join(f"{value:.6f}" for value in points.ravel())
        scale = f"{side / _SIDE_PER_SCALE:.9f}"
        lines.append("\t".join([name, coordinates, coordinates, scale, *(f"{value:.6f}" for value in center)]) + "\n")
    write_text(out / FILE, "".join(lines))


def _read_lines(path: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Picture, points (K, 2) and box (4) of every line."""
    rows = []
    for number, line in read_lines(path):
        columns = line.split("\t")
        if len(columns) not in (6, 7):
            raise InputError(f"line {number}: expected 6 or 7 columns separated by tabs, found {len(columns)}")
        try:
            values, placement = np.array(columns[2].split(","), np.float64), np.array(columns[3:6], np.float64)
        except ValueError:
            raise InputError(f"line {number}: expected numbers after the picture's name, found other text") from None
        if len(values) % 2:
            raise InputError(f"line {number}: expected pairs of coordinates, found {len(values)} numbers")
        if len(values) in _NOT_PAIRS:
            raise InputError(f"line {number}: expected x and y of each point, found {_NOT_PAIRS[len(values)]}")
        center, half = placement[1:], placement[0] * _SIDE_PER_SCALE / 2
        rows.append((columns[0], values.reshape(-1, 2), np.array([*(center - half), *(center + half)])))
    return rows
