"""Turn annotated photographs into training faces of every pose, labeled by AFLW2000-3D's convention.

Two folders in the challenge's own format: `relabeled` holds the photographs with labels from a fitted 3D mesh,
`reposed` the same faces turned in 3D (Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", 2016). Both are
framed as the challenge frames its crops.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from src.datasets.challenge import ANNOTATIONS, read_annotations, write_annotations
from src.errors import InputError
from src.files import write_text
from src.geometry import apply_affine
from src.synthesis.face_model import FaceModel, load_face_model
from src.synthesis.framing import crop, frame
from src.synthesis.relabel import Relabeled, photo_sources, relabel
from src.synthesis.turning import build_head, sample_pose, turn_head

MARKER = "made_by.json"
FOLDERS = ("relabeled", "reposed")
_VERSION = 2  # raise it when the same seed gives another picture or label
_JPEG_QUALITY = 92
_CHUNK = 8  # photographs that a process fetches at a time
_MOST_REPEATS = 3  # how many times as often a rare source's photographs are turned, to match the largest source

# One face that was written: folder, file name, points_image (68, 2).
_Written = tuple[str, str, np.ndarray]


def repose_folder(
    source: Path,
    out: Path,
    *,
    face_model: Path,
    per_photo: int,
    seed: int,
    image_size: int = 192,
    workers: int | None = None,
) -> dict[str, int]:
    """Write `out/relabeled` and `out/reposed` from the annotated photographs in `source`.

    face_model: folder of ICT-FaceKit (`load_face_model`). per_photo: turned faces a photograph of the
    largest source; those of smaller sources are turned up to three times as often, so that a few videos do not
    outweigh many people. workers: processes, by
    default one a CPU. The same seed writes the same files whatever the number of workers; a finished folder of the same
    photographs and arguments stays as it is.
    Returns the counts `photographs`, `rejected` (bad fits), `relabeled` and `reposed`.
    Raises InputError where an input is missing or `out` holds anything that this function did not write.
    """
    source, out = Path(source), Path(out)
    model = load_face_model(face_model)
    names, points_image = read_annotations(source)
    marker = {
        "made_by": "src.synthesis.repose",
        "version": _VERSION,
        "annotations": hashlib.sha256((source / ANNOTATIONS).read_bytes()).hexdigest(),
        "per_photo": per_photo,
        "seed": seed,
        "image_size": image_size,
    }
    finished = _finished(out, marker)
    if finished:
        return finished
    for folder in FOLDERS:
        _claim(out / folder, marker)
    relabeled = relabel(model, names, points_image, np.random.default_rng(seed))
    good = np.flatnonzero(relabeled.good)
    if not len(good):
        raise InputError(f"{source}: no face in {len(names)} photographs fits the face model; check the annotations")
    job = _Job(source, out, names, model, relabeled, turns_per_photo(names, per_photo), seed, image_size)
    written = {folder: ([], []) for folder in FOLDERS}
    for faces in tqdm(_run(job, good, workers), total=len(good), desc="reposing", unit="photo"):
        for folder, name, points in faces:
            written[folder][0].append(name)
            written[folder][1].append(points)
    for folder, (files, points) in written.items():
        if files:
            write_annotations(out / folder, files, np.array(points))
    counts = {folder: len(files) for folder, (files, _) in written.items()}
    counts = {"photographs": len(names), "rejected": len(names) - len(good), **counts}
    for folder in FOLDERS:
        _write_marker(out / folder, marker | {"counts": counts})
    return counts


def turns_per_photo(names: list[str], per_photo: int) -> np.ndarray:
    """(N) how often to turn each photograph: sources, by the name's part before the first underscore, come out even."""
    sources, counts = np.unique(photo_sources(names), return_counts=True)
    repeats = np.minimum(counts.max() / counts, _MOST_REPEATS)
    return np.rint(per_photo * repeats).astype(int)[np.searchsorted(sources, photo_sources(names))]


def _finished(out: Path, marker: dict) -> dict[str, int] | None:
    """The counts of an earlier run with the same marker that came to its end."""
    try:
        found = [json.loads((out / folder / MARKER).read_text(encoding="utf-8")) for folder in FOLDERS]
    except (OSError, ValueError):
        return None
    counts = found[0].get("counts")
    return counts if counts and all(other == marker | {"counts": counts} for other in found) else None


def _write_marker(folder: Path, marker: dict) -> None:
    write_text(folder / MARKER, json.dumps(marker, indent=2) + "\n")


def _claim(folder: Path, marker: dict) -> None:
    """Make the folder ours; the marker comes first, so that an interrupted run can be repeated."""
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder}: not empty and without {MARKER}, so not written by this command; name another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write_marker(folder, marker)
    for old in (folder / ANNOTATIONS, *folder.glob("*.jpg")):
        old.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Job:
    """All that a process needs to make the faces of any photograph."""

    source: Path
    out: Path
    names: list[str]
    model: FaceModel
    relabeled: Relabeled
    turns: np.ndarray  # (N) turned faces of each photograph
    seed: int
    image_size: int

    def faces(self, index: int) -> list[_Written]:
        """Write all faces of photograph `index`."""
        name = self.names[index]
        rng = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        photo = _read_photo(self.source / name)
        stem = str(Path(name).with_suffix("")).replace("/", "_")
        points = self.relabeled.points_camera[index, :, :2]
        affine = frame(points, self.image_size, self.relabeled.fits.euler[index, 1], rng)
        picture = crop(photo, affine, self.image_size)
        written = [self._save(FOLDERS[0], f"photo_{stem}.jpg", picture, apply_affine(affine, points))]
        if self.turns[index]:
            head = build_head(self.model, photo, self.relabeled, index)
        for turned in range(self.turns[index]):
            picture, points = turn_head(head, sample_pose(head.euler, rng), self.image_size, rng)
            written.append(self._save(FOLDERS[1], f"turn{turned}_{stem}.jpg", picture, points))
        return written

    def _save(self, folder: str, name: str, picture: np.ndarray, points: np.ndarray) -> _Written:
        Image.fromarray(picture).save(self.out / folder / name, quality=_JPEG_QUALITY)
        return folder, name, points


_process_job: list[_Job] = []  # the job of a worker process, set once when it starts


def _start_process(job: _Job) -> None:
    _process_job[:] = [job]


def _process_faces(index: int) -> list[_Written]:
    return _process_job[0].faces(index)


def _run(job: _Job, indices: Iterable[int], workers: int | None) -> Iterator[list[_Written]]:
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from map(job.faces, indices)
        return
    context = get_context("spawn")  # a fork of a process that has used threads may hang
    with ProcessPoolExecutor(workers, context, initializer=_start_process, initargs=(job,)) as pool:
        yield from pool.map(_process_faces, indices, chunksize=_CHUNK)


def _read_photo(path: Path) -> np.ndarray:
    """(S, S, 3) uint8 RGB; a picture that is not square is filled with black on the right or below."""
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, FileNotFoundError, SyntaxError) as error:
        raise InputError(f"{path}: listed in the annotations, but not a readable picture there ({error})") from error
    side = max(pixels.shape[:2])
    return np.pad(pixels, ((0, side - pixels.shape[0]), (0, side - pixels.shape[1]), (0, 0)))
