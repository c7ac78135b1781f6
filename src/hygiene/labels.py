"""Compare prepared labels with a network's points: which sources are far off, and what the likely cause is.

The network errs by a few percent of a face, labels of the wrong picture, frame or order by tens of percent. If many
faces are far off, their labels are tried in other orders and frames; the change that explains most of them is named,
but not made.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.command_line import progress
from src.datasets.prepared import CHECK_SHEET, PreparedFaces
from src.errors import InputError
from src.geometry import apply_affine, orientation_affine
from src.markup import INNER_51, NUM_POINTS, flip_permutation
from src.predict.confidence import SHIPPED, disagreement
from src.predict.looks import combine
from src.predict.runtimes import Runtime, look_repeatedly
from src.visualization.sheet import save_picture, sheet_of_squares

FAR = 0.12  # of the face's size: the largest error on 199 labeled photographs of all poses is 0.11
_ALARM = 0.1  # share of a source's faces
_EXPLAINED = 0.5  # share of the faces far off that a cause must explain
_RECOGNIZED = 0.3  # score above which the network is taken to see a face
_LOOKS = 2
_BATCH = 50
_WORST = 12

_TURNS = {2: "mirrored", 3: "upside down", 4: "mirrored upside down", 5: "transposed (x and y swapped)",
          6: "turned by 90 degrees", 7: "transversed", 8: "turned by 270 degrees"}  # fmt: skip
_LYING, _MIRRORED = (5, 6, 7, 8), (2, 4, 5, 7)


@dataclass(frozen=True)
class LabelCheck:
    """For M faces: rows (M,) in the prepared set; errors (M,) as shares of the face's size; is_recognized (M,) bool,
    whether the network sees a face in the picture; the network's points_unit (M, K, 2)."""

    rows: np.ndarray
    errors: np.ndarray
    is_recognized: np.ndarray
    points_unit: np.ndarray

    @property
    def is_far(self) -> np.ndarray:
        return self.errors > FAR

    def of_recognized(self) -> "LabelCheck":
        """Only the faces that the network sees."""
        return LabelCheck(*(values[self.is_recognized] for values in vars(self).values()))


def report_labels(out: Path, faces: PreparedFaces, network: Runtime, *, most: int | None) -> None:
    """Print which labels of the prepared folder `out` are far from a network's points, and draw the worst.

    most: faces checked per source, None for all; then the result is printed and drawn even if nothing is wrong.
    """
    check = check_labels(network, faces, most=most)
    lines = describe_check(check, faces)
    if most is None and not lines:
        print(f"label check: {check.is_far.sum()} of {len(check.rows)} faces far from the network's points")
    for line in lines:
        print(line)
    if lines or most is None:
        write_sheet(check, faces, out / CHECK_SHEET)
        print(f"  {out / CHECK_SHEET}: the worst, labels white, the network's points green")


def check_labels(runtime: Runtime, faces: PreparedFaces, *, most: int | None = None) -> LabelCheck:
    """Compare the labels of the first `most` faces of every source (all by default) with a network's points.

    Raises InputError for a network with another number of points than 68.
    """
    rows = np.concatenate([np.flatnonzero(faces.source == source)[:most] for source in np.unique(faces.source)])
    predicted, scores = [], []
    for start in progress(range(0, len(rows), _BATCH), desc="checking labels", unit="batch"):
        squares = np.array(faces.images[rows[start : start + _BATCH]])
        found = look_repeatedly(runtime, squares, _LOOKS)
        predicted.append(combine(found, runtime.config.second_look))
        scores.append(SHIPPED[_LOOKS].score(disagreement(found)))
    points_unit = np.concatenate(predicted)
    if points_unit.shape[1] != NUM_POINTS:
        raise InputError(f"expected a model of {NUM_POINTS} points for the label check, found {points_unit.shape[1]}")
    if faces.points_unit.shape[1] == len(INNER_51):
        points_unit = points_unit[:, INNER_51]
    errors = _errors(faces.points_unit[rows], points_unit)
    return LabelCheck(rows, errors, np.concatenate(scores) > _RECOGNIZED, points_unit)


