"""Coordinate frames and the affine maps between them.

One rule for every frame: coordinates are continuous, a picture spans [0, W] x [0, H], and the center of pixel (column
c, row r) lies at (c + 0.5, r + 0.5). x points right, y points down. Variable names state the frame:

- `points_image`: pixels of the source picture;
- `points_unit`: the letterboxed square of the picture, [0, 1] on both axes;
- `points_input`: the part of that square which the network sees (see `crop_affine`), [0, 1] on both axes.

An affine map is a (..., 2, 3) array [[a, b, tx], [c, d, ty]]: new = [a b; c d] old + (tx, ty).
"""

import numpy as np


def letterbox(width: int, height: int, size: int) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """The position of a width x height picture in a size x size square, centered and not stretched.

    Returns the box (left, top, width, height) in whole pixels of the square, and the exact affine (2, 3) from source
    pixels to the unit square, which includes the rounding of that box.
    """
    scale = size / max(width, height)
    box_width, box_height = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - box_width) // 2, (size - box_height) // 2
    affine = np.array([[box_width / width, 0, left], [0, box_height / height, top]]) / size
    return (left, top, box_width, box_height), affine


def orientation_affine(orientation: int, width: float, height: float) -> np.ndarray:
    """Map (2, 3) from the stored width x height pixels of a picture to the shown ones. orientation: EXIF's 1-8."""
    return np.array(
        {
            1: [[1, 0, 0], [0, 1, 0]],
            2: [[-1, 0, width], [0, 1, 0]],
            3: [[-1, 0, width], [0, -1, height]],
            4: [[1, 0, 0], [0, -1, height]],
            5: [[0, 1, 0], [1, 0, 0]],
            6: [[0, -1, height], [1, 0, 0]],
            7: [[0, -1, height], [-1, 0, width]],
            8: [[0, 1, 0], [-1, 0, width]],
        }[orientation],
        np.float64,
    )


def stack_matrix(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Matrices (..., R, C) from R rows of C entries, each (...)."""
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def turn_matrix(degrees: np.ndarray | float) -> np.ndarray:
    """Rotations (..., 2, 2) that turn a picture's points clockwise by an angle (...)."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return stack_matrix([[cos, -sin], [sin, cos]])


def crop_affine(crop: tuple[float, float, float]) -> np.ndarray:
    """Map from the unit square to the input frame of a fixed crop (center x, center y, side). Returns (2, 3)."""
    center_x, center_y, side = crop
    return np.array([[1 / side, 0, 0.5 - center_x / side], [0, 1 / side, 0.5 - center_y / side]])


def apply_affine(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply affine (..., 2, 3) to points (..., K, 2)."""
    return points @ np.swapaxes(affine[..., :2], -1, -2) + affine[..., None, :, 2]


def invert_affine(affine: np.ndarray) -> np.ndarray:
    """Invert affine maps of shape (..., 2, 3)."""
    linear = np.linalg.inv(affine[..., :2])
    return np.concatenate([linear, -linear @ affine[..., 2:]], axis=-1)


def compose_affine(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map that applies `first`, then `second`; both (..., 2, 3)."""
    linear = second[..., :2] @ first[..., :2]
    shift = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, shift], axis=-1)
