"""How much inaccurate face boxes raise the error: python3 -m src.evaluation.box_errors FOLDER.

FOLDER holds pictures and their annot.pkl. The boxes are those of the true points, moved and resized at random. Prints a
row of the table in docs/accuracy.md.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from src.boxes import KINDS, box_of_points
from src.command_line import run_command
from src.errors import InputError
from src.evaluation.scenes import read_crops
from src.metrics import nme, point_errors
from src.parser import Parser, add_convention, add_model_path, at_least, title
from src.predict.looks import MOST_LOOKS
from src.predict.predictor import Predictor
from src.predict.runtimes import open_model, predict_squares
from src.predict.search import Region, Search, Seen

Predict = Callable[[list[Image.Image], list[np.ndarray]], tuple[np.ndarray, np.ndarray]]  # as the Predictor


def move_boxes(points_image: np.ndarray, amount: float) -> np.ndarray:
    """Tight boxes (N, 4) of points (N, 68, 2), moved and resized at random by up to `amount` of their size."""
    generator = np.random.default_rng(0)
    low, high = np.split(box_of_points(points_image), 2, axis=1)
    size = high - low
    center = (low + high) / 2 + size * generator.uniform(-amount, amount, size.shape)
    size = size * (1 + generator.uniform(-amount, amount, size.shape))
    return np.concatenate([center - size / 2, center + size / 2], axis=1)


def predict_once(model_path: Path, convention: str | None = None) -> Predict:
    """One look at each box, without quarter turns and score: the Predictor's need the agreement of several looks."""
    runtime = open_model(model_path, threads=1, convention=convention)

    def see(squares: np.ndarray) -> Seen:
        return Seen(predict_squares(runtime, squares), np.full(len(squares), np.nan), np.zeros_like)

    def predict(pictures: list[Image.Image], boxes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        regions = [Region(picture, box, KINDS["landmarks"]) for picture, box in zip(pictures, boxes, strict=True)]
        found = Search(see, np.asarray, turns=False)(regions)
        return found.points_image, found.score

    return predict


def box_nme(
    predict: Predict, pictures: list[Image.Image], points_image: np.ndarray, amounts: list[float]
) -> list[float]:
    """NME in percent for each amount (share of the size) by which the boxes of points_image (N, 68, 2) are wrong."""
    size = np.array([(picture.height, picture.width) for picture in pictures])
    found = (predict(pictures, list(move_boxes(points_image, amount)))[0] for amount in amounts)
    return [nme(point_errors(points, points_image, size)) for points in found]


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    parser.add_argument("folder", type=Path, help="pictures with an annot.pkl")
    add_model_path(parser)
    add_convention(parser)
    parser.add_argument("--amounts", type=float, nargs="+", default=[0, 10, 20], help="percent of a box's size")
    parser.add_argument("--looks", type=int, choices=range(1, MOST_LOOKS + 1), default=MOST_LOOKS, help="at each face")
    parser.add_argument("--faces", type=at_least(0), default=0, help="use only the first N; 0 is all")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if not all(0 <= amount < 100 for amount in arguments.amounts):
        raise InputError("expected --amounts from 0 to below 100 percent")
    pictures, points_image = read_crops(arguments.folder, arguments.faces)
    amounts = [amount / 100 for amount in arguments.amounts]
    path, looks, convention = arguments.model_path, arguments.looks, arguments.convention
    several = looks > 1
    predict = Predictor(path, looks=looks, convention=convention) if several else predict_once(path, convention)
    errors = box_nme(predict, pictures, points_image, amounts)
    shown = ", ".join(f"{amount:g} %: {error:.2f}" for amount, error in zip(arguments.amounts, errors, strict=True))
    print(f"{arguments.folder.name}, NME with boxes off by up to {shown}")


if __name__ == "__main__":
    run_command(main)
