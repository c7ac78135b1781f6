"""Resampling of whole batches on any device: pictures and points by the same affine maps.

Frames and the pixel-center rule are those of `src.geometry`; `F.grid_sample(align_corners=False)` follows the same
rule.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from src.geometry import crop_affine

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
_CPU_PART = 8  # pictures resampled at a time on a CPU: as floats they just fit into a core's cache


def warp(squares: Tensor, affine: Tensor, size: int) -> Tensor:
    """Resample squares by affine maps from the unit square to the input frame.

    squares: (B, S, S, 3) uint8. affine: (B, 2, 3) float. Returns images (B, 3, size, size) float in [0, 1], black
    outside the square.
    """
    linear = torch.linalg.inv(affine[:, :, :2])
    shift = -(linear @ affine[:, :, 2:])
    # grid_sample's coordinates are in [-1, 1]: u = (g + 1) / 2.
    ticks = (2 * torch.arange(size, device=squares.device) + 1) / size - 1  # pixel centers
    columns = linear[:, :, :1] * ticks  # (B, 2, R), to be added to every row
    rows = linear[:, :, 1:] * ticks + linear.sum(-1, keepdim=True) + 2 * shift - 1
    part = _CPU_PART if squares.device.type == "cpu" else len(squares)
    images = []
    for some, column, row in zip(squares.split(part), columns.split(part), rows.split(part), strict=True):
        grid = (column[:, :, None, :] + row[:, :, :, None]).permute(0, 2, 3, 1)  # (part, R, R, 2)
        images.append(F.grid_sample(some.permute(0, 3, 1, 2).float(), grid, align_corners=False))
    return torch.cat(images).div_(255)


def warp_squares(squares: Tensor, affine: np.ndarray) -> Tensor:
    """Squares (B, S, S, 3) uint8 warped by affine maps (B, 2, 3) of the unit square; black outside the square."""
    to_square = torch.as_tensor(affine, dtype=torch.float32, device=squares.device)
    moved = warp(squares, to_square, squares.shape[1]).mul_(255).round_().byte()
    return moved.permute(0, 2, 3, 1).contiguous()


def stack_matrix(rows: list[list[Tensor]]) -> Tensor:
    """`src.geometry.stack_matrix` of tensors: matrices (..., R, C) from R rows of C entries, each (...)."""
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def transform_points(affine: Tensor, points: Tensor) -> Tensor:
    """Apply affine (B, 2, 3) to points (B, K, 2)."""
    return points @ affine[:, :, :2].transpose(1, 2) + affine[:, None, :, 2]


def crop_batch(squares: Tensor, crop: tuple[float, float, float], size: int) -> Tensor:
    """The fixed crop used in validation and prediction. squares: (B, S, S, 3) uint8. Returns (B, 3, size, size)."""
    affine = torch.as_tensor(crop_affine(crop), dtype=torch.float32, device=squares.device)
    return warp(squares, affine.expand(len(squares), 2, 3), size)
