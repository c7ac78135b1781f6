"""solution.txt: predict a folder, write, read, check and zip.

One row per picture, sorted by name: `name x1 y1 ... x68 y68`, 137 columns, single spaces, no header, in pixels of the
source picture. The zip holds the file at its root, as CodaLab wants it.
"""

import codecs
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from src.command_line import progress
from src.datasets.challenge import check_name
from src.datasets.listing import list_pictures, plain
from src.datasets.pictures import SQUARE_SIZE, read_square
from src.errors import InputError, about
from src.files import atomic_path, open_zip, read_bytes, write_text
from src.geometry import apply_affine, invert_affine
from src.markup import NUM_POINTS
from src.network.model import LandmarkNet
from src.predict.inference import predict_unit

MEMBER = "solution.txt"  # the name that the scorer looks for inside the zip
COLUMNS = 1 + 2 * NUM_POINTS
_FARTHEST = 16384.0  # pixels: no picture is larger, so no point lies beyond
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_MOST_BYTES = 128_000_000  # 100,000 rows


def predict_folder(
    model: LandmarkNet, folder: str | Path, *, batch_size: int = 64, flip: bool = False, looks: int = 1
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Predict every picture of a folder on all of PyTorch's threads; flip, looks: as in `src.predict.inference`.

    Returns sorted names, points_image (N, 68, 2) in pixels of each picture, and size (N, 2) = height, width.
    Raises InputError for an empty folder, a broken picture, or a name that solution.txt cannot carry.
    """
    names = [check_column(name) for name in list_pictures(folder)]
    threads = torch.get_num_threads()
    batches = [names[start : start + batch_size] for start in range(0, len(names), batch_size)]
    results = []
    try:
        # Every worker decodes and predicts whole batches with one thread of its own: cores that share each operation of
        # a small network wait for each other most of the time, above all beside threads that decode.
        with (
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
            progress(total=len(names), desc="predicting", unit="face") as bar,
        ):
            how = {"flip": flip, "looks": looks}
            for result in pool.map(lambda batch: _predict_batch(model, Path(folder), batch, **how), batches):
                results.append(result)
                bar.update(len(result[0]))
    finally:
        torch.set_num_threads(threads)  # the workers' setting is also the process's
    points_image, sizes = zip(*results, strict=True)
    return names, np.concatenate(points_image), np.concatenate(sizes)


def check_column(name: str) -> str:
    """A picture's name as solution.txt can carry it. Raises InputError for any other."""
    if " " in name or not plain(name).isprintable():  # of all kinds of space, only " " is printable
        raise InputError(f"expected names without spaces (they separate the columns of solution.txt), found {name!r}")
    return check_name(name)


def write_solution(
    path: str | Path, names: list[str], points_image: np.ndarray, *, size: np.ndarray | None = None
) -> None:
    """Write solution.txt and, beside it, its zip. points_image: (N, 68, 2) pixels; size: (N, 2) height, width.

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
        archive.writestr(path.name, text, compress_type=zipfile.ZIP_DEFLATED)


def read_solution(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read and check solution.txt (or a zip that holds it): names and points_image (N, 68, 2).

    Raises InputError, naming the row, unless every row has a new name and 136 finite numbers of a sane size.
    """
    path = Path(path)
    with about(path):
        return _parse(_read_text(path))


def check_solution(path: str | Path, *, names: list[str] | None = None, size: np.ndarray | None = None) -> int:
    """Read a solution back and hold it against what it must be. Returns the number of rows.

    names: the folder's pictures. size: (N, 2) their height and width in the same order; points further outside than
    the picture's own size are refused. Raises InputError.
    """
    found, points_image = read_solution(path)
    with about(path):
        _check_rows(found, points_image, names=None if names is None else [plain(name) for name in names], size=size)
        _check_sense(found, points_image)
    return len(found)


def _parse(text: str) -> tuple[list[str], np.ndarray]:
    """Names and points_image (N, 68, 2) of a solution's text."""
    if not text:
        raise InputError("expected one row per picture, found an empty file")
    names, rows, seen = [], [], set()
    # Not splitlines(): in solution.txt no other character ends a line.
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        name, *words = line.split(" ")
        if len(words) != COLUMNS - 1:
            raise InputError(f"row {number}: expected {COLUMNS} columns, found {len(words) + 1}")
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
        extent = size[:, None, ::-1]  # width, height
        outside = (points_image < -extent) | (points_image > 2 * extent)
        if outside.any():
            row = int(outside.any(axis=(1, 2)).argmax())
            raise InputError(f"row {row + 1}: points lie far outside the picture {found[row]}")


def _check_sense(found: list[str], points_image: np.ndarray) -> None:
    """Raise InputError for rows that are no faces in pixels, whatever the pictures are."""
    if points_image.min() >= 0 and points_image.max() <= 1:
        raise InputError("expected coordinates in pixels of each picture, found all of them in [0, 1]")
    is_one_point = (np.ptp(points_image, axis=1) == 0).all(axis=1)
    if is_one_point.any():
        row = int(is_one_point.argmax())
        raise InputError(f"row {row + 1}: expected {NUM_POINTS} different points, found one point for {found[row]}")


def _read_text(path: Path) -> str:
    if not path.exists():
        raise InputError("no such file; run python3 test.py to write one")
    if path.suffix.lower() == ".zip":
        with open_zip(path, most=_MOST_BYTES) as archive:
            # As stored: Python's zipfile turns some systems' separators into slashes.
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


def _predict_batch(
    model: LandmarkNet, folder: Path, names: list[str], **how: bool | int
) -> tuple[np.ndarray, np.ndarray]:
    """points_image (B, 68, 2) and size (B, 2) of some pictures of a folder."""
    decoded = []
    for name in names:
        with about(folder / name):
            decoded.append(read_square(folder / name, SQUARE_SIZE))
    squares, affine, size = (np.stack(part) for part in zip(*decoded, strict=True))
    points_unit = predict_unit(model, torch.from_numpy(squares).to(next(model.parameters()).device), **how)
    return apply_affine(invert_affine(affine), points_unit), size
