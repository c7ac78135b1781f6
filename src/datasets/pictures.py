"""Decoding of any picture into a square uint8 RGB array, together with the affine map for its points.

Here and in every command, a picture is meant as viewers show it: turned as its EXIF orientation says.
"""

import contextlib
import math
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from src.command_line import in_threads
from src.datasets import tiff
from src.errors import InputError
from src.geometry import letterbox
from src.reading import check_regular

# Formats that Pillow may open; of the others, some start programs (PostScript), and none is used for photographs.
PICTURE_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000")
SQUARE_SIZE = 192  # pixels of a decoded square: half a challenge picture, so its JPEG decodes at half scale
_EXIF_ORIENTATION = 0x0112
_TIFF_SIDES = (256, 257)  # tags of the stored width and height
_TURNS = {  # EXIF orientation -> what turns the stored picture into the shown one
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # orientations of pictures that are stored on their side
_TWELVE_BITS = 4095.0  # white in medical and industrial cameras' pictures
_FARTHEST = 1e6  # pixels from a picture's corner: a crop farther away is a mistake
MIN_SIDE = 16  # pixels: smaller faces show no landmarks
MAX_SIDE = 16384  # pixels: a larger "cropped face" is a mistake
MAX_PIXELS = 64_000_000  # decoding more on every core would fill the memory
# What Pillow raises for damaged files; RuntimeError comes from the AVIF decoder.
DAMAGED = (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError, struct.error,
           RuntimeError)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """(width, height) of a picture in pixels, as stored and as shown; the EXIF orientation (1-8) relates the two."""

    stored: tuple[int, int]
    shown: tuple[int, int]
    orientation: int


def read_square(path: str | Path, size: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Decode a picture as viewers show it (EXIF orientation applied) and letterbox it onto black.

    Returns the square (size, size, 3) uint8 RGB, the affine (2, 3) from source pixels to the unit square, and the
    source's (height, width) in pixels. JPEGs are decoded at a reduced scale if that loses nothing.
    Raises InputError for a missing, empty, damaged, tiny or huge picture.
    """
    rgb, extent, orientation, (width, height) = _decode(path, lambda sides: (size, size))
    is_lying = orientation in _LYING
    if is_lying:
        width, height = height, width
    (left, top, box_width, box_height), affine = letterbox(width, height, size)
    stored = (box_height, box_width) if is_lying else (box_width, box_height)
    if rgb.size != stored:
        rgb = rgb.resize(stored, Image.Resampling.BILINEAR, box=extent, reducing_gap=2.0)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
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
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
        width, height = (height, width) if orientation in _LYING else (width, height)
    affine = np.array([[1 / side, 0, -left / side], [0, 1 / side, -top / side]])
    square = np.zeros((size, size, 3), np.uint8)
    (first_x, last_x), (first_y, last_y) = (
        _covered(start, length, side, size) for start, length in ((left, width), (top, height))
    )
    if first_x < last_x and first_y < last_y:
        corners = np.array([(first_x, first_y), (last_x, last_y)]) * (side / size) + (left, top)
        box = tuple(np.clip(corners * reduction, 0, rgb.size).ravel())
        part = (last_x - first_x, last_y - first_y)
        square[first_y:last_y, first_x:last_x] = rgb.resize(part, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return square, affine, (height, width)


def picture_shape(path: str | Path) -> Shape:
    """How a picture is stored and shown, without decoding it. Raises InputError as `read_square` does."""
    with open_picture(path) as image:
        return _shape(image)


def picture_shapes(paths: Sequence[Path]) -> list[Shape | InputError]:
    """The shapes of many pictures, read on all cores, or errors that say what is wrong with them."""

    def attempt(path: Path) -> Shape | InputError:
        try:
            return picture_shape(path)
        except InputError as error:
            return error

    return in_threads(attempt, paths, desc="sizes", unit="picture")


def picture_sizes(paths: Sequence[Path]) -> np.ndarray:
    """(N, 2) width and height of many pictures as shown, read on all cores. Raises InputError naming a bad picture."""
    shapes = picture_shapes(paths)
    for path, shape in zip(paths, shapes, strict=True):
        if isinstance(shape, InputError):
            raise InputError(f"{path}: {shape}")
    return np.array([shape.shown for shape in shapes]).reshape(-1, 2)


@contextlib.contextmanager
def open_picture(source: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """An open, not yet decoded picture of a known format and a sane size. source: its path, or a binary stream.

    Any failure to open it, or to decode it inside the block, becomes an InputError that does not name the file.
    """
    try:
        if isinstance(source, str | Path):
            check_regular(source)
        with Image.open(source, formats=PICTURE_FORMATS) as image:
            _check_sides(*image.size)
            if image.format == "TIFF":
                tiff.check_pages(image)
            yield image
    except FileNotFoundError:
        raise InputError("no such picture") from None
    except UnidentifiedImageError:
        is_empty = isinstance(source, str | Path) and Path(source).stat().st_size == 0
        raise InputError("the file is empty" if is_empty else "not a picture in a known format") from None
    except Image.DecompressionBombError as error:
        raise InputError(f"the picture is too large ({error})") from None
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"the picture cannot be decoded ({error})") from None


def upright(image: Image.Image) -> Image.Image:
    """Any open PIL image as RGB and as viewers show it: EXIF orientation applied, 16 bits scaled, transparency black.

    The result states no orientation any more, so that it can be read again; an image that was turned elsewhere may, and
    is turned again (`ImageOps.exif_transpose` removes it). Raises one of `DAMAGED` if the image's file is damaged.
    """
    _load(image)  # Pillow itself turns a TIFF while loading it
    orientation = _orientation(image)
    rgb = _to_rgb(image)
    rgb.info = {}
    return rgb.transpose(_TURNS[orientation]) if orientation in _TURNS else rgb


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
        _load(image)
        rgb = _to_rgb(image)
        if not reduced:
            width, height = rgb.size  # Pillow itself turns a TIFF while decoding it
        # If a JPEG's sides are not multiples of the reduction, it ends inside the last pixels of its reduced form.
        extent = reduced[1] if reduced else (0, 0, width, height)
        orientation = _orientation(image)
    return rgb, extent, orientation, (width, height)


def _check_sides(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        raise InputError(f"expected sides of {MIN_SIDE} to {MAX_SIDE} pixels, found {width} x {height}")
    if width * height > MAX_PIXELS:
        raise InputError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels, found {width} x {height}")


def _shape(image: Image.Image) -> Shape:
    """A picture's shape; the only place that knows how each format stores its orientation."""
    if image.format == "TIFF":  # Pillow may have swapped the sides already
        width, height = (int(image.tag_v2[tag]) for tag in _TIFF_SIDES)
    else:
        width, height = image.size
    orientation = 1 if image.format == "PNG" and not _has_metadata(image.fp) else _orientation(image)
    return Shape((width, height), (height, width) if orientation in _LYING else (width, height), orientation)


def _has_metadata(png: BinaryIO) -> bool:
    """Whether an open PNG file may state an orientation. Pillow would decode the whole picture to find out."""
    place = png.tell()
    png.seek(8)
    try:
        while len(head := png.read(8)) == 8:
            if head[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            png.seek(int.from_bytes(head[:4]) + 4, os.SEEK_CUR)
        return False
    finally:
        png.seek(place)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1-8; 1 if it is missing or nonsense."""
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    return orientation if orientation in _TURNS else 1


def _load(image: Image.Image) -> None:
    """Decode a picture. Raises InputError for color of 12 bits stored in 16, of which Pillow keeps the upper 8, and as
    `tiff.check_samples` does."""
    if image.format == "TIFF":
        tiff.check_samples(image)
    is_deep = image.mode in ("RGB", "RGBA") and any(";16" in str(tile[-1]) for tile in getattr(image, "tile", ()))
    image.load()
    if is_deep and max(high for _, high in image.getextrema()[:3]) <= _TWELVE_BITS // 256:
        raise InputError("expected color that uses its 16 bits, found 12 or fewer (nearly black); save it with 8 bits")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: transparency over black, gray of more than 8 bits and shares of white scaled by their range."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        if not np.isfinite(values).all():
            raise InputError("expected finite gray values, found NaN or infinity")
        white = _white(values, may_be_shares=image.mode == "F")
        if not -0.01 * white <= values.min() <= values.max() <= white:
            found = f"{values.min():g} to {values.max():g}"
            raise InputError(f"expected gray values from 0 to {white:g}, found {found}; save it with 8 bits")
        image = Image.fromarray(np.clip(values * (255 / white), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3][1] > 0:  # screen captures and BMP files have an alpha of 0 everywhere: unused
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")


def _white(values: np.ndarray, *, may_be_shares: bool) -> float:
    """The gray value that means white, which files do not state: the largest of the smallest range with all values."""
    highest = values.max()
    if may_be_shares and highest <= 1:
        return 1.0
    if highest <= 255:
        return 255.0
    # Cameras store 10 or 12 bits in 16 as they are; 8 bits stretched to 16, however dark, are multiples of 257.
    if highest <= _TWELVE_BITS and (values % 257).any():
        return _TWELVE_BITS
    return 65535.0
