"""300-W's `.pts` files: 68 points per face, next to each picture, in trees such as afw, helen/trainset, ibug.

Sagonas et al., "300 Faces in-the-Wild Challenge", 2013. The files come from MATLAB, where the center of the first pixel
is 1; ours is 0.5. Copies without the header and braces are read as well.
"""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from src.datasets.faces import Coordinates, Faces
from src.datasets.folder import Folder, swap_folder
from src.datasets.names import spell_out
from src.errors import InputError, about
from src.markup import INNER_51, NUM_POINTS
from src.reading import MOST_OF_A_PICTURE, encoding_of, read_head, read_text

ENDING = ".pts"
FIRST_LINE = "version: 1\n"  # of every face that is written here
MATLAB_ORIGIN = 0.5  # what a coordinate of MATLAB's exceeds ours by
_COUNT = re.compile(r"n_points:\s*(\d{1,9})", re.IGNORECASE)
_NO_POINTS = ("version", "n_points", "#", "//")  # what lines of the header and comments begin with
# Folders of label files, as 300-VW's annot, and of pictures next to them, "" for the folder that holds both.
_LABELS = ("labels", "label", "annot", "annotations", "annotation", "landmarks", "landmark", "points", "pts")
_PICTURES = ("images", "frames", "image", "imgs", "img", "pictures", "picture", "")
_FILMS = (".avi", ".mp4", ".mov")
_HEAD = 100  # bytes that hold the first header
_TEST_FOLDERS = {("helen", "testset"), ("lfpw", "testset")}
_TRAIN_FOLDERS = {("helen", "trainset"), ("lfpw", "trainset"), ("afw",)}
BY_STEM = True
POINTS = (NUM_POINTS,)  # 51 would be read as iVSLab's, which count from 0


def detect(folder: Folder) -> bool:
    return bool(folder.ending(ENDING)) and not holds_inner_points(folder)


def read(folder: Folder) -> Faces:
    """Faces with the subsets train, common, challenge and full, as far as the folder's names tell them."""
    faces = read_faces(folder, num_points=NUM_POINTS, origin=MATLAB_ORIGIN)
    return replace(faces, subsets=_subsets(faces.names))


def write(faces: Faces, out: Path) -> None:
    """One .pts next to each picture."""
    write_faces(faces, out, origin=MATLAB_ORIGIN)


def holds_inner_points(folder: Folder) -> bool:
    """Whether the folder's first .pts is one of 51 points; a damaged file is none."""
    for name in folder.ending(ENDING)[:1]:
        with about(folder.root / name):
            head = read_head(folder.root / name, _HEAD)
        text = head.decode(encoding_of(head), errors="replace")
        return any(int(count) == len(INNER_51) for count in _COUNT.findall(text))
    return False


def read_faces(folder: Folder, *, num_points: int, origin: float) -> Faces:
    """Every .pts of the folder; several blocks in a file are several faces. origin: see `MATLAB_ORIGIN`."""
    if not folder.pictures and (films := [name for ending in _FILMS for name in folder.ending(ending)]):
        raise InputError(
            f"{folder.root}: expected a picture for each {ENDING}, found films alone ({spell_out(films)}); write their "
            f"frames into images/ next to the labels' folder, named like the labels: ffmpeg -i FILM images/%06d.jpg"
        )
    files, parsed = folder.parse_each(folder.ending(ENDING), partial(_parse, num_points=num_points))
    pictures = [_picture(folder, name[: -len(ENDING)]) for name in files]
    names = [picture for picture, faces in zip(pictures, parsed, strict=True) for _ in faces]
    points = [face for faces in parsed for face in faces]
    empty = [name for name, faces in zip(files, parsed, strict=True) if not faces]
    left_out = {"files without a face": empty}
    return Faces(folder.root, np.array(names), np.array(points), left_out=left_out, coordinates=Coordinates(origin))


def face_block(points: np.ndarray, *, decimals: int = 6) -> str:
    """The text of one face (K, 2)."""
    rows = "\n".join(f"{x:.{decimals}f} {y:.{decimals}f}" for x, y in points)
    return f"{FIRST_LINE}n_points: {len(points)}\n{{\n{rows}\n}}\n"


def write_faces(faces: Faces, out: Path, *, origin: float) -> None:
    """One .pts next to each picture, a block for each of its faces, in the table's order."""
    blocks: dict[str, list[str]] = {}
    for name, points in zip(faces.names, faces.points_image + origin, strict=True):
        blocks.setdefault(str(PurePosixPath(name).with_suffix(ENDING)), []).append(face_block(points))
    for name, parts in blocks.items():
        (out / name).write_text("".join(parts), encoding="utf-8")


def _picture(folder: Folder, stem: str) -> str:
    """The picture next to the labels, or that in images/ (or Images/) for those in labels/, as iVSLab's set has them.

    Raises InputError if several folders of such names hold one.
    """
    own = next((part for part in reversed(PurePosixPath(stem).parts[:-1]) if part.lower() in _LABELS), None)
    if folder.has_picture(stem) or own is None:
        return folder.picture(stem)
    spellings = dict.fromkeys(spelled for other in _PICTURES for spelled in (other, other.capitalize()))
    stems = [swap_folder(stem, own, other) for other in spellings]
    found = [folder.picture(other) for other in stems if folder.has_picture(other)]
    if len(found) > 1:
        raise InputError(f"{folder.root}: expected one picture for the labels of {stem}, found {' and '.join(found)}")
    return found[0] if found else folder.picture(stems[0])


def _parse(path: Path, *, num_points: int) -> list[np.ndarray]:
    text = read_text(path, most=MOST_OF_A_PICTURE)
    faces = _blocks(text.splitlines())
    stated = [int(count) for count in _COUNT.findall(text)] or [num_points] * len(faces)
    for face, count in zip(faces, stated, strict=False):
        if not len(face) == count == num_points:
            raise InputError(f"expected {num_points} points, found {len(face)} (the file says {count})")
    if len(stated) != len(faces):
        raise InputError(f"expected {len(stated)} faces, found {len(faces)}; the file may be truncated")
    return [np.array([_parse_row(row) for row in face]) for face in faces]


def _parse_row(row: str) -> list[float]:
    values = row.split()
    if len(values) != 2:
        raise InputError(f"expected two columns (x y) per row, found {len(values)} in {row!r}")
    return [float(value) for value in values]


def _blocks(lines: list[str]) -> list[list[str]]:
    """The coordinate lines of each face: between braces, or all of them if there are no braces."""
    faces: list[list[str]] = []
    is_open = False
    for line in map(str.strip, lines):
        if line == "{":
            faces.append([])
            is_open = True
        elif line == "}":
            is_open = False
        elif line and not line.lower().startswith(_NO_POINTS):
            if not faces:
                faces.append([])
            faces[-1].append(line)
    if is_open:
        raise InputError("expected a closing brace, found the end of the file; it may be truncated")
    return faces


def _subsets(names: np.ndarray) -> dict[str, np.ndarray]:
    parts = [tuple(part.lower() for part in PurePosixPath(name).parts[:-1]) for name in names]

    def members(*folders: tuple[str, ...]) -> np.ndarray:
        return np.array([any(part[-len(folder) :] == folder for folder in folders) for part in parts])

    common, challenge = members(*_TEST_FOLDERS), members(("ibug",))
    subsets = {"train": members(*_TRAIN_FOLDERS), "common": common, "challenge": challenge, "full": common | challenge}
    return {name: mask for name, mask in subsets.items() if mask.any()}
