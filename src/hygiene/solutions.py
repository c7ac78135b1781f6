"""Whether a submission's points can be the faces in their pictures: by shapes and places, or by a network's points."""

import tempfile
from pathlib import Path

import numpy as np

from src.datasets.faces import Faces
from src.datasets.faults import describe_rescaled
from src.datasets.names import spell_out
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.hygiene.labels import check_labels, describe_check
from src.hygiene.shapes import NO_HEAD, SWAPPED, odd_shapes
from src.predict.runtimes import Runtime

_COMPARED = 200  # rows, spread over the solution
_MOST_ODD = 0.25  # share of the faces; no one of 199 labeled faces has an odd shape
_LEAST_FACES = 10
_CLEARLY_NEARER = 0.7  # of the distance from other pictures' labels; the shipped model's points lie at 0.14
_CAUSES = {
    NO_HEAD: "expected x1 y1 x2 y2 and so on, in the mark-up's order, from 0 or 1 on",
    SWAPPED: "expected x before y, y from the top, points of the unmirrored picture, left before right",
}


def check_places(names: list[str], points_image: np.ndarray, *, size: np.ndarray | None) -> list[str]:
    """Remarks on a few odd faces among points (N, 68, 2); size: (N, 2) height and width of their pictures, if known.

    Raises InputError if many faces are odd, or if all seem to be in the pixels of pictures of another size.
    """
    remarks = []
    for what, rows in odd_shapes(points_image).items():
        odd = [names[row] for row in rows]
        described = f"{len(rows)} of {len(names)} faces: {what} ({spell_out(odd)})"
        if len(rows) > _MOST_ODD * len(names):
            raise InputError(described + (f"; {_CAUSES[what]}" if what in _CAUSES else ""))
        remarks.append(described)
    rescaled = "" if size is None else describe_rescaled(points_image, size[:, ::-1])
    if rescaled:
        raise InputError(rescaled)
    repeated = len(names) - len(np.unique(points_image, axis=0))
    if repeated:
        remarks.append(f"{repeated} of {len(names)} rows repeat the points of another row")
    return remarks


def describe_unrelated(points_image: np.ndarray, true_image: np.ndarray) -> str:
    """Why labels (N, 68, 2) seem to be of other pictures than the predicted points (N, 68, 2); "" if they do not.

    Fewer than ten faces are too few to judge by. A network that has learned little gets the same answer.
    """
    if len(true_image) < _LEAST_FACES:
        return ""
    own, others = (
        np.median(np.linalg.norm(points_image - labels, axis=2).mean(axis=1))
        for labels in (true_image, np.roll(true_image, len(true_image) // 2, axis=0))
    )
    if own < _CLEARLY_NEARER * others:
        return ""
    return (
        "the points lie hardly nearer to these labels than to those of other pictures; check that the labels are of "
        "these pictures, in their pixels and in the mark-up's order"
    )


def compare_with(runtime: Runtime, names: list[str], points_image: np.ndarray, folder: Path) -> list[str]:
    """Remarks if many of the points (N, 68, 2) lie far from a network's, as those of other pictures do.

    Compares up to 200 rows with the pictures of their names in `folder`; those without a face count as right.
    """
    rows = np.unique(np.linspace(0, len(names) - 1, _COMPARED).astype(int))
    with tempfile.TemporaryDirectory() as place:
        chosen = Faces(folder, np.array(names)[rows], points_image[rows])
        prepare([chosen], place, image_size=SQUARE_SIZE, skip_broken=True)
        faces = load_prepared(place)
        return describe_check(check_labels(runtime, faces).of_recognized(), faces)
