"""A contact sheet of faces with their points, drawn with Pillow alone: the preview that test.py writes."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.datasets.pictures import read_square
from src.files import atomic_path
from src.geometry import apply_affine
from src.predict.drawing import PREDICTED, draw_dots, draw_points

_TILE = 256  # pixels
_SCALE = 2  # tiles are drawn this much larger, then reduced, because Pillow's lines are not anti-aliased
MOST_TILES = 2000  # 400 MB
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
    points = (points_image, true_points_image)

    def tiles() -> Iterator[Image.Image]:  # one at a time: a square takes as much memory as four tiles
        for i, name in enumerate(names):
            square, affine, _ = read_square(Path(folder) / name, _TILE * _SCALE)
            placed = (None if image is None else apply_affine(affine, image[i]) for image in points)
            yield _tile(square, *placed, caption=captions[i] if captions else "")

    return _arrange(tiles(), len(names), columns)


def sheet_of_squares(
    squares: Sequence[np.ndarray],
    points_unit: np.ndarray | None,
    *,
    true_points_unit: np.ndarray | None,
    captions: list[str] | None,
    columns: int = 4,
) -> Image.Image:
    """`contact_sheet` for decoded squares (N, S, S, 3) uint8, with points (N, 68, 2) in the unit square."""
    points = (points_unit, true_points_unit)
    tiles = (
        _tile(square, *(None if unit is None else unit[i] for unit in points), caption=captions[i] if captions else "")
        for i, square in enumerate(squares)
    )
    return _arrange(tiles, len(squares), columns)


def _tile(
    square: np.ndarray, points_unit: np.ndarray | None, true_points_unit: np.ndarray | None, *, caption: str
) -> Image.Image:
    tile = Image.fromarray(square).resize((_TILE * _SCALE, _TILE * _SCALE), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(tile)
    if points_unit is not None:
        draw_points(draw, points_unit * tile.width, PREDICTED)
    if true_points_unit is not None:
        draw_dots(draw, true_points_unit * tile.width, TRUE, radius=2)
    draw.text((8, 6), caption, fill=TRUE, font_size=22)
    return tile.resize((_TILE, _TILE), Image.Resampling.LANCZOS)


def _arrange(tiles: Iterable[Image.Image], count: int, columns: int) -> Image.Image:
    columns = min(columns, count)
    sheet = Image.new("RGB", (columns * _TILE, -(-count // columns) * _TILE))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * _TILE, i // columns * _TILE))
    return sheet


def save_picture(picture: Image.Image, path: str | Path) -> None:
    """Write a PNG atomically."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
