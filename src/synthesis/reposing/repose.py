"""Turn annotated photographs into training faces of every pose, labeled by AFLW2000-3D's convention.

Folders in the challenge's own format: `relabeled` holds photographs with labels from a fitted 3D mesh, `reposed` the
same faces turned in 3D (Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", 2016), and `rendered`, on
request, turned faces in new expressions, in front of other backgrounds, partly covered. All are cropped as the
challenge crops its faces.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from src.command_line import progress
from src.datasets.conversion import crop_names
from src.datasets.decoding import describe_broken, list_broken
from src.datasets.faces import Faces, fingerprint_of
from src.datasets.names import counted, photo_sources
from src.errors import InputError
from src.files import alone_in, naming
from src.geometry import apply_affine
from src.parallel import count_cores, end_with_parent, process_pool, signals_blocked
from src.synthesis.owned_folder import claim, finished_counts, is_begun, mark_finished
from src.synthesis.reposing.expressions import (
    PhotoFace,
    SkinMesh,
    build_photo_face,
    build_skin,
    change_expression,
    sample_expression,
)
from src.synthesis.reposing.face_model import FaceModel, load_face_model
from src.synthesis.reposing.framing import cut_photo, sample_crop
from src.synthesis.reposing.occluders import cover_face, replace_background
from src.synthesis.reposing.photographs import PhotographError, decodable, read_photo, read_photographs
from src.synthesis.reposing.relabel import Relabeled, count_unlearned, relabel
from src.synthesis.reposing.turning import PhotoHead, build_photo_head, sample_pose, turn_head
from src.synthesis.reposing.written import WrittenFaces

FOLDERS = RELABELED, REPOSED, RENDERED = ("relabeled", "reposed", "rendered")
_MADE_BY = "src.synthesis.repose"  # as in every folder so far, whatever this module is called
_VERSION = 7  # raise it when the same seed gives another picture or label
_JPEG_QUALITY = 92
_CHUNK = 8  # photographs that a process fetches at a time
_SAVED_EVERY = 200  # photographs: an interrupted run makes at most so many again
_NEW_EXPRESSION, _NEW_BACKGROUND, _COVERED = 0.85, 0.5, 0.35  # shares of the full renders
_EXTENDED = 0.8  # share of the photographs that go on beyond their border; the others end in black, as AFLW's do
_MOST_TURNED_YAW = 78.0  # degrees: beyond, a profile hides too much of the head to be turned
_MOST_REPEATS = 3  # how many times as often a rare source's photographs are turned, to match the largest source

# One face that was written: folder, file name, points_image (68, 2).
_Written = tuple[str, str, np.ndarray]


@dataclass(frozen=True)
class ReposeOptions:
    """What to make of a folder of photographs.

    per_photo: turned faces for each photograph of the largest source; those of smaller sources are turned up to three
    times as often, so that a few videos do not outweigh many people. labels: what the points mean, of `relabel.LABELS`.
    renders: full renders (`render_face`), counted as per_photo. occluded: share of the turned faces that something
    covers. seed: of all random choices. image_size: side of the pictures in pixels.
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


def repose_folder(
    source: Path,
    out: Path,
    options: ReposeOptions,
    *,
    face_model: Path,
    workers: int | None = None,
    skip_broken: bool = False,
) -> dict[str, int]:
    """Write `out/relabeled`, `out/reposed` and, with renders, `out/rendered` from the photographs in `source`.

    face_model: folder of ICT-FaceKit (`load_face_model`). workers: processes, by default one per CPU. The same seed
    writes the same files with any number of workers; of the same photographs and options, a finished folder stays as it
    is, and an interrupted run goes on. skip_broken: leave broken faces and photographs out. Returns the counts
    `photographs`, `rejected` (bad fits) and, by folder, of the faces, and `broken`, of photographs that could not be
    decoded, if there are any; prints what was left out. Raises InputError if an input is missing or, without
    skip_broken, broken, if another run is writing, or if `out` holds anything that this function did not write.
    """
    model = load_face_model(face_model)
    faces = read_photographs(source, skip_broken=skip_broken)
    photographs = fingerprint_of([faces], "")
    marker = {"made_by": _MADE_BY, "version": _VERSION, "photographs": photographs, **asdict(options)}
    folders = [out / folder for folder in options.folders]
    counts = finished_counts(folders, marker)
    if counts and (skip_broken or "broken" not in counts):
        return counts
    decoded = decodable(faces, skip_broken=skip_broken)
    with alone_in(*folders):
        if not is_begun(folders, marker):
            for folder in folders:
                claim(folder, marker)
        counts, broken = _repose(source, out, options, decoded, model=model, workers=workers, skip_broken=skip_broken)
        if count := len(faces) - len(decoded) + broken:
            counts["broken"] = count
        for folder in folders:
            mark_finished(folder, marker, counts)
    return counts


