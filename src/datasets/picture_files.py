"""Opening of picture files: of known formats and sane sizes alone, as RGB, and as viewers show them.

Here and in every command, a picture is meant as viewers show it: turned as its EXIF orientation says.
"""

import contextlib
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from src.datasets import tiff
from src.errors import InputError
from src.parallel import in_threads
from src.reading import check_regular

# Formats that Pillow may open; of the others, some start programs (PostScript), and none is used for photographs.
PICTURE_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000")
_EXIF_ORIENTATION = 0x0112
_TIFF_SIDES = (256, 257)  # tags of the stored width and height
TURNS = {  # EXIF orientation -> what turns the stored picture into the shown one
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # orientations of pictures that are stored on their side
_TWELVE_BITS = 4095.0  # white in medical and industrial cameras' pictures
MIN_SIDE = 16  # pixels: smaller faces show no landmarks
MAX_SIDE = 16384  # pixels: a larger "cropped face" is a mistake
MAX_PIXELS = 64_000_000  # decoding more on every core would fill the memory
# Of a JPEG: few bytes of a scan may take as long to decode as the whole picture; bytes that hold all of them.
_MOST_SCANS, _MOST_OF_SCANS = 100, 64_000_000
# What Pillow raises for damaged files; RuntimeError comes from the AVIF decoder.
DAMAGED = (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError, struct.error,
           RuntimeError)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """(width, height) of a picture in pixels, as stored and as shown; the EXIF orientation (1-8) relates the two."""

    stored: tuple[int, int]
    shown: tuple[int, int]
    orientation: int


def picture_shape(path: str | Path) -> Shape:
    """How a picture is stored and shown, without decoding it. Raises InputError as `open_picture` does."""
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
    load(image)  # Pillow itself turns a TIFF while loading it
    orientation = orientation_of(image)
    rgb = to_rgb(image)
    rgb = rgb.transpose(TURNS[orientation]) if orientation in TURNS else rgb.copy() if rgb is image else rgb
    rgb.info = {}
    return rgb


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
    orientation = 1 if image.format == "PNG" and not _has_metadata(image.fp) else orientation_of(image)
    return Shape((width, height), (height, width) if orientation in LYING else (width, height), orientation)


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


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1-8; 1 if it is missing or nonsense."""
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    return orientation if orientation in TURNS else 1


def load(image: Image.Image) -> None:
    """Decode a picture. Raises InputError for color of 12 bits stored in 16, of which Pillow keeps the upper 8, for a
    JPEG of too many scans, and as `tiff.check_samples` does."""
    if image.format in ("JPEG", "MPO"):
        _check_scans(image.fp)
    if image.format == "TIFF":
        tiff.check_samples(image)
    is_deep = image.mode in ("RGB", "RGBA") and any(";16" in str(tile[-1]) for tile in getattr(image, "tile", ()))
    image.load()
    if is_deep and max(high for _, high in image.getextrema()[:3]) <= _TWELVE_BITS // 256:
        raise InputError("expected color that uses its 16 bits, found 12 or fewer (nearly black); save it with 8 bits")


def _check_scans(jpeg: BinaryIO | None) -> None:
    """Raise InputError for a JPEG file of more scans than any program writes. jpeg: at its first scan, where Pillow
    leaves it; None once it is decoded."""
    scans = jpeg.read(_MOST_OF_SCANS) if jpeg else b""
    end = scans.find(b"\xff\xd9")  # a telephone's film may follow
    if scans.count(b"\xff\xda", 0, len(scans) if end < 0 else end) > _MOST_SCANS:
        raise InputError(f"expected a JPEG of at most {_MOST_SCANS} scans, found more; save it anew")


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: transparency over black, gray of more than 8 bits and shares of white scaled by their range. An
    RGB picture is returned as it is."""
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
    return image if image.mode == "RGB" else image.convert("RGB")


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
