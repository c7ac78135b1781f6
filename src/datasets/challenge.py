"""The challenge's own format: a folder of pictures and an `annot.pkl` = pickle of (names, landmarks).

`names[i]` is a file name relative to the folder; `landmarks[i]` holds 68 (x, y) pairs in pixels of that picture.
"""

import pickle
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from src.datasets import numbers_pickle
from src.datasets.faces import Faces
from src.datasets.faults import describe_placeholders, find_placeholders, join_faults
from src.datasets.folder import UNLABELED, Folder, own_spellings
from src.datasets.frames import settle
from src.datasets.names import plain
from src.errors import InputError, about
from src.files import atomic_path
from src.markup import NUM_POINTS

ANNOTATIONS = "annot.pkl"
POINTS = (NUM_POINTS,)
_NUMBERS = {float, int, np.float32, np.float64}


def read_annotations(folder: str | Path) -> tuple[list[str], np.ndarray]:
    """Read `folder/annot.pkl`: names (N) and points_image (N, 68, 2) float64, pixels of each source picture.

    Raises InputError if the file is missing, is not such a pickle, would run code, or holds anything but distinct names
    inside the folder, each with one face of 68 finite, marked points; and as `settle` does, which treats pictures that
    EXIF turns.
    """
    names, points_image = load_annotations(find_annotations(folder))
    faces = settle(_table(folder, names, points_image))
    return faces.names.tolist(), faces.points_image


def load_annotations(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Like `read_annotations`, for the path of the pickle itself and without opening the pictures."""
    names, points_image = _load(path)
    marked = describe_placeholders(find_placeholders(points_image))
    faults = join_faults(Faces(Path(path).parent, np.array(names), points_image).faults, marked)
    faulty = [i for i, fault in enumerate(faults) if fault]
    if faulty:
        raise InputError(
            f"{path}: {names[faulty[0]]}: {faults[faulty[0]]} ({len(faulty)} such faces); mend them or take them out"
        )
    return names, points_image


def find_annotations(folder: str | Path) -> Path:
    """The path of a folder's annotations. Raises InputError if the folder or the file is missing."""
    folder = Path(folder)
    path = folder / ANNOTATIONS
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected pictures and {ANNOTATIONS} there")
    if not path.is_file():
        raise InputError(f"{path}: not found; expected a pickle of (names, landmarks) next to the pictures")
    return path


def _load(path: str | Path) -> tuple[list[str], np.ndarray]:
    with about(path):
        try:
            content = numbers_pickle.load(path)
        except InputError:
            raise
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror}); give a readable {ANNOTATIONS}") from None
        except Exception as error:  # a damaged pickle can raise nearly anything, from EOFError to UnicodeDecodeError
            raise InputError(f"not a readable pickle ({error}); it may be truncated, fetch it again") from None
        return _check(content)


def detect(folder: Folder) -> bool:
    return ANNOTATIONS in folder.names


def read(folder: Folder) -> Faces:
    return _table(folder.root, *_load(find_annotations(folder.root)))


def read_folder(folder: str | Path, *, frame: str | None = None) -> Faces:
    """The faces of a folder in the challenge's format, in the frame of `Faces`. frame, errors: as in `settle`."""
    faces = settle(_table(folder, *_load(find_annotations(folder))), frame=frame)
    return replace(faces, left_out={UNLABELED: Folder(folder).pictures_without(faces.names.tolist())})


def _table(folder: str | Path, names: list[str], points_image: np.ndarray) -> Faces:
    return Faces(Path(folder), np.array(own_spellings(Path(folder), names)), points_image)


def write(faces: Faces, out: Path) -> None:
    """Write annot.pkl next to the pictures. Raises InputError for pictures with several faces."""
    if len(set(faces.names.tolist())) < len(faces):
        raise InputError(
            f"expected one face per picture, found more; {ANNOTATIONS} holds one: crop the faces (challenge)"
        )
    write_annotations(out, faces.names.tolist(), faces.points_image)


def write_annotations(folder: str | Path, names: list[str], points_image: np.ndarray) -> None:
    """Write `folder/annot.pkl` atomically. points_image: (N, 68, 2), pixels of each picture."""
    names, points_image = _check((list(names), points_image))
    if not np.isfinite(points_image).all():
        raise InputError(f"{Path(folder) / ANNOTATIONS}: expected finite coordinates, found NaN or infinity")
    with atomic_path(Path(folder) / ANNOTATIONS) as path, open(path, "wb") as file:
        pickle.dump((names, list(points_image.astype(np.float32))), file, protocol=4)


def _check(content: object) -> tuple[list[str], np.ndarray]:
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise InputError(f"expected a pair (names, landmarks), found {_describe(content)}")
    names, landmarks = map(numbers_pickle.numbers_of, content)
    if not all(isinstance(part, list | tuple | np.ndarray) for part in (names, landmarks)):
        raise InputError(f"expected two lists, found {_describe(names)} and {_describe(landmarks)}")
    if len(names) != len(landmarks):
        raise InputError(f"expected one face per name, found {len(names)} names and {len(landmarks)} faces")
    if len(names) == 0:
        raise InputError("expected at least one face, found none")
    names = [check_name(name) for name in names]
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise InputError(f"expected each name once, found {doubled[0]!r} more than once ({len(doubled)} such names)")
    points_image = np.empty((len(names), NUM_POINTS, 2))
    for i, (name, face) in enumerate(zip(names, landmarks, strict=True)):
        points_image[i] = _check_face(name, face)
    return names, points_image


def check_name(name: object) -> str:
    """A picture's name inside its folder, with forward slashes. Raises InputError for anything else."""
    if not isinstance(name, str):
        raise InputError(f"expected file names, found {_describe(name)}")
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.name:
        raise InputError(f"expected file names, found {name!r}")
    if path.is_absolute() or ".." in path.parts or (len(path.parts[0]) == 2 and path.parts[0][1] == ":"):
        raise InputError(f"expected names inside the folder, found {name!r}")
    if not plain(name).isprintable():  # of all kinds of space, only " " is printable
        raise InputError(f"expected names of printable text, found {name!r}; rename it")
    return str(path)


def _check_face(name: str, face: object) -> np.ndarray:
    face = numbers_pickle.numbers_of(face)
    try:
        if not isinstance(face, np.ndarray) and not set(map(type, chain.from_iterable(face))) <= _NUMBERS:
            raise TypeError("lists inside a point may contain each other endlessly")
        points = np.asarray(face, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: expected {NUM_POINTS} (x, y) pairs, found {_describe(face)}") from None
    if points.shape != (NUM_POINTS, 2):
        raise InputError(f"{name}: expected {NUM_POINTS} (x, y) pairs, found an array of shape {points.shape}")
    return points


def _describe(value: object) -> str:
    length = f" of length {len(value)}" if hasattr(value, "__len__") else ""
    return type(value).__name__ + length
