"""A contact sheet of faces with their points, drawn with Pillow alone: the preview that test.py writes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.datasets.pictures import read_square
from src.files import atomic_path
from src.geometry import apply_affine
from src.predict.drawing import PREDICTED, draw_dots, draw_points

_TILE = 256  # pixels
_SCALE = 2  # tiles are drawn this much larger, then reduced, because Pillow's lines are not anti-aliased
TRUE = (255, 255, 255)


def contact_sheet(
    folder: str | Path,
    names: list[str],
    points_image: np.ndarray | None = None,
    *,
    true_points_image: np.ndarray | None = None,
    captions: list[str] | None,
    columns: int = 4,
) -> Image.Image:
    """Tiles of pictures, with predicted points as green lines and dots and true points as white dots, if given.

    points_image and true_points_image: (N, 68, 2) pixels of each picture.
    """
    squares, affines, _ = zip(*(read_square(Path(folder) / name, _TILE * _SCALE) for name in names), strict=True)
    affines = np.array(affines)
    return sheet_of_squares(
        squares,
        None if points_image is None else apply_affine(affines, points_image),
        true_points_unit=None if true_points_image is None else apply_affine(affines, true_points_image),
        captions=captions,
        columns=columns,
    )


def sheet_of_squares(
    squares: Sequence[np.ndarray],
    points_unit: np.ndarray | None,
    *,
    true_points_unit: np.ndarray | None,
    captions: list[str] | None,
    columns: int = 4,
) -> Image.Image:
    """`contact_sheet` for decoded squares (N, S, S, 3) uint8, with points (N, 68, 2) in the unit square."""
    columns = min(columns, len(squares))
    rows = -(-len(squares) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * _TILE))
    for i, square in enumerate(squares):
        tile = Image.fromarray(square).resize((_TILE * _SCALE, _TILE * _SCALE), Image.Resampling.BILINEAR)
        draw = ImageDraw.Draw(tile)
        if points_unit is not None:
            draw_points(draw, points_unit[i] * tile.width, PREDICTED)
        if true_points_unit is not None:
            draw_dots(draw, true_points_unit[i] * tile.width, TRUE, radius=2)
        if captions is not None:
            draw.text((8, 6), captions[i], fill=TRUE, font_size=22)
        tile = tile.resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        sheet.paste(tile, (i % columns * _TILE, i // columns * _TILE))
    return sheet


def save_picture(picture: Image.Image, path: str | Path) -> None:
    """Write a PNG atomically."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
