"""Calibrate the score of `src.predict.confidence`: python3 -m src.evaluation.calibrate --model_path FILE.

The parameters are fitted on faces that the project renders itself (unchanged, augmented as in training, and turned) and
then tested on the annotated pictures of --check_on. reliability.png compares the scores with the share of good
predictions. Rendered faces have the model's own convention; for another one, --held_out gives photographs that it did
not learn from.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from src.augmentation import augment
from src.command_line import progress, run_command
from src.config import AugmentationConfig
from src.datasets.challenge import find_annotations
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepare import prepare
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.conventions import of_sources, split
from src.files import atomic_path, check_target
from src.geometry import apply_affine, orientation_affine
from src.metrics import calibration_error, reliability
from src.parser import Parser, add_convention, add_model_path, add_scored_looks, at_least
from src.predict.confidence import LIMIT, Calibration, disagreement, log_disagreement
from src.predict.looks import combine
from src.predict.resampling import WHOLE
from src.predict.runtimes import Runtime, look_repeatedly, open_model
from src.synthesis.renderer.folder import render_faces
from src.visualization.confidence import reliability_diagram

_BATCH = 64
_PRIOR = 1e-3  # weight of the squared parameters: keeps a fit to separable faces finite
_NEWTON_STEPS = 50
_SEED = 9101  # of the rendered faces: no training set of the project has it
_ORIENTATIONS = {1: 8, 2: 3}  # EXIF's, by quarters of a turn counterclockwise


def measure(
    runtime: Runtime, folder: Path, *, looks: int = 3, augmentation: AugmentationConfig | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Disagreement (N,) and NME (N,), both in percent of the square's side, of the annotated pictures in a folder.

    looks: at each face. augmentation: each batch is measured again with this augmentation, and again turned by 90 or
    180 degrees, so that failures are included; the arrays then hold 3 N values.
    """
    with tempfile.TemporaryDirectory() as prepared:
        prepare([folder], prepared, image_size=SQUARE_SIZE)
        return measure_faces(runtime, load_prepared(prepared), looks=looks, augmentation=augmentation)


def measure_faces(
    runtime: Runtime, faces: PreparedFaces, *, looks: int, augmentation: AugmentationConfig | None
) -> tuple[np.ndarray, np.ndarray]:
    """`measure` for prepared faces."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for start in progress(range(0, len(faces), _BATCH), desc="predicting", unit="batch"):
        part = slice(start, start + _BATCH)
        squares, points_unit = np.array(faces.images[part]), faces.points_unit[part]
        found.append(_compare(runtime, squares, points_unit, looks))
        if augmentation is not None:
            images, moved, _ = augment(
                torch.from_numpy(squares),
                torch.from_numpy(points_unit),
                torch.from_numpy(faces.euler[part]),
                crop=WHOLE,
                size=SQUARE_SIZE,
                config=augmentation,
                generator=generator,
            )
            squares = (255 * images).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
            found.append(_compare(runtime, squares, moved.numpy(), looks))
            found.append(_compare(runtime, *_turn(faces, part, quarters=1 + start // _BATCH % 2), looks))
    disagreements, errors = zip(*found, strict=True)
    return np.concatenate(disagreements), np.concatenate(errors)


def _turn(faces: PreparedFaces, part: slice, *, quarters: int) -> tuple[np.ndarray, np.ndarray]:
    """Squares and points_unit of some faces, turned counterclockwise by quarters of a turn."""
    affine = orientation_affine(_ORIENTATIONS[quarters], 1, 1)
    squares = np.ascontiguousarray(np.rot90(faces.images[part], quarters, axes=(1, 2)))
    return squares, apply_affine(affine, faces.points_unit[part])


def _compare(
    runtime: Runtime, squares: np.ndarray, points_unit: np.ndarray, looks: int
) -> tuple[np.ndarray, np.ndarray]:
    found = look_repeatedly(runtime, squares, looks)
    distance = np.linalg.norm(combine(found, runtime.config.second_look) - points_unit, axis=-1)
    return disagreement(found), 100 * distance.mean(axis=-1)


def fit_calibration(disagreements: np.ndarray, is_good: np.ndarray) -> Calibration:
    """The most likely calibration, by Newton's method. disagreements (N,) in percent; is_good (N,) bool.

    Raises InputError unless there are both good and bad predictions.
    """
    if is_good.all() or not is_good.any():
        raise InputError(f"expected faces above and below {LIMIT:g} % NME, found one side alone; use other faces")
    inputs = np.stack([np.ones(len(is_good)), log_disagreement(disagreements)], axis=1)  # (N, 2)
    numbers = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-inputs @ numbers))
        gradient = inputs.T @ (is_good - probability) - _PRIOR * numbers
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs + _PRIOR * np.eye(2)
        numbers = numbers + np.linalg.solve(curvature, gradient)
    return Calibration(float(numbers[0]), float(numbers[1]))


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_model_path(parser)
    add_convention(parser)
    parser.add_argument("--held_out", type=Path, metavar="PREPARED", help="fit on a tenth of these faces instead")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="beginnings of their names (all)")
    parser.add_argument("--faces", type=at_least(2), default=400, help="rendered faces to fit on")
    add_scored_looks(parser)
    parser.add_argument("--check_on", type=Path, help="folder of pictures with an annot.pkl, to test the fit on")
    parser.add_argument("--out", type=Path, default="output/reliability.png", help="where the diagram goes")
    arguments = parser.parse_args()
    if arguments.held_out:
        parser.refuse(["faces"], "goes without --held_out: nothing is rendered then")
    else:
        parser.refuse(["only"], "goes with --held_out PREPARED, from whose faces it chooses")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out, ending=".png")  # before the work, not after it
    if arguments.check_on:
        find_annotations(arguments.check_on)
    runtime, looks = open_model(arguments.model_path, convention=arguments.convention), arguments.looks
    options = {"looks": looks, "augmentation": replace(AugmentationConfig(), flip=0.0)}  # the second look is mirrored
    if arguments.held_out:
        _, faces = split(of_sources(load_prepared(arguments.held_out), arguments.only))
        fitted_on, found = "held out, fitted on", measure_faces(runtime, faces, **options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            rendered = Path(folder) / "rendered"
            render_faces(rendered, arguments.faces, seed=_SEED)
            fitted_on, found = "rendered, fitted on", measure(runtime, rendered, **options)
    measured = {fitted_on: found}
    calibration = fit_calibration(found[0], found[1] < LIMIT)
    if arguments.check_on:
        measured[arguments.check_on.name] = measure(runtime, arguments.check_on, looks=looks)
    print(f"Calibration(intercept={calibration.intercept:.2f}, slope={calibration.slope:.2f})")
    bins = {}
    for name, (disagreements, errors) in measured.items():
        is_good = errors < LIMIT
        score = calibration.score(disagreements)
        bins[f"{name} (n={len(score)})"] = fifths = reliability(score, is_good)
        print(f"{name}: {len(score)} faces, mean score {score.mean():.3f}, NME below {LIMIT:g} %: {is_good.mean():.3f}")
        print(f"  calibration error {calibration_error(fifths):.3f}; score -> share of good predictions, in fifths:")
        print("  " + ", ".join(f"{part.score:.2f} -> {part.good:.2f}" for part in fifths))
    with atomic_path(arguments.out) as temporary:
        reliability_diagram(bins).savefig(temporary, format="png")
    print(arguments.out)


if __name__ == "__main__":
    run_command(main)
