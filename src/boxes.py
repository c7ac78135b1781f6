"""The challenge's crop in numbers, and such crops from the face boxes of any detector.

The challenge's crops hold the tight box of the 68 points, brows to chin, at about half of their side and below their
middle. A detector's box begins at the forehead instead, so each kind of box has its own place in the crop; KINDS lists
them, and a BoxKind of your own describes any other detector.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from src.errors import InputError, about, one_line
from src.geometry import stack_matrix
from src.reading import check_regular, encoding_of_file

# Measured on the challenge's 199 validation crops. A share is sqrt(width * height) of the points' box relative to the
# crop's side. Faces with |yaw| below 45 degrees have a median of 0.512 and a mean of 0.518. Crops of annotated pictures
# and rendered faces use the first, detectors' boxes and turned photographs the second; both are kept, because prepared
# folders and pictures made with a fixed seed depend on them.
MEDIAN_SHARE, MEAN_SHARE = 0.51, 0.52
SHARE_RANGE = (0.39, 0.66)
PROFILE_SHARE, PROFILE_YAW = 0.46, (45.0, 80.0)  # a profile's narrow box; between these |yaw| the share falls to it
CENTER = (0.50, 0.58)  # of the points' box in the crop
INNER_SHARE, INNER_PROFILE_SHARE, INNER_CENTER = 0.39, 0.28, (0.50, 0.53)  # the same for the 51 points without the jaw

BOX_COLUMNS = ("picture", "left", "top", "right", "bottom")
_MOST_BYTES, _MOST_LINES = 64_000_000, 500_000  # of a table of boxes: 630 bytes of memory per row
_SMALLEST = 4.0  # pixels: a smaller box shows no face
_LARGEST = 4.0  # of the picture's longer side: a larger box is a mistake in its unit
_SHARES = (0.05, 5.0)  # of a crop's side that a box may take: others have another unit
_GAP = 2.0  # pixels for one of the result that averaging of blocks leaves to bilinear resampling, at least


@dataclass(frozen=True)
class BoxKind:
    """Where a kind of box lies in the challenge's crop, as shares of the crop's side."""

    share: float  # sqrt(width * height)
    center: tuple[float, float]

    def __post_init__(self) -> None:
        if not (_SHARES[0] <= self.share <= _SHARES[1] and np.isfinite(self.center).all()):  # NaN is not
            raise InputError(f"expected a share of the crop from {_SHARES[0]:g} to {_SHARES[1]:g}, found {self}")


KINDS: dict[str, BoxKind] = {
    # The smallest box around all 68 points.
    "landmarks": BoxKind(MEAN_SHARE, CENTER),
    # The whole face without hair, as face detectors are trained to box it: 1.05 times as wide and 1.4 times as high as
    # the points' box, with the same lower edge. (In FaceSynthetics' eight sample faces the skin reaches 1.5 times as
    # high, up to the hairline; detectors stop at the forehead.)
    "detector": BoxKind(0.63, (0.50, 0.48)),
}


def check_boxes(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes as an array (N, 4) of left, top, right, bottom in pixels of a width x height picture; N may be 0.

    Raises InputError unless every box has four finite numbers, a size, and a part inside the picture.
    """
    if not (any(map(np.size, boxes)) if isinstance(boxes, list | tuple) else np.size(boxes)):
        return np.empty((0, 4))
    try:
        if np.iscomplexobj(boxes) or np.ma.is_masked(boxes):  # NumPy would drop the imaginary parts and the mask
            raise ValueError
        boxes = np.asarray(boxes, np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last one of tensors that require gradients
        raise InputError(one_line(f"expected boxes of four numbers, found {boxes!r}")) from None
    boxes = boxes[None] if boxes.ndim == 1 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"expected boxes (N, 4) of left, top, right, bottom, found an array of shape {boxes.shape}")
    for left, top, right, bottom in boxes:
        found = f"found left {left:g}, top {top:g}, right {right:g}, bottom {bottom:g}"
        if not np.isfinite([left, top, right, bottom]).all():
            raise InputError(f"expected a box of finite numbers, {found}")
        if min(right - left, bottom - top) < _SMALLEST:
            raise InputError(f"expected a box at least {_SMALLEST:g} pixels wide and high, {found}")
        if max(right - left, bottom - top) > _LARGEST * max(width, height):
            raise InputError(f"expected a box in pixels of the {width} x {height} picture, {found}")
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise InputError(f"expected a box that meets the {width} x {height} picture, {found}")
    return boxes


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """Boxes (N, 4) by the name of their picture or video, from a CSV with the header BOX_COLUMNS and perhaps others.

    With a column `frame`, as the demo's faces.csv has, those of a video's first row's frame. Raises InputError.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; expected a CSV with the header {','.join(BOX_COLUMNS)}")
    with about(path):
        check_regular(path, most=_MOST_BYTES)
        encoding = encoding_of_file(path)
    with open(path, newline="", encoding=encoding) as file:
        rows = csv.reader(file, skipinitialspace=True)
        try:
            boxes = _boxes_of(rows)
        except (UnicodeError, csv.Error) as error:
            raise InputError(f"{path}: expected rows of UTF-8 text ({error})") from None
        except InputError as error:  # half a million contexts, one for each row, would take seconds
            raise InputError(f"{path}: line {max(1, rows.line_num)}: {error}") from None
    if not boxes:
        raise InputError(f"{path}: expected at least one box, found none")
    return {name: np.array(list(its_boxes)) for name, its_boxes in boxes.items()}


def _boxes_of(rows: Iterator[list[str]]) -> dict[str, dict[tuple[float, ...], None]]:
    """The boxes of `read_boxes`, as keys, from the rows of csv.reader."""
    header = next(rows, [])
    if any(header.count(column) != 1 for column in BOX_COLUMNS):
        raise InputError(f"expected the header {','.join(BOX_COLUMNS)}, found {header}")
    columns, frame = len(header), header.index("frame") if "frame" in header else None
    place, *corners = (header.index(column) for column in BOX_COLUMNS)
    boxes: dict[str, dict[tuple[float, ...], None]] = {}
    frames: dict[str, str] = {}
    for number, row in enumerate(filter(None, rows), start=2):
        if number > _MOST_LINES:
            raise InputError(f"expected at most {_MOST_LINES:,} lines, found more; divide the table")
        if len(row) > columns and any(row[columns:]):  # of decimal commas the first four numbers would make a box
            raise InputError(f"expected {columns} values, found {len(row)}")
        if len(row) < columns:
            row += [""] * (columns - len(row))
        if not (name := row[place]):
            raise InputError("expected a picture's name, found none")
        try:
            box = tuple([float(row[corner]) for corner in corners])
        except ValueError:
            raise InputError("expected four numbers after the name") from None
        if frame is not None and frames.setdefault(name, row[frame]) != row[frame]:
            continue
        if box in (its_boxes := boxes.setdefault(name, {})):  # it would be counted as another face
            raise InputError("expected each box once, found it again")
        its_boxes[box] = None
    return boxes


def box_of_points(points_image: np.ndarray) -> np.ndarray:
    """The tight boxes (..., 4) of points (..., 68, 2): left, top, right, bottom."""
    return np.concatenate([points_image.min(axis=-2), points_image.max(axis=-2)], axis=-1)


def crop_of_picture(width: int, height: int) -> np.ndarray:
    """The crop (3,) = left, top, side that holds a whole picture, centered: for pictures that are crops already."""
    side = max(width, height)
    return np.array([(width - side) / 2, (height - side) / 2, side])


def affine_of_crop(crop_box: np.ndarray) -> np.ndarray:
    """The affine maps (..., 2, 3) from pixels of the picture to the unit square of crops (..., 3) = left, top, side."""
    left, top, side = np.moveaxis(crop_box, -1, 0)
    zero = np.zeros_like(side)
    return stack_matrix([[1 / side, zero, -left / side], [zero, 1 / side, -top / side]])


def cut_crop(picture: Image.Image, crop_box: np.ndarray, size: int) -> np.ndarray:
    """A crop (3,) of an RGB picture, resampled without aliasing to (size, size, 3) uint8; black outside the picture."""
    left, top, side = (float(value) for value in crop_box)
    first, last = np.floor([left, top]).astype(int), np.ceil([left + side, top + side]).astype(int)
    factor = max(1, int(side / size / _GAP))
    reduced = _cut_reduced(picture, first, last, factor)
    low = np.array([left, top]) - first
    # Rounding may put the extent's far edge slightly beyond the last pixel.
    extent = np.concatenate([low, np.minimum(low + side, last - first)]) / factor
    return np.array(reduced.resize((size, size), Image.Resampling.BILINEAR, box=tuple(extent)))


def _cut_reduced(picture: Image.Image, first: np.ndarray, last: np.ndarray, factor: int) -> Image.Image:
    """The pixels from `first` to `last`, both (2,) x and y, black outside the picture, reduced by averaging blocks.

    Only blocks on the picture's edge are copied with the black around them: around a panorama there is more of it than
    memory.
    """
    if factor == 1:
        return picture.crop((*first, *last))
    edges = (np.array([(0, 0), picture.size]) - first) / factor  # in blocks
    cuts = first + factor * np.concatenate([np.floor(edges), np.ceil(edges)]).astype(int)  # (4, 2)
    columns, rows = (np.unique(np.clip([a, *b, c], a, c)) for a, b, c in zip(first, cuts.T, last, strict=True))
    whole = Image.new("RGB", tuple(-(-(last - first) // factor)))
    for left, right in pairwise(columns.tolist()):
        for top, bottom in pairwise(rows.tolist()):
            if right <= 0 or bottom <= 0 or left >= picture.width or top >= picture.height:
                continue
            is_inside = min(left, top) >= 0 and right <= picture.width and bottom <= picture.height
            part = (left, top, right, bottom)
            reduced = picture.reduce(factor, part) if is_inside else picture.crop(part).reduce(factor)
            whole.paste(reduced, ((left - first[0]) // factor, (top - first[1]) // factor))
    return whole
