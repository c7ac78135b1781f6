"""Resampling of squares with NumPy, the twin of `src.transforms` for exported files, which run without PyTorch.

Frames and the pixel-center rule are those of `src.geometry`.
"""

import numpy as np

from src.geometry import invert_affine

Crop = tuple[float, float, float]  # center x, center y and side in the unit square: `ModelConfig.crop`
WHOLE: Crop = (0.5, 0.5, 1.0)

_MARGIN = 2  # black pixels around a square, read by samples that lie outside it
_ROWS = 48  # resampled at a time: their numbers fit into a core's cache


def crop_batch(squares: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """A network's fixed crop of squares (B, S, S, 3) uint8: images (B, size, size, 3) float32 in [0, 1]."""
    center_x, center_y, side = crop
    ticks = (np.arange(size) + 0.5) / size - 0.5
    rows, columns = ((center + side * ticks) * squares.shape[1] - 0.5 for center in (center_y, center_x))
    return _interpolate(_interpolate(squares, rows, axis=1), columns, axis=2) / np.float32(255)


def warp_squares(squares: np.ndarray, affine: np.ndarray, crop: Crop = WHOLE) -> np.ndarray:
    """Squares (B, S, S, 3) uint8 warped by affine maps (B, 2, 3) of the unit square; black outside the square.

    crop: all that `crop_batch` will show, of these squares or their mirror images; the rest stays black, to save time.
    """
    window = _window(crop, squares.shape[1])
    return np.stack([_warp(square, back, window) for square, back in zip(squares, invert_affine(affine), strict=True)])


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


def _window(crop: Crop, size: int) -> tuple[slice, slice]:
    """Rows and columns of a square of `size` pixels that a crop's samples are made of, mirrored or not."""
    center_x, center_y, side = crop
    window = []
    for center, half in ((center_y, side / 2), (0.5, side / 2 + abs(center_x - 0.5))):
        first, last = np.floor(np.array([center - half, center + half]) * size - 0.5)
        window.append(slice(max(0, int(first)), int(last) + 2))
    return window[0], window[1]


def _warp(square: np.ndarray, back: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """One square (S, S, 3) sampled bilinearly; back (2, 3) maps the unit square of the result to that of the source."""
    side, wide = len(square), len(square) + 2 * _MARGIN
    planes = np.zeros((3, wide, wide), np.float32)  # one color at a time is read and mixed without gaps
    planes[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = square.transpose(2, 0, 1)
    ticks = (np.arange(side) + 0.5) / side
    across, down, shift = np.split(side * back, 3, axis=1)
    columns = across * ticks[window[1]] + (shift - 0.5 + _MARGIN)  # (2, W): x and y in pixels of a plane
    rows = down * ticks[window[0]]  # (2, H), to be added to every column
    warped = np.zeros_like(square)
    shown = warped[window]  # (H, W, 3)
    for start in range(0, len(shown), _ROWS):
        part = slice(start, start + _ROWS)
        place = np.clip(columns[:, None] + rows[:, part, None], 0, wide - _MARGIN)  # (2, _ROWS, W)
        whole = np.floor(place)
        right_share, lower_share = (place - whole).astype(np.float32)
        corner = (whole[0] + wide * whole[1]).astype(np.intp)
        for color, plane in enumerate(planes.reshape(3, -1)):
            near = [plane[step:].take(corner, mode="clip") for step in (0, 1, wide, wide + 1)]  # none is clipped
            left, right, lower_left, lower_right = near
            upper = left + (right - left) * right_share
            lower = lower_left + (lower_right - lower_left) * right_share
            shown[part, :, color] = np.round(upper + (lower - upper) * lower_share)
    return warped
