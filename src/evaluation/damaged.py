"""How well a model withstands damage: python3 -m src.evaluation.damaged FOLDER, of face crops with an annot.pkl.

Masks, sunglasses, blocks and cuts are placed by the true points, so every model is given the same damage; other kinds
darken, blur or turn the whole picture. Errors are in percent of sqrt(H * W) of the undamaged crop.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter
from scipy.spatial import ConvexHull, QhullError

from src.command_line import progress, run_command
from src.datasets.challenge import read_annotations
from src.errors import InputError, about
from src.evaluation.report import error_summary
from src.geometry import turn_matrix
from src.markup import EYE_CORNERS, NOSE_TIP
from src.metrics import point_errors
from src.parser import Parser, add_convention
from src.predict import Predictor
from src.predict.picture_input import read_picture

_CLOTH, _GLASS = (165, 200, 215), (15, 15, 15)
_SEED = 5
_BATCH = 32

Damage = Callable[[Image.Image, np.ndarray, np.random.Generator], tuple[Image.Image, np.ndarray]]


def clean(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """The unchanged picture. Every kind of damage takes and returns a picture and its points_image (68, 2)."""
    return picture, points


def rectangle_mask(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A rectangle over nose, mouth and chin."""
    (left, _), (right, bottom) = points.min(axis=0), points.max(axis=0)
    top = points[NOSE_TIP, 1] - 0.1 * (points[8, 1] - points[27, 1])
    ImageDraw.Draw(picture).rectangle((left, top, right, max(top, bottom + 8)), fill=_CLOTH)
    return picture, points


def medical_mask(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """The convex hull of the jaw and the bridge of the nose."""
    outline = points[[*range(1, 16), 28, 29]]
    try:
        corners = ConvexHull(outline).vertices
    except QhullError:  # its own message has many lines
        raise InputError("expected jaw points that span an area, found them on one line") from None
    ImageDraw.Draw(picture).polygon([tuple(outline[i]) for i in corners], fill=_CLOTH)
    return picture, points


def sunglasses(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A dark ellipse on each eye, aligned with it, and a line between them."""
    draw, centers = ImageDraw.Draw(picture), []
    circle = np.linspace(0, 2 * np.pi, 60)[:, None]
    for first, last in EYE_CORNERS:
        axis = points[last] - points[first]
        half_width, half_height = 0.95 * np.linalg.norm(axis), max(0.65 * np.linalg.norm(axis), 15)
        along = axis / max(np.linalg.norm(axis), 1e-9)
        center = (points[first] + points[last]) / 2
        outline = center + half_width * np.cos(circle) * along + half_height * np.sin(circle) * along[::-1] * [-1, 1]
        draw.polygon([tuple(p) for p in outline], fill=_GLASS)
        centers.append(tuple(center))
    draw.line(centers, fill=_GLASS, width=6)
    return picture, points


def block(picture: Image.Image, points: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A gray block at a random place in the points' box, with 0.45 of its sides."""
    low, high = points.min(axis=0), points.max(axis=0)
    corner = low + rng.random(2) * 0.55 * (high - low)
    gray = int(rng.integers(256))
    ImageDraw.Draw(picture).rectangle((*corner, *(corner + 0.45 * (high - low))), fill=(gray,) * 3)
    return picture, points


def cut(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """The left 35 % of the points' box is black, as if it lay outside the picture."""
    left, right = points[:, 0].min(), points[:, 0].max()
    ImageDraw.Draw(picture).rectangle((0, 0, left + 0.35 * (right - left), picture.height), fill=(0, 0, 0))
    return picture, points


def dark(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Gamma 3."""
    return picture.point(lambda value: 255 * (value / 255) ** 3), points


def motion(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A horizontal box filter of 25 pixels."""
    padded = np.pad(np.asarray(picture, np.float64), ((0, 0), (12, 12), (0, 0)), mode="edge")
    summed = np.concatenate([np.zeros_like(padded[:, :1]), padded.cumsum(axis=1)], axis=1)
    return Image.fromarray(((summed[:, 25:] - summed[:, :-25]) / 25).round().astype(np.uint8)), points


def blur(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A Gaussian of sigma 6 pixels."""
    return picture.filter(ImageFilter.GaussianBlur(6)), points


def noise(picture: Image.Image, points: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Gaussian noise of sigma 40."""
    noisy = np.asarray(picture, np.float64) + rng.normal(0, 40, (picture.height, picture.width, 3))
    return Image.fromarray(noisy.clip(0, 255).round().astype(np.uint8)), points


def turned(degrees: int) -> Damage:
    """The crop turned counterclockwise about its center, on a black square that holds it (544 pixels for 384)."""

    def turn(picture: Image.Image, points: np.ndarray, _: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
        side = 2 * (round(max(picture.size) * 2**0.5 / 2) + 1)
        canvas = Image.new("RGB", (side, side))
        corner = np.array([(side - picture.width) // 2, (side - picture.height) // 2])
        canvas.paste(picture, tuple(corner))
        moved = (points + corner - side / 2) @ turn_matrix(degrees) + side / 2
        return canvas.rotate(degrees, Image.Resampling.BICUBIC), moved

    return turn


KINDS: dict[str, Damage] = {
    "clean": clean,
    "rectangle mask": rectangle_mask,
    "medical mask": medical_mask,
    "sunglasses": sunglasses,
    "45 % block": block,
    "35 % cut off": cut,
    "gamma 3": dark,
    "motion blur 25 px": motion,
    "blur sigma 6 px": blur,
    "noise 40": noise,
    "turned by 60": turned(60),
    "turned by 90": turned(90),
    "turned by 180": turned(180),
}


def measure_kinds(predictor: Predictor, folder: Path, *, kinds: list[str]) -> pd.DataFrame:
    """One row per kind of damage: nme in percent, its 95 % interval low and high, failures in percent, mean score.

    The Predictor is called on crops, without boxes. Raises InputError as `read_annotations` does.
    """
    names, points_image = read_annotations(folder)
    rows = []
    for kind in progress(kinds, desc="damage"):
        errors, scores = [], []
        for start in range(0, len(names), _BATCH):
            part = slice(start, start + _BATCH)
            pictures, points, size = zip(*_damaged(folder, names[part], points_image[part], kind), strict=True)
            found, score = predictor(list(pictures))
            errors.append(point_errors(found, np.stack(points), np.stack(size)))
            scores.append(score)
        summary = error_summary(np.concatenate(errors))
        rows.append({"damage": kind, **summary, "score": np.concatenate(scores).mean()})
    return pd.DataFrame(rows)


def _damaged(
    folder: Path, names: list[str], points_image: np.ndarray, kind: str
) -> Iterator[tuple[Image.Image, np.ndarray, tuple[int, int]]]:
    """Damaged pictures, their points, and the height and width of the undamaged crops."""
    for name, points in zip(names, points_image, strict=True):
        picture = read_picture(folder / name)
        size = (picture.height, picture.width)
        with about(folder / name):
            damaged = KINDS[kind](picture, points, np.random.default_rng([_SEED, sum(map(ord, name))]))
        yield *damaged, size


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path, help="crops with an annot.pkl")
    parser.add_argument("--model_path", type=Path, nargs="+", default=["best.pth.tar"], help="one or several files")
    add_convention(parser)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help="all")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    for path in arguments.model_path:
        predictor = Predictor(path, convention=arguments.convention)
        table = measure_kinds(predictor, arguments.folder, kinds=arguments.kinds)
        print(path)
        print(table.round({"nme": 3, "low": 2, "high": 2, "failures": 1, "score": 2}).to_string(index=False))


if __name__ == "__main__":
    run_command(main)
