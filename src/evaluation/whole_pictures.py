"""How well faces are found in whole pictures: python3 -m src.evaluation.whole_pictures FOLDER, of annotated crops.

The crops are turned, reduced and pasted into backgrounds without faces (`src.evaluation.scenes`). Printed: the share of
faces found, the error next to that with true boxes, false faces in pictures without any, and the time for one face,
which is longer for the doubtful ones.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from src.boxes import box_of_points
from src.command_line import progress, run_command
from src.errors import InputError
from src.evaluation.scenes import Scene, background, make_scene, read_crops
from src.parser import Parser, add_convention, add_model_path, add_scored_looks, at_least, title
from src.predict.predictor import Predictor

_FOUND = 0.1  # of the crop's side: a face counts as found if its mean point error is smaller
_PICTURE = (640, 480)  # pixels, of those without faces and of the one that is timed
_TIMED, _REPEATS = 20, 5  # pictures of one face, and calls for each
_LARGEST = 10_000  # pixels of a scene's side


def measure(predictor: Predictor, scenes: list[Scene], *, tiles: bool | None) -> dict[str, float]:
    """found: share of the faces found; nme: of these, and true_nme: of these with the true points' boxes, both in
    percent of their crops' sides; extra: false faces with a score above 0.5, per picture."""
    found, true_errors, extra = [], [], 0
    for scene in progress(scenes, desc="finding", unit="picture"):
        faces = predictor.faces(scene.picture, tiles=tiles)
        boxed, _ = predictor(scene.picture, box_of_points(scene.points_image))
        true_errors.append(_errors(boxed, scene.points_image) / scene.side)
        if not faces:
            found.append(np.full(len(scene.side), np.inf))
            continue
        errors = np.stack([_errors(face.points[None], scene.points_image) / scene.side for face in faces])
        found.append(errors.min(axis=0))
        extra += sum(face.score > 0.5 for face, row in zip(faces, errors, strict=True) if row.min() > _FOUND)
    errors, true_errors = np.concatenate(found), np.concatenate(true_errors)
    is_found = errors < _FOUND
    return {
        "found": float(is_found.mean()),
        "nme": 100 * float(errors[is_found].mean()),
        "true_nme": 100 * float(true_errors[is_found].mean()),
        "extra": extra / len(scenes),
    }


def false_faces(predictor: Predictor, count: int, *, tiles: bool | None, rng: np.random.Generator) -> list[float]:
    """Scores of the false faces found in `count` pictures without faces."""
    pictures = (background(*_PICTURE, rng) for _ in range(count))
    return [face.score for picture in pictures for face in predictor.faces(picture, tiles=tiles)]


def milliseconds(predictor: Predictor, picture: Image.Image) -> float:
    """Fastest of several calls of `Predictor.faces`, by the thread's own CPU clock, which stops while others run."""
    times = []
    for _ in range(_REPEATS):
        start = time.thread_time()
        predictor.faces(picture)
        times.append(time.thread_time() - start)
    return 1000 * min(times)


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    parser.add_argument("folder", type=Path, help="crops with an annot.pkl")
    add_model_path(parser)
    add_convention(parser)
    add_scored_looks(parser)
    side = at_least(64, _LARGEST)
    parser.add_argument("--size", type=side, nargs=2, default=[640, 480], help="of the pictures, in pixels")
    parser.add_argument("--faces", type=float, nargs=2, default=[96, 220], help="smallest and largest face, in pixels")
    parser.add_argument("--together", type=at_least(1), default=2, help="faces per picture")
    parser.add_argument("--rolls", type=float, nargs="+", default=[0, 30, 60, 90, 180], help="degrees")
    parser.add_argument("--tiles", action="store_true", help="always look for small faces, too")
    parser.add_argument("--count", type=at_least(0), default=0, help="use only the first N crops; 0 is all")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if not 16 <= arguments.faces[0] <= arguments.faces[1]:
        raise InputError("expected --faces from 16 pixels upward, the smaller size first")
    crops, points_image = read_crops(arguments.folder, arguments.count)
    predictor = Predictor(arguments.model_path, looks=arguments.looks, convention=arguments.convention)
    for roll in arguments.rolls:
        rng = np.random.default_rng(0)
        parts = range(0, len(crops), arguments.together)
        scenes = [
            make_scene(
                crops[i : i + arguments.together],
                points_image[i : i + arguments.together],
                size=tuple(arguments.size),
                faces=tuple(arguments.faces),
                roll=roll,
                rng=rng,
            )
            for i in parts
        ]
        values = measure(predictor, scenes, tiles=arguments.tiles or None)
        print(
            f"turned by {roll:g}: found {values['found']:.1%} of {len(crops)}, NME {values['nme']:.2f} "
            f"({values['true_nme']:.2f} with true boxes), false faces per picture {values['extra']:.3f}"
        )
    scores = false_faces(predictor, 100, tiles=arguments.tiles or None, rng=np.random.default_rng(1))
    print(f"100 pictures without faces: {sum(score > 0.5 for score in scores)} above 0.5, {len(scores)} in all")
    rng, (width, height) = np.random.default_rng(2), _PICTURE
    timed = [
        make_scene(crops[i : i + 1], points_image[i : i + 1], size=_PICTURE, faces=(180, 220), roll=0, rng=rng)
        for i in range(min(_TIMED, len(crops)))
    ]
    times = [milliseconds(predictor, scene.picture) for scene in timed]
    print(
        f"one face in {width} x {height} pixels, on one thread: {np.median(times):.1f} ms (median of {len(times)}), "
        f"{max(times):.1f} at most"
    )


def _errors(points: np.ndarray, true_points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - true_points, axis=-1).mean(axis=-1)


if __name__ == "__main__":
    run_command(main)
