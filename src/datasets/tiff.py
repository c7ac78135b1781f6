"""What a TIFF file may hold besides a picture as Pillow reads it: other numbers, other pages.

Tags are those of Adobe, "TIFF Revision 6.0", 1992.
"""

from PIL import Image

from src.errors import InputError

_TIFF_BITS, _TIFF_MEANING, _TIFF_NUMBERS = 258, 262, 339  # tags of the bits per sample, and of what they mean
_WHITE_IS_0, _SIGNED = 0, 2  # values of the latter two
_TIFF_KIND, _REDUCED_OR_MASK = 254, 1 | 4  # tag of what a page is, and its bits for pages that show no other picture
_TIFF_TILE, _MOST_TILE = (322, 323), 64_000_000  # tags of a tile's width and height; pixels of one
_FAX = {"tiff_ccitt", "group3", "group4"}  # Pillow's names for compressions of black and white pictures


def check_samples(tiff: Image.Image) -> None:
    """Raise InputError for a file that Pillow would misread, or about which libtiff would write to the terminal."""
    width, height = (int(tiff.tag_v2.get(tag, 0)) for tag in _TIFF_TILE)
    if width * height > _MOST_TILE:  # however small the picture is, a whole tile is decoded
        raise InputError(f"expected tiles of at most {_MOST_TILE // 1_000_000} megapixels, found {width} x {height}")
    bits = tuple(tiff.tag_v2.get(_TIFF_BITS, (1,)))
    if tiff.info.get("compression") in _FAX and bits != (1,):
        raise InputError(f"a fax-compressed TIFF picture expects 1 bit per pixel, found {', '.join(map(str, bits))}")
    if bits[0] > 8 and tiff.tag_v2.get(_TIFF_MEANING) == _WHITE_IS_0:
        raise InputError(f"expected gray of {bits[0]} bits whose 0 is black, found a negative; invert it")
    if bits[0] == 8 and _SIGNED in tiff.tag_v2.get(_TIFF_NUMBERS, ()):
        raise InputError("expected samples from 0 to 255, found signed ones; add 128")


def check_pages(tiff: Image.Image) -> None:
    """Raise InputError for a file whose second page is another picture, not a thumbnail or mask of the first."""
    if not tiff.is_animated:  # n_frames would walk through all pages, of which a small file may have millions
        return
    side = max(tiff.size)
    tiff.seek(1)
    is_another = max(tiff.size) > side / 2 and not tiff.tag_v2.get(_TIFF_KIND, 0) & _REDUCED_OR_MASK
    tiff.seek(0)
    if is_another:
        raise InputError("expected one picture, found several pages; save each as a file of its own")