def describe_check(check: LabelCheck, faces: PreparedFaces) -> list[str]:
    """One line per source with more than a tenth of its faces far off, with the likely cause."""
    lines = []
    for source, name in enumerate(faces.source_names):
        chosen = faces.source[check.rows] == source
        far = chosen & check.is_far
        if not chosen.any() or far.sum() <= _ALARM * chosen.sum():
            continue
        lines.append(
            f"label check: {name}: {far.sum()} of {chosen.sum()} faces have labels far from the network's points; "
            f"{_likely_cause(check, faces, far)}"
        )
    return lines


def write_sheet(check: LabelCheck, faces: PreparedFaces, path: Path) -> None:
    """Draw the twelve faces farthest off: labels white, the network's points green."""
    worst = np.argsort(-check.errors)[:_WORST]
    rows = check.rows[worst]
    sheet = sheet_of_squares(
        np.array(faces.images[rows]),
        check.points_unit[worst] if check.points_unit.shape[1] == NUM_POINTS else None,
        true_points_unit=faces.points_unit[rows],
        captions=[f"{100 * check.errors[i]:.0f} % {Path(faces.names[check.rows[i]]).name}" for i in worst],
    )
    save_picture(sheet, path)


def _likely_cause(check: LabelCheck, faces: PreparedFaces, far: np.ndarray) -> str:
    rows, predicted = check.rows[far], check.points_unit[far]
    labels = faces.points_unit[rows].astype(np.float64)
    changed = _orders(labels) | _frames(faces, rows)
    explained = {cause: (_errors(points, predicted) < FAR).mean() for cause, points in changed.items()}
    best = max(explained, key=explained.get)
    if explained[best] >= _EXPLAINED:
        return f"likely cause: {best} (brings {100 * explained[best]:.0f} % of them near)"
    if check.is_recognized[far].mean() < _EXPLAINED:
        return "there the network sees no face: labels of other, resized or turned pictures, or no photographs"
    return "no other order or frame explains it: labels of other pictures, or another mark-up"


def _orders(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The labels (M, K, 2) corrected, by the wrong order in which they may have been written."""
    return {
        "left and right are swapped in the points' order": labels[:, flip_permutation(labels.shape[1])],
        "the list is shifted by one point (counted from 1)": np.roll(labels, 1, axis=1),
        "the list is shifted by one point the other way": np.roll(labels, -1, axis=1),
        "the points' order is reversed": labels[:, ::-1],
        "x and y are swapped": labels[..., ::-1],
    }


def _frames(faces: PreparedFaces, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The labels (M, K, 2) of whole pictures moved to other frames, by the cause, in the unit square."""
    points_image, affines, size = faces.points_image[rows], faces.affine[rows], faces.size[rows]
    middle = apply_affine(affines, size[:, None, ::-1] / 2)
    if np.abs(middle - 0.5).max() > 0.01:  # these are crops around the labels, which moved with them
        return {}
    frames = {}
    for orientation, words in _TURNS.items():
        stored = size if orientation in _LYING else size[:, ::-1]
        turned = apply_affine(np.array([orientation_affine(orientation, *sides) for sides in stored]), points_image)
        turned = apply_affine(affines, turned)
        if orientation in _MIRRORED:  # a mirrored right eye looks like a left one
            frames[f"the labels are {words} against the picture"] = turned
            turned = turned[:, flip_permutation(turned.shape[1])]
        frames[f"the picture is {words} against its labels"] = turned
    return frames


def _errors(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean distances (M,) of points (M, K, 2) as shares of the size of the larger of both faces."""
    sizes = [np.sqrt(np.ptp(points, axis=1).prod(axis=1)) for points in (labels, predicted)]
    return np.linalg.norm(labels - predicted, axis=2).mean(axis=1) / np.maximum(np.maximum(*sizes), 1e-6)
