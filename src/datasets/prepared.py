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

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from src.datasets.challenge import read_folder
from src.datasets.cropping import WHOLE, check_rule
from src.datasets.decoding import SquaresFile, decode_faces, describe_broken, list_broken
from src.datasets.faces import Faces, fingerprint_of
from src.datasets.names import distinct_names
from src.datasets.prepared_check import check_prepared, content_digest
from src.datasets.report import FolderReport
from src.errors import InputError
from src.files import alone_in, atomic_path, write_text
from src.geometry import apply_affine, invert_affine
from src.markup import INNER_51, NUM_POINTS, select_points
from src.pose import fit_pose
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


def prepare(
    sources: Iterable[str | Path | Faces],
    out: str | Path,
    *,
    image_size: int,
    skip_broken: bool = False,
    crop_rule: str = WHOLE,
    shares: tuple[float, ...] = (),
    frame: str | None = None,
) -> FolderReport:
    """Decode annotated pictures into one prepared folder; a no-op if nothing has changed.

    sources: tables of faces, or folders in the challenge's format. crop_rule: one of `src.datasets.cropping`.
    shares: of each source in a training batch, kept with the faces. frame: of the labels in those folders, as in
    `src.datasets.frames.settle`. Raises InputError for bad annotations and, unless `skip_broken`, for broken pictures,
    before anything in `out` is replaced.
    """
    out = Path(out)
    tables = [source if isinstance(source, Faces) else read_folder(source, frame=frame) for source in sources]
    num_points = _common_count(tables)
    distinct_names([Path(source) for source in sources if not isinstance(source, Faces)])  # refuses a folder twice
    folders = list(dict.fromkeys(table.root for table in tables))  # several tables may be parts of one folder
    names = dict(zip(folders, distinct_names(folders), strict=True))
    roots = [names[table.root] for table in tables]
    remarks = "; ".join(f"{root}: {note}" for root, table in zip(roots, tables, strict=True) for note in table.notes)
    check_rule(crop_rule)
    settings = f"{VERSION} {image_size} {crop_rule} {shares}" if shares else f"{VERSION} {image_size} {crop_rule}"
    fingerprint = fingerprint_of(tables, settings)
    with alone_in(out):
        refuse_other_files(out)
        meta = _read_meta(out)
        unchanged = meta is not None and meta.get("fingerprint") == fingerprint
        if unchanged and (skip_broken or meta.get("broken") == 0) and _is_whole(out):
            counts = {name: meta[name] for name in ("faces", "broken", "outside")}
            return FolderReport(**counts, left_out=meta.get("left_out", ""), remarks=remarks, redone=False)
        with atomic_path(out / "images.npy") as temporary:
            written = _write_squares(temporary, tables, image_size, crop_rule=crop_rule, description=out.name)
            if written.broken and not (skip_broken and written.kept.any()):
                raise InputError(describe_broken(written.broken, len(written.kept)))
            for name in ("meta.json", CHECK_SHEET):  # the folder is incomplete until the new meta.json is written
                (out / name).unlink(missing_ok=True)
        counts = _write_labels(out, tables, written, roots=roots, shares=shares)
        content = content_digest(*_open_arrays(out))
        meta = {
            "version": VERSION,
            **counts,
            "points": num_points,
            "image_size": image_size,
            "crop": crop_rule,
            "sources": roots,
            "fingerprint": fingerprint,
            "content": content,
        }
        write_text(out / "meta.json", json.dumps(meta, indent=2) + "\n")
    return FolderReport(**counts, remarks=remarks, redone=True)


def refuse_other_files(out: str | Path) -> None:
    """Raise InputError if `out` has files called like a prepared folder's that preparation did not write: its own come
    with images.npy or, if somebody removed that, with our meta.json."""
    out = Path(out)
    if (out / "images.npy").exists() or "fingerprint" in (_read_meta(out) or {}):
        return
    taken = [name for name in ("labels.npz", "list.txt", "meta.json") if (out / name).exists()]
    if taken:
        raise InputError(f"{out / taken[0]}: found a file that preparation did not write; name another folder")


