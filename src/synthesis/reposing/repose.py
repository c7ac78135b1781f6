"""Turn annotated photographs into training faces of every pose, labeled by AFLW2000-3D's convention.

Folders in the challenge's own format: `relabeled` holds photographs with labels from a fitted 3D mesh, `reposed` the
same faces turned in 3D (Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", 2016), and `rendered`, on
request, turned faces in new expressions, in front of other backgrounds, partly covered. All are cropped as the
challenge crops its faces.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from src.command_line import progress
from src.datasets.conversion import crop_names
from src.datasets.decoding import describe_broken, list_broken
from src.datasets.faces import Faces, fingerprint_of
from src.datasets.names import counted, photo_sources
from src.errors import InputError
from src.files import alone_in
from src.synthesis.owned_folder import claim, finished_counts, is_begun, mark_finished
from src.synthesis.reposing.face_model import FaceModel, load_face_model
from src.synthesis.reposing.job import Job, ReposeOptions, run_job
from src.synthesis.reposing.photographs import PhotographError, decodable, read_photographs
from src.synthesis.reposing.relabel import Relabeled, count_unlearned, relabel
from src.synthesis.reposing.written import WrittenFaces

_MADE_BY = "src.synthesis.repose"  # as in every folder so far, whatever this module is called
_VERSION = 7  # raise it when the same seed gives another picture or label
_SAVED_EVERY = 200  # photographs: an interrupted run makes at most so many again
_MOST_TURNED_YAW = 78.0  # degrees: beyond, a profile hides too much of the head to be turned
_MOST_REPEATS = 3  # how many times as often a rare source's photographs are turned, to match the largest source


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
    job = Job(
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
    made = run_job(job, left, workers=workers)
    made = progress(made, total=len(good), initial=len(done), desc="reposing", unit="photo")
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
