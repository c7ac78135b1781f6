"""Decode faces into squares, in order, on all cores and in bounded memory, and write them as one array file."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.command_line import progress
from src.datasets.cropping import WHOLE, crop_squares
from src.datasets.faces import Faces
from src.datasets.pictures import read_crop, read_square
from src.errors import InputError
from src.parallel import count_cores

_BLOCK_BYTES = 64_000_000  # of the squares decoded before the first one is written
_LISTED_BROKEN = 10  # broken pictures named in a message


@dataclass(frozen=True)
class Square:
    """A decoded face: pixels (S, S, 3) uint8, the affine (2, 3) from source pixels to the unit square, the (height,
    width) in source pixels of the region shown, and whether any point lies outside the picture."""

    pixels: np.ndarray
    affine: np.ndarray
    size: tuple[float, float]
    has_points_outside: bool


def decode_faces(
    tables: Sequence[Faces], size: int, *, crop_rule: str, description: str
) -> Iterator[Square | InputError]:
    """Every face of the tables, in order, as a square of `size` pixels, or an error that says what is wrong with it.

    crop_rule: one of `src.datasets.cropping`. Pillow releases the interpreter's lock while it decodes, so threads use
    all cores; a block of faces is finished before the next one begins, which bounds the memory.
    """
    crops = [crop_squares(table, crop_rule) for table in tables]
    faces = [(table, part, row) for table, part in zip(tables, crops, strict=True) for row in range(len(table))]
    block = max(count_cores(), _BLOCK_BYTES // (3 * size**2))
    bar = progress(total=len(faces), desc=description, unit="face")
    with ThreadPoolExecutor(count_cores()) as pool, bar:
        for start in range(0, len(faces), block):
            for result in pool.map(lambda face: _decode_one(*face, size=size), faces[start : start + block]):
                bar.update()
                yield result


def known_broken(faces: Faces) -> list[tuple[Path, InputError]]:
    """The faces known to be broken before decoding, with the errors that `decode_faces` would give."""
    return [(faces.path(row), InputError(fault)) for row, fault in enumerate(faces.faults) if fault]


def sound_faces(faces: Faces, *, skip_broken: bool) -> Faces:
    """The faces that are not known to be broken; the others are named in what is left out.

    Raises InputError if there are others, unless skip_broken, and if there are no sound ones.
    """
    broken = known_broken(faces)
    if broken and not (skip_broken and len(broken) < len(faces)):
        raise InputError(describe_broken(broken, len(faces)))
    left_out = {**faces.left_out, "broken pictures": [f"{path}: {error}" for path, error in broken]}
    return replace(faces.take(faces.faults == ""), left_out=left_out)


def refuse_broken(faces: Faces, size: int, *, skip_broken: bool) -> None:
    """Raise InputError if any face cannot be decoded, as a whole picture, to `size` pixels.

    skip_broken: raise only if all are broken; decoding then stops at the first sound one. Nothing is kept.
    """
    broken = []
    for row, square in enumerate(decode_faces([faces], size, crop_rule=WHOLE, description="looking")):
        if isinstance(square, InputError):
            broken.append((faces.path(row), square))
        elif skip_broken:
            return
    if broken:
        raise InputError(describe_broken(broken, len(faces)))


def describe_broken(broken: Sequence[tuple[Path, InputError]], count: int) -> str:
    """One line about the broken pictures among `count`, naming the first few."""
    if len(broken) == count:
        return "all {} pictures are broken; first: {}: {}".format(count, *broken[0])
    return f"{len(broken)} of {count} pictures are broken ({list_broken(broken)}); mend them or set skip_broken"


def list_broken(broken: Sequence[tuple[Path, InputError]]) -> str:
    """The first few broken pictures and what is wrong with each."""
    listed = "; ".join(f"{path}: {error}" for path, error in broken[:_LISTED_BROKEN])
    return listed + (f"; and {len(broken) - _LISTED_BROKEN} more" if len(broken) > _LISTED_BROKEN else "")


class SquaresFile:
    """An .npy file (N, S, S, 3) uint8 written face by face; unlike a memory map, it does not count as our memory."""

    def __init__(self, path: Path, count: int, size: int) -> None:
        """count: the most squares that will be appended. Raises InputError if the disk has no room for them."""
        needed, free = count * size * size * 3, shutil.disk_usage(path.parent).free
        if needed > free:
            raise InputError(f"{path.parent}: expected {needed / 1e6:.3g} MB of free disk, found {free / 1e6:.3g}")
        self._shape, self._written = (size, size, 3), 0
        self._file = open(path, "wb")  # noqa: SIM115, closed by __exit__
        self._write_header(count)

    def __enter__(self) -> "SquaresFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, pixels: np.ndarray) -> None:
        self._file.write(pixels.tobytes())
        self._written += 1

    def finish(self) -> None:
        """Write the final number of squares: NumPy pads the header so that it can be rewritten in place."""
        self._file.seek(0)
        self._write_header(self._written)

    def _write_header(self, count: int) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


def _decode_one(faces: Faces, crops: np.ndarray | None, row: int, *, size: int) -> Square | InputError:
    if faces.faults[row]:
        return InputError(faces.faults[row])
    try:
        if crops is None:
            pixels, affine, (height, width) = read_square(faces.path(row), size)
            shown = (height, width)
        elif np.isnan(crops[row]).any():
            return _why_without_crop(faces, row)
        else:
            pixels, affine, (height, width) = read_crop(faces.path(row), size, tuple(crops[row]))
            shown = (crops[row, 2], crops[row, 2])
    except InputError as error:
        return error
    shares = faces.points_image[row] / (width, height)
    return Square(pixels, affine, shown, bool(shares.min() < 0 or shares.max() > 1))


def _why_without_crop(faces: Faces, row: int) -> InputError:
    if np.ptp(faces.points_image[row], axis=0).min() == 0:
        return InputError("its points lie in one place or on one line")
    box = faces.boxes_image[row].round(1).tolist()
    return InputError(f"its box {box} does not fit its points; mend it or crop by the points (challenge)")