def _repose(
    source: Path,
    out: Path,
    options: ReposeOptions,
    photographs: Faces,
    *,
    model: FaceModel,
    workers: int | None,
    skip_broken: bool,
) -> tuple[dict[str, int], int]:
    """The counts of what was made, and how many photographs were damaged after they had been looked at."""
    names = photographs.names.tolist()
    relabeled = relabel(
        model, names, photographs.points_image, np.random.default_rng(options.seed), labels=options.labels
    )
    # Labels that stay as they are need a good fit only to be turned.
    good = np.flatnonzero(relabeled.good | (options.labels == "aflw"))
    if not len(good):
        raise InputError(f"{source}: no face in {len(names)} photographs fits the face model; check the annotations")
    job = _Job(
        source=source,
        out=out,
        names=names,
        stems=[Path(name).stem for name in crop_names([name.replace("/", "_") for name in names])],
        model=model,
        relabeled=relabeled,
        turns=_if_turned(relabeled, turns_per_photo(names, options.per_photo)),
        renders=_if_turned(relabeled, turns_per_photo(names, options.renders)),
        options=options,
    )
    written = WrittenFaces(out, options.folders)
    done = written.restore()
    left = [index for index in good if job.stems[index] not in done]
    made = progress(_run(job, left, workers), total=len(good), initial=len(done), desc="reposing", unit="photo")
    broken = []
    for count, (index, faces) in enumerate(zip(left, made, strict=True), start=len(done) + 1):
        if isinstance(faces, PhotographError):
            broken.append((source / names[index], faces))
            if len(broken) == len(good) or not skip_broken:
                raise InputError(describe_broken(broken, len(good)))
            continue
        for face in faces:
            written.add(*face)
        if count % _SAVED_EVERY == 0:
            written.save()
    written.save()
    if broken:
        print(f"{source}: {counted(len(broken), 'broken pictures')} left out ({list_broken(broken)})")
    counts = {"photographs": len(names), "rejected": len(names) - len(good), **written.counts()}
    return counts | count_unlearned(relabeled.unlearned), len(broken)


def turns_per_photo(names: list[str], per_photo: int) -> np.ndarray:
    """How often to turn each photograph, (N,), so that all sources (`photo_sources`) give about as many faces."""
    _, source_of, counts = np.unique(photo_sources(names), return_inverse=True, return_counts=True)
    repeats = np.minimum(counts.max() / counts, _MOST_REPEATS)
    return np.rint(per_photo * repeats).astype(int)[source_of]


def _if_turned(relabeled: Relabeled, counts: np.ndarray) -> np.ndarray:
    """The counts (N,), with 0 for photographs whose head is fitted badly or hides too much to be turned."""
    return counts * (relabeled.good & (np.abs(relabeled.fits.euler[:, 1]) < _MOST_TURNED_YAW))


def render_face(
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


@dataclass(frozen=True)
class _Job:
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

    def faces(self, index: int) -> list[_Written] | PhotographError:
        """Write all faces of photograph `index`. Returns the error if it or that of its background is damaged."""
        try:
            return self._make(index)
        except PhotographError as error:
            return error

    def _make(self, index: int) -> list[_Written]:
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
            picture, points = render_face(self.model, head, face, other=other, size=size, rng=rng)
            written.append(self._save(RENDERED, f"render{number}_{stem}.jpg", picture, points))
        return written

    def _save(self, folder: str, name: str, picture: np.ndarray, points: np.ndarray) -> _Written:
        with naming(self.out / folder / name):
            Image.fromarray(picture).save(self.out / folder / name, quality=_JPEG_QUALITY)
        return folder, name, points


_process_job: list[_Job] = []  # the job of a worker process, set once when it starts


def _start_process(job: _Job) -> None:
    end_with_parent()
    _process_job[:] = [job]


def _process_faces(index: int) -> list[_Written] | PhotographError:
    return _process_job[0].faces(index)


def _run(job: _Job, indices: Iterable[int], workers: int | None) -> Iterator[list[_Written] | PhotographError]:
    workers = workers or count_cores()
    if workers == 1:
        yield from map(job.faces, indices)
        return
    with process_pool(workers, initializer=_start_process, initargs=(job,)) as pool:
        with signals_blocked():
            faces = pool.map(_process_faces, indices, chunksize=_CHUNK)
        yield from faces
