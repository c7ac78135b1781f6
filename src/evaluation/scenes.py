"""Test scenes: annotated crops pasted into photographs without faces (scikit-image's) and rendered backgrounds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from src.boxes import KINDS, affine_of_crop, crop_of_picture, cut_crop
from src.datasets.challenge import read_annotations
from src.geometry import apply_affine, turn_matrix
from src.predict.picture_input import read_picture
from src.synthesis.renderer.scenery import draw_background

EDGE = 0.06  # of a crop's side: the margin around the soft-edged disc that is pasted
_PHOTOGRAPHS = ("brick", "cell", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "moon", "page",
                "rocket")  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A picture with pasted faces: their points_image (N, 68, 2) and the sides (N,) of their crops in pixels."""

    picture: Image.Image
    points_image: np.ndarray
    side: np.ndarray


def read_crops(folder: Path, count: int = 0) -> tuple[list[Image.Image], np.ndarray]:
    """The first `count` annotated pictures of a folder (0: all) and their points_image (N, 68, 2).

    Raises InputError as `read_annotations` does, and for a picture that cannot be read.
    """
    names, points_image = read_annotations(folder)
    points_image = points_image[: count or None]
    return [read_picture(folder / name) for name in names[: len(points_image)]], points_image


def background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A part of a photograph without faces, randomly mirrored, or a rendered background."""
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
    """Crops pasted side by side on a background of size = width, height.

    points_image: (N, 68, 2) of the crops. faces: smallest and largest size of a face in pixels, limited by the space
    for each crop. roll: of the crops, degrees counterclockwise.
    """
    picture = background(*size, rng)
    cell = size[0] / len(crops)
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
        placed.append((centered @ turn_matrix(roll) + 0.5) * pixels + (left, top))
        sides.append(pixels)
    return Scene(picture, np.array(placed), np.array(sides, float))


def soft_disc(size: int) -> Image.Image:
    """The opacity of a pasted crop, a gray picture (size, size): a disc with a soft edge."""
    mask = Image.new("L", (size, size))
    margin = EDGE * size
    ImageDraw.Draw(mask).ellipse((margin, margin, size - margin, size - margin), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(margin / 3))
