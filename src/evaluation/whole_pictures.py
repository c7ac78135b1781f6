"""How well faces are found in whole pictures: python3 -m src.evaluation.whole_pictures FOLDER, of annotated crops.

The crops are turned, made small and pasted into photographs without faces (scikit-image's) and rendered backgrounds.
Printed: the share that is found, the error beside that with true boxes, false faces in pictures without any, and how
long one face takes.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from src.boxes import KINDS, affine_of_crop, box_of_points, crop_of_picture, cut_crop
from src.command_line import Parser, progress, run_command
from src.errors import InputError
from src.evaluation.box_errors import read_faces
from src.geometry import apply_affine
from src.predict.predictor import Predictor
from src.synthesis.renderer.scenery import draw_background

_PHOTOGRAPHS = (
    "brick",
    "cell",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "page",
    "rocket",
)
_FOUND = 0.1  # of the crop's side: mean point error of a face that was found
EDGE = 0.06  # of a pasted crop's side: the margin around the disc that is pasted, whose border is soft
_PICTURE = (640, 480)  # pixels, of those without faces and of the one that is timed
_REPEATS = 30


@dataclass(frozen=True)
class Scene:
    """A picture with pasted faces: their points_image (N, 68, 2), and the side (N,) of their crops in pixels."""

    picture: Image.Image
    points_image: np.ndarray
    side: np.ndarray


def background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A part of a photograph without faces, mirrored by chance, or a rendered background."""
    if rng.random() < 0.3:
        return Image.fromarray(draw_background(max(width, height), rng)[:height, :width])
    photograph = Image.fromarray(getattr(data, rng.choice(_PHOTOGRAPHS))()).convert("RGB")
    side = rng.uniform(0.6, 1.0) * min(photograph.size)
    left, top = (rng.uniform(0, length - side) for length in photograph.size)
    square = Image.fromarray(cut_crop(photograph, np.array([left, top, side]), max(width, height)))
    square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else square
    return square.crop((0, 0, width, height))


def make_scene(
    crops: list[Image.Image],
    points_image: np.ndarray,
    *,
    size: tuple[int, int],
    faces: tuple[float, float],
    roll: float,
    rng: np.random.Generator,
) -> Scene:
    """Crops side by side on a background of size = width, height.

    points_image: (N, 68, 2) of the crops. faces: smallest and largest size of a face in pixels; larger than its place
    in the picture is not possible. roll: degrees counterclockwise.
    """
    picture = background(*size, rng)
    cell = size[0] / len(crops)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    placed, sides = [], []
    for column, (crop, points) in enumerate(zip(crops, points_image, strict=True)):
        side = min(rng.uniform(*faces) / KINDS["landmarks"].share, cell, size[1])
        pixels = max(16, round(side))
        crop_box = crop_of_picture(*crop.size)
        square = Image.fromarray(cut_crop(crop, crop_box, pixels)).rotate(roll, Image.Resampling.BICUBIC)
        left = round(column * cell + rng.uniform(0, cell - pixels)) if cell > pixels else round(column * cell)
        top = round(rng.uniform(0, max(0, size[1] - pixels)))
        picture.paste(square, (left, top), soft_disc(pixels))
        centered = apply_affine(affine_of_crop(crop_box), points) - 0.5
        placed.append((centered @ np.array([[cos, -sin], [sin, cos]]) + 0.5) * pixels + (left, top))
        sides.append(pixels)
    return Scene(picture, np.array(placed), np.array(sides, float))


def measure(predictor: Predictor, scenes: list[Scene], *, tiles: bool) -> dict[str, float]:
    """found: share of the faces; nme: of the found ones, true_nme: of the same with boxes of the true points, both in
    percent of their crops' sides; extra: found faces above a score of 0.5 where none is, a picture."""
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


def false_faces(predictor: Predictor, count: int, *, tiles: bool, rng: np.random.Generator) -> list[float]:
    """Scores of the faces that are found in pictures without any."""
    pictures = (background(*_PICTURE, rng) for _ in range(count))
    return [face.score for picture in pictures for face in predictor.faces(picture, tiles=tiles)]


def milliseconds(predictor: Predictor, picture: Image.Image) -> float:
    """The fastest of some calls of `Predictor.faces` by the thread's own clock, which other work does not stop."""
    times = []
    for _ in range(_REPEATS):
        start = time.thread_time()
        predictor.faces(picture)
        times.append(time.thread_time() - start)
    return 1000 * min(times)


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="crops with an annot.pkl")
    parser.add_argument("--model_path", type=Path, default="best.pth.tar", help=".pth.tar, .onnx or .tflite")
    parser.add_argument("--looks", type=int, choices=(2, 3), default=3, help="at each face")
    parser.add_argument("--size", type=int, nargs=2, default=[640, 480], help="of the pictures, in pixels")
    parser.add_argument("--faces", type=float, nargs=2, default=[96, 220], help="smallest and largest face, in pixels")
    parser.add_argument("--together", type=int, default=2, help="faces per picture")
    parser.add_argument("--rolls", type=float, nargs="+", default=[0, 30, 60, 90, 180], help="degrees")
    parser.add_argument("--tiles", action="store_true", help="look for small faces, too")
    parser.add_argument("--count", type=int, default=0, help="the first so many crops; 0 is all")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if arguments.together < 1 or min(arguments.size) < 64 or not 16 <= arguments.faces[0] <= arguments.faces[1]:
        raise InputError("expected --together of at least 1, --size of at least 64, and --faces from 16 pixels upward")
    crops, points_image = read_faces(arguments.folder, arguments.count)
    predictor = Predictor(arguments.model_path, looks=arguments.looks)
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
        values = measure(predictor, scenes, tiles=arguments.tiles)
        print(
            f"turned by {roll:g}: found {values['found']:.1%} of {len(crops)}, NME {values['nme']:.2f} "
            f"({values['true_nme']:.2f} with true boxes), false faces per picture {values['extra']:.3f}"
        )
    scores = false_faces(predictor, 100, tiles=arguments.tiles, rng=np.random.default_rng(1))
    print(f"100 pictures without faces: {sum(score > 0.5 for score in scores)} above 0.5, {len(scores)} in all")
    one = make_scene(crops[:1], points_image[:1], size=_PICTURE, faces=(180, 220), roll=0, rng=np.random.default_rng(2))
    width, height = _PICTURE
    print(f"one face in {width} x {height} pixels: {milliseconds(predictor, one.picture):.1f} ms on one thread")


def _errors(points: np.ndarray, true_points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - true_points, axis=-1).mean(axis=-1)


def soft_disc(size: int) -> Image.Image:
    """The opacity (size, size) of a pasted crop, as a gray picture: a disc that fades out at its border."""
    mask = Image.new("L", (size, size))
    margin = EDGE * size
    ImageDraw.Draw(mask).ellipse((margin, margin, size - margin, size - margin), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(margin / 3))


if __name__ == "__main__":
    run_command(main)
