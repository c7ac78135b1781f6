"""Resampling of squares with NumPy, the twin of `src.transforms` for exported files, which run without PyTorch.

Frames and the pixel-center rule are those of `src.geometry`.
"""

import numpy as np

from src.geometry import invert_affine

_MARGIN = 2  # black pixels around a square, read by samples that lie outside it


def crop_batch(squares: np.ndarray, crop: tuple[float, float, float], size: int) -> np.ndarray:
    """A network's fixed crop of squares (B, S, S, 3) uint8: images (B, size, size, 3) float32 in [0, 1]."""
    center_x, center_y, side = crop
    ticks = (np.arange(size) + 0.5) / size - 0.5
    rows, columns = ((center + side * ticks) * squares.shape[1] - 0.5 for center in (center_y, center_x))
    return _interpolate(_interpolate(squares, rows, axis=1), columns, axis=2) / np.float32(255)


def warp_squares(squares: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Squares (B, S, S, 3) uint8 warped by affine maps (B, 2, 3) of the unit square; black outside the square."""
    return np.stack([_warp(square, back) for square, back in zip(squares, invert_affine(affine), strict=True)])


def _interpolate(images: np.ndarray, places: np.ndarray, *, axis: int) -> np.ndarray:
    """Linear interpolation (float32) along an axis at places (R,); 0 is the first pixel's center, black is outside."""
    last = images.shape[axis] - 1
    first = np.floor(places).astype(int)
    shape = [-1 if i == axis else 1 for i in range(images.ndim)]
    parts = []
    for index, weight in ((first, first + 1 - places), (first + 1, places - first)):
        weight = np.where((index >= 0) & (index <= last), weight, 0).astype(np.float32)
        parts.append(np.take(images, np.clip(index, 0, last), axis=axis) * weight.reshape(shape))
    return parts[0] + parts[1]


def _warp(square: np.ndarray, back: np.ndarray) -> np.ndarray:
    """One square (S, S, 3) sampled bilinearly; back (2, 3) maps the unit square of the result to that of the source."""
    side, wide = len(square), len(square) + 2 * _MARGIN
    planes = np.zeros((3, wide, wide), np.float32)  # one color at a time is read and mixed without gaps
    planes[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = square.transpose(2, 0, 1)
    ticks = (np.arange(side) + 0.5) / side
    whole, fraction = [], []
    for a, b, shift in back * side:
        place = (a * ticks + (shift - 0.5 + _MARGIN)) + (b * ticks)[:, None]  # (S, S) in pixels of a plane
        place = np.clip(place, 0, wide - 1.5)
        whole.append(place.astype(np.intp))
        fraction.append((place - whole[-1]).astype(np.float32))
    corner = whole[0] + wide * whole[1]
    warped = np.empty_like(square)
    for color, plane in enumerate(planes.reshape(3, -1)):
        left, right, lower_left, lower_right = (plane.take(corner + step) for step in (0, 1, wide, wide + 1))
        upper = left + (right - left) * fraction[0]
        lower = lower_left + (lower_right - lower_left) * fraction[0]
        warped[..., color] = np.round(upper + (lower - upper) * fraction[1])
    return warped
