"""Decoding of any picture into a square uint8 RGB array, together with the affine map for its points."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from src.boxes import affine_of_crop
from src.datasets.picture_files import LYING, MIN_SIDE, TURNS, load, open_picture, orientation_of, to_rgb
from src.errors import InputError
from src.geometry import letterbox

SQUARE_SIZE = 192  # pixels of a decoded square: half a challenge picture, so its JPEG decodes at half scale
_FARTHEST = 1e6  # pixels from a picture's corner: a crop farther away is a mistake


def read_square(path: str | Path, size: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Decode a picture as viewers show it (EXIF orientation applied) and letterbox it onto black.

    Returns the square (size, size, 3) uint8 RGB, the affine (2, 3) from source pixels to the unit square, and the
    source's (height, width) in pixels. JPEGs are decoded at a reduced scale if that loses nothing.
    Raises InputError for a missing, empty, damaged, tiny or huge picture.
    """
    rgb, extent, orientation, (width, height) = _decode(path, lambda sides: (size, size))
    is_lying = orientation in LYING
    if is_lying:
        width, height = height, width
    (left, top, box_width, box_height), affine = letterbox(width, height, size)
    stored = (box_height, box_width) if is_lying else (box_width, box_height)
    if rgb.size != stored:
        rgb = rgb.resize(stored, Image.Resampling.BILINEAR, box=extent, reducing_gap=2.0)
    if orientation in TURNS:
        rgb = rgb.transpose(TURNS[orientation])
    square = np.zeros((size, size, 3), np.uint8)
    square[top : top + box_height, left : left + box_width] = np.asarray(rgb)
    return square, affine, (height, width)


def read_crop(
    path: str | Path, size: int, crop: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Like `read_square`, for the square crop (left, top, side) in source pixels; black outside the picture.

    Returns the crop (size, size, 3), the affine (2, 3) from source pixels to its unit square, and the source's (height,
    width) in pixels. Also raises InputError for a tiny crop and for one far away from the picture.
    """
    left, top, side = crop
    if not (side >= MIN_SIDE and max(map(abs, crop)) <= _FARTHEST):  # NaN is not
        raise InputError(f"expected a crop of at least {MIN_SIDE} pixels around a face, found {side:.6g}")

    def needed(sides: tuple[int, int]) -> tuple[int, int]:
        return tuple(math.ceil(length * size / side) for length in sides)

    rgb, extent, orientation, (width, height) = _decode(path, needed)
    reduction = (extent[2] - extent[0]) / width
    if orientation in TURNS:
        rgb = rgb.transpose(TURNS[orientation])
        width, height = (height, width) if orientation in LYING else (width, height)
    square = np.zeros((size, size, 3), np.uint8)
    (first_x, last_x), (first_y, last_y) = (
        _covered(start, length, side, size) for start, length in ((left, width), (top, height))
    )
    if first_x < last_x and first_y < last_y:
        corners = np.array([(first_x, first_y), (last_x, last_y)]) * (side / size) + (left, top)
        box = tuple(np.clip(corners * reduction, 0, rgb.size).ravel())
        part = (last_x - first_x, last_y - first_y)
        square[first_y:last_y, first_x:last_x] = rgb.resize(part, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return square, affine_of_crop(np.array(crop)), (height, width)


def _covered(start: float, length: int, side: float, size: int) -> tuple[int, int]:
    """First and last pixel edge of a crop's axis, from `start`, `side` long, `size` pixels, that the picture covers."""
    scale, slack = size / side, 1e-6
    return math.ceil(max(0, -start) * scale - slack), math.floor(min(size, (length - start) * scale) + slack)


def _decode(
    path: str | Path, needed: Callable[[tuple[int, int]], tuple[int, int]]
) -> tuple[Image.Image, tuple[float, float, float, float], int, tuple[int, int]]:
    """The picture as stored, in RGB, its extent in those pixels, its EXIF orientation, the file's (width, height).

    needed: maps the file's (width, height) to the smallest size that a JPEG may be decoded at.
    """
    with open_picture(path) as image:
        width, height = image.size
        reduced = image.draft("RGB", needed((width, height)))
        load(image)
        rgb = to_rgb(image)
        if not reduced:
            width, height = rgb.size  # Pillow itself turns a TIFF while decoding it
        # If a JPEG's sides are not multiples of the reduction, it ends inside the last pixels of its reduced form.
        extent = reduced[1] if reduced else (0, 0, width, height)
        orientation = orientation_of(image)
    return rgb, extent, orientation, (width, height)
