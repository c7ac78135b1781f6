"""The prepared folder: pictures decoded once into arrays that training memory-maps.

- `images.npy`: (N, S, S, 3) uint8 RGB, letterboxed squares or square crops
- `labels.npz`: points_unit (N, K, 2), K = 68 or, if the source has no jaw, 51; affine (N, 2, 3) source pixels -> unit
  square, size (N, 2) height and width of the picture or crop in source pixels, euler (N, 3) pitch, yaw, roll in
  degrees, names (N,), source (N,) index into source_names (M,), shares (M,) of each source in a training batch, or (0,)
  for shares as large as the sources
- `list.txt`: for people and other tools, 140 columns (K = 68): picture, coordinates in its pixels, pitch, yaw, roll
- `meta.json`: version, counts, a fingerprint of the input, a digest of `images.npy` and `labels.npz`; written last, so
  a folder that has it is complete
- `label_check.txt`, `label_check.png`: the fingerprint of the faces whose labels a network has checked, and the worst
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from src.datasets.prepared_check import check_prepared
from src.errors import InputError
from src.files import write_text
from src.geometry import apply_affine, invert_affine
from src.markup import select_points
from src.reading import check_regular, open_zip, read_json, read_text

VERSION = 1
CHECK_SHEET, _CHECKED = "label_check.png", "label_check.txt"
_PER_FACE = ("images", "points_unit", "affine", "size", "euler", "names", "source")
_MOST_BYTES, _MOST_BYTES_PER_FACE = 10_000_000, 4_000  # of labels.npz: enough for names of a few hundred characters


@dataclass(frozen=True)
class PreparedFaces:
    """An opened prepared folder. `images` is a memory map; shapes are as in the module's docstring."""

    images: np.ndarray
    points_unit: np.ndarray
    affine: np.ndarray
    size: np.ndarray
    euler: np.ndarray
    names: np.ndarray
    source: np.ndarray
    source_names: np.ndarray
    shares: np.ndarray = field(default_factory=lambda: np.empty(0))
    fingerprint: str = ""  # of the preparation's input: picture files (name, time, size), labels, settings

    def __len__(self) -> int:
        return len(self.images)

    @property
    def points_image(self) -> np.ndarray:
        """(N, K, 2) points in pixels of each source picture."""
        return apply_affine(invert_affine(self.affine), self.points_unit)

    def with_points(self, count: int) -> "PreparedFaces":
        """These faces with only one set of `src.markup.POINT_SETS`. Raises InputError if they lack part of it."""
        return replace(self, points_unit=select_points(self.points_unit, count))

    def take(self, rows: np.ndarray) -> "PreparedFaces":
        """Some of these faces, in memory. rows: their indices, or a mask (N,)."""
        return replace(self, **{name: np.array(getattr(self, name)[rows]) for name in _PER_FACE})


def load_prepared(folder: str | Path) -> PreparedFaces:
    """Open a prepared folder. Raises InputError if it is absent, incomplete, damaged or of another version."""
    folder = Path(folder)
    meta = read_meta(folder)
    remedy = "run python3 preparation.py"
    if meta is None:
        raise InputError(f"{folder}: no prepared faces there (meta.json is missing or damaged); {remedy}")
    if meta.get("version") != VERSION:
        raise InputError(f"{folder}: expected prepared version {VERSION}, found {meta.get('version')}; {remedy}")
    try:
        images, arrays = open_arrays(folder)
    except Exception as error:  # NumPy raises anything from EOFError to zipfile.BadZipFile for a damaged file
        raise InputError(f"{folder}: images.npy or labels.npz is missing or damaged ({error}); {remedy}") from error
    try:
        check_prepared(images, arrays, meta)
    except InputError as error:
        raise InputError(f"{folder}: {error}; {remedy}") from None
    return PreparedFaces(images=images, **arrays, fingerprint=meta.get("fingerprint", ""))


def shared_faces(training: PreparedFaces, validation: PreparedFaces) -> list[str]:
    """The names of the validation faces whose labels or pixels are those of a training face."""
    known = {points.tobytes() for points in training.points_unit}
    shared = {row for row, points in enumerate(validation.points_unit) if points.tobytes() in known}
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for row, square in enumerate(validation.images):
        rows_of[_middle(square)].append(row)
    for square in training.images:
        alike = rows_of.get(_middle(square), ())
        shared.update(row for row in alike if np.array_equal(square, validation.images[row]))
    return [str(validation.names[row]) for row in sorted(shared)]


def _middle(square: np.ndarray) -> bytes:
    """One row of a square's pixels: of gigabytes of squares, it finds the few that are to be compared."""
    return square[len(square) // 2].tobytes()


def open_arrays(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The squares, as a memory map, and the arrays of labels.npz by name."""
    check_regular(folder / "images.npy")
    images = np.lib.format.open_memmap(folder / "images.npy", mode="r")
    with open_zip(folder / "labels.npz", most=_MOST_BYTES + len(images) * _MOST_BYTES_PER_FACE):
        return images, dict(np.load(folder / "labels.npz", allow_pickle=False))


def note_checked(folder: Path, faces: PreparedFaces) -> None:
    """Record that the labels of these faces in a prepared folder have been checked."""
    write_text(folder / _CHECKED, f"{faces.fingerprint}\n")


def is_checked(folder: Path) -> bool:
    """Whether the labels of the faces now in a prepared folder have been checked."""
    meta = read_meta(folder)
    try:
        return meta is not None and read_text(folder / _CHECKED, most=_MOST_BYTES) == f"{meta.get('fingerprint')}\n"
    except (OSError, InputError):
        return False


def read_meta(folder: Path) -> dict | None:
    """The content of meta.json, or None if it is missing or damaged."""
    try:
        meta = read_json(folder / "meta.json", most=_MOST_BYTES)
    except (OSError, InputError):
        return None
    return meta if isinstance(meta, dict) else None
