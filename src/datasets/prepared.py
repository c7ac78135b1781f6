"""The prepared folder: pictures decoded once into arrays that training maps into memory.

- `images.npy`: (N, S, S, 3) uint8 RGB, letterboxed squares
- `labels.npz`: points_unit (N, 68, 2), affine (N, 2, 3) source pixels -> unit square, size (N, 2) height and width of
  the source in pixels, euler (N, 3) pitch, yaw, roll in degrees, names (N), source (N) index into source_names
- `list.txt`: for people and other tools, 140 columns: picture, 136 coordinates in its pixels, pitch yaw roll
- `meta.json`: version, counts and a fingerprint of the input; written last, so a folder that has it is whole
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from src.datasets.challenge import ANNOTATIONS, read_annotations
from src.datasets.pictures import read_square
from src.errors import InputError
from src.files import atomic_path, write_text
from src.geometry import apply_affine, invert_affine
from src.pose import fit_pose

VERSION = 1
_LISTED_BROKEN = 10  # names of broken pictures that the message spells out


@dataclass(frozen=True)
class PreparedFaces:
    """A prepared folder, opened. `images` is a memory map; shapes as in the module's docstring."""

    images: np.ndarray
    points_unit: np.ndarray
    affine: np.ndarray
    size: np.ndarray
    euler: np.ndarray
    names: np.ndarray
    source: np.ndarray
    source_names: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @property
    def points_image(self) -> np.ndarray:
        """(N, 68, 2) points in pixels of each source picture."""
        return apply_affine(invert_affine(self.affine), self.points_unit)


def prepare(
    sources: Iterable[str | Path], out: str | Path, *, image_size: int, skip_broken: bool = False
) -> dict[str, int | bool]:
    """Decode the annotated pictures of the source folders into one prepared folder; a no-op where nothing changed.

    Returns {"faces", "broken", "redone"}. Raises InputError for bad annotations and, unless `skip_broken`, for broken
    pictures, before anything of `out` is replaced.
    """
    sources, out = [Path(source) for source in sources], Path(out)
    annotated = [read_annotations(source) for source in sources]
    fingerprint = _fingerprint(sources, annotated, image_size=image_size)
    meta = _read_meta(out)
    unchanged = meta is not None and meta.get("fingerprint") == fingerprint and (skip_broken or meta["broken"] == 0)
    if unchanged and _is_whole(out):
        return {"faces": meta["faces"], "broken": meta["broken"], "redone": False}

    pairs = [(source, name) for source, (names, _) in zip(sources, annotated, strict=True) for name in names]
    folders = {source: source.resolve().name for source in sources}
    paths = [source / name for source, name in pairs]
    names = np.array([f"{folders[source]}/{name}" for source, name in pairs])
    source_index = np.repeat(np.arange(len(sources), dtype=np.int16), [len(names) for names, _ in annotated])
    points_image = np.concatenate([points for _, points in annotated])
    with atomic_path(out / "images.npy") as temporary:
        images = _new_map(temporary, (len(paths), image_size, image_size, 3))
        affine, size, errors = _decode(paths, points_image, images, description=out.name)
        broken = [i for i, error in enumerate(errors) if error]
        if broken and not skip_broken:
            raise InputError(_describe_broken(broken, paths, errors))
        kept = np.array([i for i, error in enumerate(errors) if not error], dtype=int)
        if len(kept) == 0:
            raise InputError(f"{sources[0]}: all {len(paths)} pictures are broken; first: {errors[0]}")
        images.flush()
        if broken:
            _drop_rows(temporary, images, kept)
        del images
        (out / "meta.json").unlink(missing_ok=True)  # from here until the new meta.json the folder is not whole
    points_image, affine, names = points_image[kept], affine[kept], names[kept]
    euler = fit_pose(points_image)
    with atomic_path(out / "labels.npz") as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            points_unit=apply_affine(affine, points_image).astype(np.float32),
            affine=affine,
            size=size[kept],
            euler=euler.astype(np.float32),
            names=names,
            source=source_index[kept],
            source_names=np.array([source.name for source in sources]),
        )
    _write_list(out / "list.txt", names, points_image, euler)
    meta = {
        "version": VERSION,
        "faces": len(kept),
        "broken": len(broken),
        "image_size": image_size,
        "sources": [source.name for source in sources],
        "fingerprint": fingerprint,
    }
    write_text(out / "meta.json", json.dumps(meta, indent=2) + "\n")
    return {"faces": len(kept), "broken": len(broken), "redone": True}


