"""Move the labels of any annotated folder to AFLW2000-3D's convention; its pictures stay where they are.

The 3D face model is fitted to every face's points, and each point moves, in the head's own frame, from where this
source places it to where AFLW2000-3D does (`src.synthesis.reposing.relabel`). Where a source places its points is
inferred from its faces.
"""

from pathlib import Path

import numpy as np

from src.command_line import progress
from src.datasets.challenge import write_annotations
from src.datasets.faces import fingerprint_of
from src.errors import InputError
from src.files import alone_in
from src.synthesis.owned_folder import claim, finished_counts, mark_finished
from src.synthesis.reposing.face_model import FaceModel, load_face_model
from src.synthesis.reposing.photographs import read_photographs
from src.synthesis.reposing.relabel import count_unlearned, infer_convention, relabel_with_offsets

PICTURES = "pictures"  # a link to the source, so that a hundred thousand pictures need no copy
_MADE_BY = "src.synthesis.adapt"  # as in every folder so far, whatever this module is called
_VERSION = 2  # raise it when the same seed gives another label
_CHUNK = 1024  # faces fitted at a time: bounds the memory


def adapt_folder(source: Path, out: Path, *, face_model: Path, seed: int, skip_broken: bool = False) -> dict[str, int]:
    """Write `out/annot.pkl` with adapted labels, and `out/pictures`, a link to the folder `source`.

    All faces of `source` must be labeled in the same way, as projections of a 3D jaw line or along its visible outline.
    face_model: folder of ICT-FaceKit (`load_face_model`). seed chooses the faces from which the convention is inferred.
    A finished folder of the same labels and arguments stays as it is. skip_broken: leave broken faces out.
    Returns the counts `faces`, `rejected` (bad fits) and `adapted`, and prints what was left out.
    Raises InputError if an input is missing or, without skip_broken, broken, if another run is writing, or if `out`
    holds anything that this function did not write.
    """
    faces = read_photographs(source, skip_broken=skip_broken)
    names, points_image = faces.names.tolist(), faces.points_image
    marker = {"made_by": _MADE_BY, "version": _VERSION, "annotations": fingerprint_of([faces], ""), "seed": seed}
    counts = finished_counts([out], marker)
    if counts:
        return counts
    with alone_in(out):
        return _adapt(source, out, names, points_image, marker, load_face_model(face_model))


def _adapt(
    source: Path, out: Path, names: list[str], points_image: np.ndarray, marker: dict, model: FaceModel
) -> dict[str, int]:
    convention = infer_convention(model, points_image, np.random.default_rng(marker["seed"]))
    good = np.empty(len(names), bool)
    adapted = np.empty_like(points_image)
    with progress(total=len(names), desc="adapting", unit="face") as bar:
        for start in range(0, len(names), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            relabeled = relabel_with_offsets(model, points_image[chunk], convention.offsets, outline=convention.outline)
            adapted[chunk], good[chunk] = relabeled.points_camera[..., :2], relabeled.good
            bar.update(len(relabeled.good))
    if not good.any():
        raise InputError(f"{source}: no face of {len(names)} fits the face model; check the annotations")
    claim(out, marker)
    link = out / PICTURES
    link.unlink(missing_ok=True)
    link.symlink_to(source.resolve(), target_is_directory=True)
    kept = np.flatnonzero(good)
    write_annotations(out, [f"{PICTURES}/{names[i]}" for i in kept], adapted[kept])
    counts = {"faces": len(names), "rejected": len(names) - len(kept), "adapted": len(kept)}
    counts |= count_unlearned(0 if convention.is_learned else len(names))
    mark_finished(out, marker, counts)
    return counts