@dataclass(frozen=True)
class _Written:
    """Of N faces: affine (N, 2, 3), size (N, 2), kept (N,) bool, how many have points outside, and which are broken."""

    affine: np.ndarray
    size: np.ndarray
    kept: np.ndarray
    outside: int
    broken: list[tuple[Path, InputError]]


def _write_squares(path: Path, tables: list[Faces], image_size: int, *, crop_rule: str, description: str) -> _Written:
    """Decode all faces into the array file `path`, leaving out broken ones."""
    paths = [table.path(row) for table in tables for row in range(len(table))]
    affine, size, kept = np.zeros((len(paths), 2, 3)), np.zeros((len(paths), 2)), np.zeros(len(paths), bool)
    outside, broken = 0, []
    with SquaresFile(path, len(paths), image_size) as images:
        for i, square in enumerate(decode_faces(tables, image_size, crop_rule=crop_rule, description=description)):
            if isinstance(square, InputError):
                broken.append((paths[i], square))
                continue
            images.append(square.pixels)
            affine[i], size[i], kept[i] = square.affine, square.size, True
            outside += square.has_points_outside
        images.finish()
    return _Written(affine, size, kept, outside, broken)


def _write_labels(
    out: Path, tables: list[Faces], written: _Written, *, roots: list[str], shares: tuple[float, ...]
) -> dict[str, int | str]:
    """Write labels.npz and list.txt for the faces that were kept. Returns the counts."""
    kept = written.kept
    points_image, affine = np.concatenate([table.points_image for table in tables])[kept], written.affine[kept]
    names = np.concatenate(
        [[f"{root}/{name}" for name in table.names] for root, table in zip(roots, tables, strict=True)]
    )[kept]
    euler = np.concatenate([fit_pose(table.points_image) if table.euler is None else table.euler for table in tables])
    with atomic_path(out / "labels.npz") as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            points_unit=apply_affine(affine, points_image).astype(np.float32),
            affine=affine,
            size=written.size[kept],
            euler=euler[kept].astype(np.float32),
            names=names,
            source=np.repeat(np.arange(len(tables), dtype=np.int16), [len(table) for table in tables])[kept],
            source_names=np.array(roots),
            shares=np.array(shares, np.float64),
        )
    _write_list(out / "list.txt", names, points_image, euler[kept])
    return {
        "faces": len(names),
        "broken": len(written.broken),
        "outside": written.outside,
        "left_out": list_broken(written.broken),
    }


def load_prepared(folder: str | Path) -> PreparedFaces:
    """Open a prepared folder. Raises InputError if it is absent, incomplete, damaged or of another version."""
    folder = Path(folder)
    meta = _read_meta(folder)
    remedy = "run python3 preparation.py"
    if meta is None:
        raise InputError(f"{folder}: no prepared faces there (meta.json is missing or damaged); {remedy}")
    if meta.get("version") != VERSION:
        raise InputError(f"{folder}: expected prepared version {VERSION}, found {meta.get('version')}; {remedy}")
    try:
        images, arrays = _open_arrays(folder)
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


def _open_arrays(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
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
    meta = _read_meta(folder)
    try:
        return meta is not None and read_text(folder / _CHECKED, most=_MOST_BYTES) == f"{meta.get('fingerprint')}\n"
    except (OSError, InputError):
        return False


def _is_whole(folder: Path) -> bool:
    try:
        load_prepared(folder)
    except InputError:
        return False
    return True


def _common_count(tables: list[Faces]) -> int:
    counts = {table.num_points for table in tables}
    if not counts <= {NUM_POINTS, len(INNER_51)} or len(counts) > 1:
        found = ", ".join(f"{table.num_points} in {table.root}" for table in tables)
        raise InputError(f"expected faces of 68 points everywhere, or of 51 everywhere, found {found}")
    return counts.pop()


def _read_meta(folder: Path) -> dict | None:
    try:
        meta = read_json(folder / "meta.json", most=_MOST_BYTES)
    except (OSError, InputError):
        return None
    return meta if isinstance(meta, dict) else None


def _write_list(path: Path, names: np.ndarray, points_image: np.ndarray, euler: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        for name, points, angles in zip(names, points_image, euler, strict=True):
            file.write(" ".join([name, *(f"{value:.3f}" for value in (*points.ravel(), *angles))]) + "\n")
