"""A contact sheet of faces with their points, drawn with Pillow alone: what test.py leaves to look at."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.datasets.pictures import read_square
from src.files import atomic_path
from src.geometry import apply_affine
from src.markup import CONTOURS

_TILE = 256  # pixels
_SCALE = 2  # drawn this much larger, then reduced: Pillow's lines are not anti-aliased
PREDICTED, TRUE = (80, 255, 120), (255, 255, 255)


def contact_sheet(
    folder: str | Path,
    names: list[str],
    points_image: np.ndarray | None = None,
    *,
    true_points_image: np.ndarray | None = None,
    captions: list[str] | None = None,
    columns: int = 4,
) -> Image.Image:
    """Tiles of pictures, where given with predicted points as green lines and dots and true ones as white dots.

    points_image and true_points_image: (N, 68, 2) pixels of each picture.
    """
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * _TILE))
    for i, name in enumerate(names):
        square, affine, _ = read_square(Path(folder) / name, _TILE * _SCALE)
        tile = Image.fromarray(square)
        draw = ImageDraw.Draw(tile)
        if points_image is not None:
            draw_face(draw, apply_affine(affine, points_image[i]) * tile.width, PREDICTED)
        if true_points_image is not None:
            draw_dots(draw, apply_affine(affine, true_points_image[i]) * tile.width, TRUE, radius=2)
        if captions is not None:
            draw.text((8, 6), captions[i], fill=TRUE, font_size=22)
        tile = tile.resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        sheet.paste(tile, (i % columns * _TILE, i // columns * _TILE))
    return sheet


def draw_face(draw: ImageDraw.ImageDraw, points: np.ndarray, color: tuple[int, int, int]) -> None:
    """The mark-up's contours and dots. points: (68, 2) pixels of the drawing."""
    for first, last, closed in CONTOURS:
        line = [tuple(point) for point in points[first : last + 1]]
        draw.line(line + line[:1] if closed else line, fill=color, width=2)
    draw_dots(draw, points, color, radius=3)


def draw_dots(draw: ImageDraw.ImageDraw, points: np.ndarray, color: tuple[int, int, int], *, radius: int) -> None:
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def save_picture(picture: Image.Image, path: str | Path) -> None:
    """Write a PNG atomically."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
