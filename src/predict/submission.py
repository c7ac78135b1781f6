"""solution.txt: write, zip, read and check.

One row per picture, sorted by name: `name x1 y1 ... x68 y68`, 137 columns, single spaces, no header, in pixels of the
source picture. The zip holds the file at its root, as CodaLab expects.
"""

import codecs
import re
import zipfile
from pathlib import Path

import numpy as np

from src.datasets.challenge import check_name
from src.datasets.faults import SMALLEST
from src.datasets.names import plain
from src.errors import InputError, about
from src.files import atomic_path, write_text
from src.markup import NUM_POINTS
from src.reading import open_zip, read_bytes

MEMBER = "solution.txt"  # the name that the scorer looks for inside the zip
COLUMNS = 1 + 2 * NUM_POINTS
_FARTHEST = 16384.0  # pixels: no picture is larger, so no point lies beyond
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_LINE = re.compile(r"([^\n]*)\n")
_MOST_BYTES = 128_000_000  # 100,000 rows


def check_column(name: str) -> str:
    """A picture's name as solution.txt can carry it. Raises InputError for a name that it cannot."""
    if any(map(str.isspace, name)):
        raise InputError(f"expected names without spaces (they separate the columns of solution.txt), found {name!r}")
    return check_name(name)


def write_solution(
    path: str | Path, names: list[str], points_image: np.ndarray, *, size: np.ndarray | None = None
) -> None:
    """Write solution.txt and, next to it, its zip. points_image: (N, 68, 2) pixels; size: (N, 2) height, width.

    Raises InputError, as `check_solution` would, before anything is written.
    """
    path = Path(path)
    names = [plain(name) for name in names]
    rows = sorted(zip(names, points_image, strict=True), key=lambda row: row[0])
    text = "".join(" ".join([name, *(f"{value:.3f}" for value in points.ravel())]) + "\n" for name, points in rows)
    with about(f"{path}, not written"):
        _check_rows(*_parse(text), names=names, size=size)
    write_text(path, text)
    with atomic_path(path.with_suffix(".zip")) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        member = zipfile.ZipInfo(path.name)  # of a fixed date: a zip cannot state those of clocks that are not set
        archive.writestr(member, text, compress_type=zipfile.ZIP_DEFLATED)


def read_solution(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read and check solution.txt (or a zip that holds it): names and points_image (N, 68, 2).

    Raises InputError, naming the row, unless every row has a new name and 136 finite numbers of a sane size.
    """
    path = Path(path)
    with about(path):
        return _parse(_read_text(path))


def check_solution(
    path: str | Path, *, names: list[str] | None = None, size: np.ndarray | None = None
) -> tuple[list[str], np.ndarray]:
    """Read a solution and check it in full. Returns its names and points_image (N, 68, 2), as `read_solution` does.

    names: the folder's pictures. size: (N, 2) their height and width in the same order; points that lie farther outside
    than the picture's own size are refused. Raises InputError for the first fault found.
    """
    found, points_image = read_solution(path)
    with about(path):
        _check_rows(found, points_image, names=None if names is None else [plain(name) for name in names], size=size)
        _check_sense(found, points_image)
    return found, points_image


def _parse(text: str) -> tuple[list[str], np.ndarray]:
    """Names and points_image (N, 68, 2) of a solution's text."""
    if not text:
        raise InputError("expected one row per picture, found an empty file")
    names, rows, seen = [], [], set()
    # Not splitlines(): in solution.txt no other character ends a line. All lines at once may take gigabytes.
    for number, match in enumerate(_LINE.finditer(text if text.endswith("\n") else text + "\n"), start=1):
        line = match[1]
        if (columns := line.count(" ") + 1) != COLUMNS:
            raise InputError(f"row {number}: expected {COLUMNS} columns, found {columns}")
        name, *words = line.split(" ")
        with about(f"row {number}"):
            if check_column(name) != name:
                raise InputError(f"expected the name as the folder has it, {check_column(name)}, found {name!r:.60}")
        if name in seen:
            raise InputError(f"row {number}: expected each picture once, found {name} again")
        wrong = next((word for word in words if not _NUMBER.fullmatch(word)), None)
        if wrong is not None:
            raise InputError(
                f"row {number}: expected finite numbers such as 123.456 after the name, found {wrong!r:.40}"
            )
        values = np.array(words, np.float64)
        if np.abs(values).max() > _FARTHEST:
            raise InputError(
                f"row {number}: expected finite pixel coordinates, found {values[np.abs(values).argmax()]:g}"
            )
        seen.add(name)
        names.append(name)
        rows.append(values)
    return names, np.array(rows).reshape(-1, NUM_POINTS, 2)


def _check_rows(
    found: list[str], points_image: np.ndarray, *, names: list[str] | None, size: np.ndarray | None
) -> None:
    if found != sorted(found):
        raise InputError("expected rows sorted by name")
    if names is not None and found != sorted(names):
        missing, extra = sorted(set(names) - set(found)), sorted(set(found) - set(names))
        example = f"missing {missing[0]}" if missing else f"unexpected {extra[0]}"
        raise InputError(f"expected the folder's {len(names)} pictures, found {len(found)} rows ({example})")
    if size is not None:
        rows = range(len(found)) if names is None else sorted(range(len(names)), key=names.__getitem__)
        extent = size[list(rows)][:, None, ::-1]  # width, height
        outside = (points_image < -extent) | (points_image > 2 * extent)
        if outside.any():
            row = int(outside.any(axis=(1, 2)).argmax())
            raise InputError(f"row {row + 1}: points lie far outside the picture {found[row]}")


def _check_sense(found: list[str], points_image: np.ndarray) -> None:
    """Raise InputError for rows that cannot be faces in pixels, whatever the pictures are."""
    low, high = points_image.min(), points_image.max()
    if low < high and max(-low, high) < SMALLEST:  # a network that has learned nothing puts its points in one place
        raise InputError(f"expected coordinates in pixels of each picture, found all of them in [{low:g}, {high:g}]")
    is_one_point = (np.ptp(points_image, axis=1) == 0).all(axis=1)
    if is_one_point.any():
        row = int(is_one_point.argmax())
        raise InputError(f"row {row + 1}: expected {NUM_POINTS} different points, found one point for {found[row]}")


def _read_text(path: Path) -> str:
    if not path.exists():
        raise InputError("no such file; run python3 test.py to write one")
    if path.suffix.lower() == ".zip":
        with open_zip(path, most=_MOST_BYTES) as archive:
            # As stored, because Python's zipfile turns some systems' separators into slashes.
            members = [member.orig_filename for member in archive.infolist()]
            if members != [MEMBER]:
                raise InputError(f"expected one file, {MEMBER}, at its root, found {members[:3]}")
            content = archive.read(archive.namelist()[0])
    else:
        content = read_bytes(path, most=_MOST_BYTES)
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError("expected plain UTF-8, found a byte order mark; save the text as UTF-8 without it")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError("expected rows of text, found something else") from None
