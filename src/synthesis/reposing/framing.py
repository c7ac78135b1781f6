"""Crop faces as the challenge does: the size and place of the face in its crop, and black borders.

AFLW2000-3D's crops reach beyond their photographs; what lies outside is black, with straight edges.
"""

import numpy as np
from PIL import Image

from src.boxes import CENTER, MEAN_SHARE, PROFILE_SHARE, PROFILE_YAW, SHARE_RANGE
from src.geometry import invert_affine

_SHARE_SPREAD, _CENTER_SPREAD = 0.042, np.array([0.022, 0.023])  # standard deviations, of the crop's side
_BLACK = 14  # brightest value of a border pixel after JPEG compression
_BRIGHT_SHARE = 0.02  # of the pixels of a line that is not black
_BORDER_CHANCE = 0.22  # of each of the four sides
_BORDER_WIDTH = (0.01, 0.22)  # of the crop
_BORDER_OVERLAP = 0.06  # of the crop, how far a border may cut into the face's box


def sample_crop(points: np.ndarray, size: int, yaw: float, rng: np.random.Generator) -> np.ndarray:
    """A random crop like the challenge's: the affine (2, 3) from the picture's pixels to those of the crop.

    points: (68, 2) pixels of the picture. size: the crop's side in pixels. yaw: degrees.
    """
    low, high = points.min(0), points.max(0)
    share = np.interp(abs(yaw), PROFILE_YAW, (MEAN_SHARE, PROFILE_SHARE)) + rng.normal(0, _SHARE_SPREAD)
    scale = size * np.clip(share, *SHARE_RANGE) / np.sqrt(np.prod(high - low))
    center = size * (CENTER + np.clip(rng.normal(size=2), -2, 2) * _CENTER_SPREAD)
    return np.column_stack([scale * np.eye(2), center - scale * (low + high) / 2])


def cut_photo(photo: np.ndarray, affine: np.ndarray, size: int, *, extended: bool) -> np.ndarray:
    """Resample photo (H, W, 3) uint8 by affine (2, 3) to (size, size, 3).

    Outside the photograph it is black or, if `extended`, repeats the photograph's border.
    """
    if extended:
        margin = len(photo) // 2
        photo = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        affine = np.column_stack([affine[:, :2], affine[:, 2] - affine[:, :2] @ [margin, margin]])
    inverse = invert_affine(affine)
    transform = Image.Transform.AFFINE
    image = Image.fromarray(photo).transform((size, size), transform, inverse.ravel(), Image.Resampling.BICUBIC)
    return np.asarray(image)


def without_black_border(photo: np.ndarray) -> np.ndarray:
    """Replace black lines at the border of photo (H, W, 3) by mirrored ones; a turned head would bend them."""
    bright = photo.max(-1) > _BLACK
    for axis in (0, 1):
        photo = np.take(photo, _mirrored_inside(bright.mean(1 - axis) > _BRIGHT_SHARE), axis=axis)
    return photo


def _mirrored_inside(lit: np.ndarray) -> np.ndarray:
    """Indices (N,) that map the dark ends of lit (N,) bool into its lit interior, less one blurred line."""
    places = np.flatnonzero(lit)
    index = np.arange(len(lit))
    if len(places) < len(lit) // 8:  # nothing to mirror: a black picture
        return index
    first, last = places[0] + (places[0] > 0), places[-1] - (places[-1] < len(lit) - 1)
    return np.clip(last - np.abs(last - (first + np.abs(index - first))), first, last)


def add_black_border(picture: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> None:
    """Blacken strips at some sides of picture (S, S, 3), in place; they hardly cut into the box of points (68, 2)."""
    size = len(picture)
    low, high = points.min(0) / size + _BORDER_OVERLAP, 1 - points.max(0) / size + _BORDER_OVERLAP
    for room, side in zip((low[0], low[1], high[0], high[1]), range(4), strict=True):
        width = rng.uniform(*_BORDER_WIDTH)
        if rng.random() < _BORDER_CHANCE:
            strip = max(0, round(size * min(width, room)))
            view = picture.transpose(1, 0, 2) if side % 2 == 0 else picture
            view[slice(0, strip) if side < 2 else slice(size - strip, size)] = 0
