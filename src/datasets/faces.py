"""The table of annotated faces of one folder, which every reader fills and every later step takes."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from src.datasets.names import counted, counted_names
from src.errors import InputError


@dataclass(frozen=True)
class Coordinates:
    """How a format writes coordinates; `src.datasets.frames.settle` brings them into our frame.

    origin: how much larger its coordinates are than ours. in_shares: points and boxes are shares of the picture's
    sides. stated_size: (N, 2) width and height of the picture according to the labels, NaN if they do not say.
    unmarked: in this format a placeholder (-1 -1 or 0 0) means that a point is not marked.
    """

    origin: float = 0.0
    in_shares: bool = False
    stated_size: np.ndarray | None = None
    unmarked: bool = False


OURS = Coordinates()
_NOT_FINITE = "expected finite numbers, found NaN or infinity"


@dataclass(frozen=True)
class Faces:
    """N annotated faces; a picture with three faces has three rows. Raises InputError for a table that cannot be used.

    root: the folder. names: (N,) str, each face's picture relative to the root, with forward slashes.
    points_image: (N, K, 2) float64 in pixels of the picture (frame: `src.geometry`), sub-pixel and unclipped: points
    outside the picture are kept.
    boxes_image: (N, 4) float64 left, top, right, bottom of the format's own face box, NaN if a face has none.
    euler: (N, 3) float64 pitch, yaw, roll in degrees (frame: `src.pose`) if the format states it, else None.
    subsets: the data set's own parts, name -> (N,) bool; a face may belong to several.
    left_out: what is in the folder but not in the table, description -> names.
    faults: (N,) str, why a face's labels cannot be trusted, else ""; a face with a fault counts as broken. One whose
    points or pose are not finite gets a fault, too, and zeros in their place.
    remarks: decisions of a reader that its user should know of.
    coordinates: how points and boxes are written; `OURS` except between a reader and `src.datasets.frames`.
    """

    root: Path
    names: np.ndarray
    points_image: np.ndarray
    boxes_image: np.ndarray | None = None
    euler: np.ndarray | None = None
    subsets: Mapping[str, np.ndarray] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    faults: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
    coordinates: Coordinates = OURS

    def __post_init__(self) -> None:
        names, points_image = np.asarray(self.names, dtype=str), np.asarray(self.points_image, np.float64)
        count = len(names)
        if count == 0:
            found = ", ".join(["none", *self._describe_left_out()])
            raise InputError(f"{self.root}: expected at least one annotated face, found {found}; check the format")
        if points_image.ndim != 3 or points_image.shape[::2] != (count, 2):
            raise InputError(f"{self.root}: expected points ({count}, K, 2), found {points_image.shape}")
        boxes = np.full((count, 4), np.nan) if self.boxes_image is None else np.asarray(self.boxes_image, np.float64)
        faults = np.full(count, "") if self.faults is None else np.asarray(self.faults, dtype=str)
        columns = {"names": names, "points_image": points_image, "boxes_image": boxes}
        if self.euler is not None:
            columns["euler"] = np.asarray(self.euler, np.float64)
        for name in {"points_image", "euler"} & columns.keys():
            columns[name], is_broken = _without_nan(columns[name])
            faults = np.where((faults == "") & is_broken, _NOT_FINITE, faults)
        columns["faults"] = faults
        for name, value in columns.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "root", Path(self.root))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_points(self) -> int:
        return self.points_image.shape[1]

    def path(self, row: int) -> Path:
        """The path of one face's picture."""
        return self.root / self.names[row]

    def describe(self) -> str:
        """How many faces were read, what was left out and the remarks, as text."""
        faces = counted(len(self), f"faces of {self.num_points} points")
        return ", ".join([faces, *self.notes])

    @property
    def notes(self) -> list[str]:
        """What was left out, and the remarks."""
        return [*self._describe_left_out(), *self.remarks]

    def _describe_left_out(self) -> list[str]:
        return [counted_names(names, f"{what} left out") for what, names in self.left_out.items() if names]

    def take(self, rows: np.ndarray) -> "Faces":
        """Some of the faces. rows: their indices, or a mask (N,)."""
        return replace(
            self,
            names=self.names[rows],
            points_image=self.points_image[rows],
            boxes_image=self.boxes_image[rows],
            euler=None if self.euler is None else self.euler[rows],
            subsets={name: mask[rows] for name, mask in self.subsets.items()},
            faults=self.faults[rows],
        )

    def subset(self, name: str) -> "Faces":
        """The faces of one of the data set's own parts. Raises InputError for a part that it does not have."""
        if name not in self.subsets:
            known = ", ".join(sorted(self.subsets)) or "none"
            raise InputError(f"{self.root}: expected one of its subsets ({known}), found {name!r}")
        return self.take(self.subsets[name])


def fingerprint_of(tables: Sequence[Faces], settings: str) -> str:
    """A digest that changes with any picture file (its size or time; it is not read), label or setting."""
    digest = hashlib.sha256(settings.encode())
    for table in tables:
        digest.update(str(table.root.resolve()).encode("utf-8", "surrogateescape"))
        digest.update("".join(table.faults).encode("utf-8", "surrogateescape"))
        for part in (table.points_image, table.boxes_image, table.euler):
            digest.update(b"" if part is None else np.ascontiguousarray(part))
        for name in table.names:
            try:
                status = os.stat(table.root / name)
                digest.update(f"{name} {status.st_size} {status.st_mtime_ns}".encode("utf-8", "surrogateescape"))
            except OSError:
                digest.update(f"{name} missing".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _without_nan(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of `values` (N, ...), with zeros in rows with NaN or infinity, and which these are (N,) bool."""
    is_broken = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not is_broken.any():
        return values, is_broken
    values = values.copy()
    values[is_broken] = 0
    return values, is_broken


def stack_points(faces: Sequence[np.ndarray], faults: Sequence[str] = ()) -> tuple[np.ndarray, list[str]]:
    """Faces (K, 2) as one array (N, K, 2), and their faults (N), "" for none: those given, and one for each face with
    another number of points than most, whose points are NaN."""
    faults = list(faults) or [""] * len(faces)
    counts = Counter(len(points) for points, fault in zip(faces, faults, strict=True) if not fault)
    count = max(counts, key=lambda number: (counts[number], number), default=0)
    stacked = np.full((len(faces), count, 2), np.nan)
    for row, points in enumerate(faces):
        if len(points) == count:
            stacked[row] = points
        elif not faults[row]:
            faults[row] = f"expected {count} points as most faces have, found {len(points)}"
    return stacked, faults
