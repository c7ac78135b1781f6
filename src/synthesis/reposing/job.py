"""The faces made of one photograph: cut out as it is, turned, and in new expressions; in several processes at once."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from src.files import naming
from src.geometry import apply_affine
from src.parallel import count_cores, end_with_parent, process_pool, signals_blocked
from src.synthesis.reposing.expressions import (
    PhotoFace,
    SkinMesh,
    build_photo_face,
    build_skin,
    change_expression,
    sample_expression,
)
from src.synthesis.reposing.face_model import FaceModel
from src.synthesis.reposing.framing import cut_photo, sample_crop
from src.synthesis.reposing.occluders import cover_face, replace_background
from src.synthesis.reposing.photographs import PhotographError, read_photo
from src.synthesis.reposing.relabel import Relabeled
from src.synthesis.reposing.turning import PhotoHead, build_photo_head, sample_pose, turn_head

FOLDERS = RELABELED, REPOSED, RENDERED = ("relabeled", "reposed", "rendered")
_JPEG_QUALITY = 92
_CHUNK = 8  # photographs that a process fetches at a time
_NEW_EXPRESSION, _NEW_BACKGROUND, _COVERED = 0.85, 0.5, 0.35  # shares of the full renders
_EXTENDED = 0.8  # share of the photographs that go on beyond their border; the others end in black, as AFLW's do

# One face that was written: folder, file name, points_image (68, 2).
WrittenFace = tuple[str, str, np.ndarray]


@dataclass(frozen=True)
class ReposeOptions:
    """What to make of a folder of photographs.

    per_photo: turned faces for each photograph of the largest source; those of smaller sources are turned up to three
    times as often, so that a few videos do not outweigh many people. labels: what the points mean, of `relabel.LABELS`.
    renders: full renders, counted as per_photo. occluded: share of the turned faces that something covers. seed: of all
    random choices. image_size: side of the pictures in pixels.
    """

    per_photo: int
    labels: str = "learned"
    renders: int = 0
    occluded: float = 0.0
    seed: int = 0
    image_size: int = 192

    @property
    def folders(self) -> tuple[str, ...]:
        """Which of FOLDERS are written."""
        return FOLDERS if self.renders else (RELABELED, REPOSED)


@dataclass(frozen=True)
class Job:
    """All that a process needs to make the faces of any photograph."""

    source: Path
    out: Path
    names: list[str]
    stems: list[str]  # (N,) of the files made of each photograph
    model: FaceModel
    relabeled: Relabeled
    turns: np.ndarray  # (N,) turned faces of each photograph
    renders: np.ndarray  # (N,) full renders of each photograph
    options: ReposeOptions

    @cached_property
    def skin(self) -> SkinMesh:
        return build_skin(self.model)

    def faces(self, index: int) -> list[WrittenFace] | PhotographError:
        """Write all faces of photograph `index`. Returns the error if it or that of its background is damaged."""
        try:
            return self._make(index)
        except PhotographError as error:
            return error

    def _make(self, index: int) -> list[WrittenFace]:
        name, stem, size = self.names[index], self.stems[index], self.options.image_size
        rng = np.random.default_rng([self.options.seed, zlib.crc32(name.encode())])
        photo = read_photo(self.source / name)
        points = self.relabeled.points_camera[index, :, :2]
        affine = sample_crop(points, size, self.relabeled.fits.euler[index, 1], rng)
        picture = cut_photo(photo, affine, size, extended=rng.random() < _EXTENDED)
        written = [self._save(RELABELED, f"photo_{stem}.jpg", picture, apply_affine(affine, points))]
        if self.turns[index] or self.renders[index]:
            head = build_photo_head(self.model, photo, self.relabeled, index)
        for number in range(self.turns[index]):
            euler = sample_pose(head.euler, rng)
            picture, points = turn_head(head, euler, size, rng)
            if self.options.occluded and rng.random() < self.options.occluded:
                cover_face(picture, points, euler[1], rng)
            written.append(self._save(REPOSED, f"turn{number}_{stem}.jpg", picture, points))
        if self.renders[index]:
            face = build_photo_face(self.model, self.skin, head.photo, self.relabeled, index)
            other = read_photo(self.source / self.names[rng.integers(len(self.names))])
        for number in range(self.renders[index]):
            picture, points = _render_face(self.model, head, face, other=other, size=size, rng=rng)
            written.append(self._save(RENDERED, f"render{number}_{stem}.jpg", picture, points))
        return written

    def _save(self, folder: str, name: str, picture: np.ndarray, points: np.ndarray) -> WrittenFace:
        with naming(self.out / folder / name):
            Image.fromarray(picture).save(self.out / folder / name, quality=_JPEG_QUALITY)
        return folder, name, points


_process_job: list[Job] = []  # the job of a worker process, set once when it starts


def _start_process(job: Job) -> None:
    end_with_parent()
    _process_job[:] = [job]


def _process_faces(index: int) -> list[WrittenFace] | PhotographError:
    return _process_job[0].faces(index)


def run_job(job: Job, indices: Iterable[int], *, workers: int | None) -> Iterator[list[WrittenFace] | PhotographError]:
    """`Job.faces` of each photograph, in this order. workers: processes, by default one per CPU."""
    workers = workers or count_cores()
    if workers == 1:
        yield from map(job.faces, indices)
        return
    with process_pool(workers, initializer=_start_process, initargs=(job,)) as pool:
        with signals_blocked():
            faces = pool.map(_process_faces, indices, chunksize=_CHUNK)
        yield from faces


def _render_face(
    model: FaceModel, head: PhotoHead, face: PhotoFace, *, other: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A face in a new pose, most often in a new expression, sometimes on another background or partly covered.

    head, face: of one photograph. other: another photograph (H, W, 3) uint8, whose surroundings may become the
    background. Returns the picture (size, size, 3) uint8 and points_image (68, 2).
    """
    if rng.random() < _NEW_BACKGROUND:
        head = replace(head, photo=replace_background(head.photo, head.field, head.points[:, :2], other, rng))
    expression = change_expression(model, face, sample_expression(rng)) if rng.random() < _NEW_EXPRESSION else None
    euler = sample_pose(head.euler, rng)
    picture, points = turn_head(head, euler, size, rng, expression=expression)
    if rng.random() < _COVERED:
        cover_face(picture, points, euler[1], rng)
    return picture, points
