"""From annotated pictures to a prepared folder (`src.datasets.prepared`)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.datasets.challenge import read_folder
from src.datasets.cropping import WHOLE, check_rule
from src.datasets.decoding import SquaresFile, decode_faces, describe_broken, list_broken
from src.datasets.faces import Faces, fingerprint_of
from src.datasets.names import distinct_names
from src.datasets.prepared import CHECK_SHEET, VERSION, load_prepared, open_arrays, read_meta
from src.datasets.prepared_check import content_digest
from src.datasets.report import FolderReport
from src.errors import InputError
from src.files import alone_in, atomic_path, write_text
from src.geometry import apply_affine
from src.markup import INNER_51, NUM_POINTS
from src.pose import fit_pose


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
        meta = read_meta(out)
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
        content = content_digest(*open_arrays(out))
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
    if (out / "images.npy").exists() or "fingerprint" in (read_meta(out) or {}):
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


def _write_list(path: Path, names: np.ndarray, points_image: np.ndarray, euler: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        for name, points, angles in zip(names, points_image, euler, strict=True):
            file.write(" ".join([name, *(f"{value:.3f}" for value in (*points.ravel(), *angles))]) + "\n")