def load_prepared(folder: str | Path) -> PreparedFaces:
    """Open a prepared folder. Raises InputError where it is absent, unfinished, of another version, or cut short."""
    folder = Path(folder)
    meta = _read_meta(folder)
    remedy = "run python3 preparation.py"
    if meta is None:
        raise InputError(f"{folder}: no prepared faces there (meta.json is missing or damaged); {remedy}")
    if meta.get("version") != VERSION:
        raise InputError(f"{folder}: expected prepared version {VERSION}, found {meta.get('version')}; {remedy}")
    try:
        images = np.load(folder / "images.npy", mmap_mode="r")
        with np.load(folder / "labels.npz", allow_pickle=False) as labels:
            faces = PreparedFaces(images=images, **{name: labels[name] for name in labels.files})
    except Exception as error:  # NumPy raises anything from EOFError to zipfile.BadZipFile for a damaged file
        raise InputError(f"{folder}: images.npy or labels.npz is missing or damaged ({error}); {remedy}") from error
    if not len(images) == len(faces.points_unit) == meta.get("faces"):
        raise InputError(f"{folder}: expected {meta.get('faces')} faces, found {len(images)} pictures; {remedy}")
    return faces


def _is_whole(folder: Path) -> bool:
    try:
        load_prepared(folder)
    except InputError:
        return False
    return True


def _decode(
    paths: list[Path], points_image: np.ndarray, images: np.ndarray, *, description: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Fill `images` on all cores (Pillow releases the lock while it decodes). Returns affine, size and the errors."""
    affine, size = np.zeros((len(paths), 2, 3)), np.zeros((len(paths), 2), np.int32)

    def decode_one(i: int) -> str:
        try:
            images[i], affine[i], size[i] = read_square(paths[i], images.shape[1])
        except InputError as error:
            return str(error)
        points_unit = apply_affine(affine[i], points_image[i])
        if points_unit.min() < -1 or points_unit.max() > 2:
            return f"its points lie far outside the picture ({size[i, 1]} x {size[i, 0]} pixels)"
        return ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        progress = tqdm(
            pool.map(decode_one, range(len(paths))), total=len(paths), desc=description, unit="face", disable=None
        )
        return affine, size, list(progress)


def _new_map(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new uint8 .npy file, mapped. Writing to a map kills the process where the disk is full, so ask before."""
    needed, free = math.prod(shape), shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(f"{path.parent}: expected {needed / 1e6:.0f} MB of free disk, found {free / 1e6:.0f} MB")
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _drop_rows(path: Path, images: np.ndarray, kept: np.ndarray) -> None:
    """Rewrite an .npy file with only the kept rows, in bounded memory."""
    with atomic_path(path) as smaller:
        packed = _new_map(smaller, (len(kept), *images.shape[1:]))
        for row, i in enumerate(kept):
            packed[row] = images[i]
        packed.flush()


def _fingerprint(sources: list[Path], annotated: list[tuple], *, image_size: int) -> str:
    """Changes when a picture, a label, the size or the software's format changes; reads no picture."""
    digest = hashlib.sha256(f"{VERSION} {image_size}".encode())
    for source, (names, _) in zip(sources, annotated, strict=True):
        digest.update(str(source.resolve()).encode())
        digest.update((source / ANNOTATIONS).read_bytes())
        for name in names:
            try:
                status = os.stat(source / name)
                digest.update(f"{name} {status.st_size} {status.st_mtime_ns}".encode())
            except OSError:
                digest.update(f"{name} missing".encode())
    return digest.hexdigest()


def _read_meta(folder: Path) -> dict | None:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None


def _describe_broken(broken: list[int], paths: list[Path], errors: list[str]) -> str:
    listed = "; ".join(f"{paths[i]}: {errors[i]}" for i in broken[:_LISTED_BROKEN])
    more = f"; and {len(broken) - _LISTED_BROKEN} more" if len(broken) > _LISTED_BROKEN else ""
    return f"{len(broken)} of {len(paths)} pictures are broken ({listed}{more}); mend them or pass --skip_broken"


def _write_list(path: Path, names: np.ndarray, points_image: np.ndarray, euler: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for name, points, angles in zip(names, points_image, euler, strict=True):
            file.write(" ".join([name, *(f"{value:.3f}" for value in (*points.ravel(), *angles))]) + "\n")
