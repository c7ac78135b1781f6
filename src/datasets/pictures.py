"""Decoding any picture a user may have into a square uint8 RGB array, together with the map of its points."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from src.errors import InputError
from src.geometry import letterbox

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
SQUARE_SIZE = 192  # pixels of a decoded square: half a challenge picture, so its JPEG decodes at half scale
_EXIF_ORIENTATION = 0x0112
_TURNS = {  # from the stored to the shown picture; 5 to 8 are stored lying on their side
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MIN_SIDE = 16  # pixels: below this a face has no landmarks to see
MAX_SIDE = 16384  # pixels: beyond this a "cropped face" is a mistake
MAX_PIXELS = 64_000_000  # decoding more on every core would fill the memory


def list_pictures(folder: str | Path) -> list[str]:
    """Sorted names of the pictures directly inside a folder; hidden files and other types are left out.

    Raises InputError where the folder is missing or holds no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected cropped face pictures there")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith("."))
    if not names:
        raise InputError(f"{folder}: expected pictures ({', '.join(sorted(EXTENSIONS))}), found none")
    return names


def read_square(path: str | Path, size: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Decode a picture as people see it (EXIF rotation applied) and letterbox it onto black.

    Returns the square (size, size, 3) uint8 RGB, the affine (2, 3) from source pixels to the unit square, and the
    source's (height, width) in pixels. JPEGs are decoded at a reduced scale where that loses nothing.
    Raises InputError for a missing, empty, damaged, tiny or huge picture.
    """
    try:
        with Image.open(path) as image:
            width, height = _checked_size(image)
            reduced = image.draft("RGB", (size, size))
            # A JPEG whose sides are no multiple of the reduction ends inside the last pixels of its reduced form.
            extent = reduced[1] if reduced else (0, 0, width, height)
            rgb = _to_rgb(image)
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)  # after decoding: Pillow turns a TIFF by itself
    except FileNotFoundError:
        raise InputError("no such picture") from None
    except UnidentifiedImageError:
        empty = Path(path).stat().st_size == 0
        raise InputError("the file is empty" if empty else "not a picture in a known format") from None
    except Image.DecompressionBombError as error:
        raise InputError(f"the picture is too large ({error})") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"the picture cannot be decoded ({error})") from None
    is_lying = orientation in (5, 6, 7, 8)
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


def _checked_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        raise InputError(f"expected sides of {MIN_SIDE} to {MAX_SIDE} pixels, found {width} x {height}")
    if width * height > MAX_PIXELS:
        raise InputError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels, found {width} x {height}")
    return width, height


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: transparency over black, 16-bit gray scaled by its range instead of clipped."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        top = 65535.0 if values.max() > 255 else 255.0
        image = Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    return image.convert("RGB")
