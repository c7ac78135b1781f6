"""Geometric augmentation: random affine maps to the network's input, framed as in a first or a second look."""

import math

import torch
from torch import Tensor

from src.augmentation.chance import chance, uniform
from src.config import AugmentationConfig
from src.transforms import stack_matrix

# How far errors of the first look misplace a second one: standard deviations of the tilt (degrees) and the position
# (of the input), and the half range of the logarithm of the scale.
_TILT, _SHIFT, _SCALE = 8.0, 0.03, 0.12
_SMALLEST = 0.05  # of the square: faces are not enlarged as if they were smaller than this


def random_affine(
    batch: int,
    crop: tuple[float, float, float],
    config: AugmentationConfig,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[Tensor, Tensor, Tensor]:
    """Maps (B, 2, 3) from the unit square to the input, clockwise angles (B,) in radians, and (B,) bool: mirrored."""
    angle = uniform(batch, 1.0, generator, device)
    angle = math.radians(config.rotation) * angle * angle.abs().sqrt()  # most tilts are small, a few are large
    scale = torch.exp(uniform(batch, config.scale, generator, device)) / crop[2]
    flipped = chance(batch, config.flip, generator, device)
    mirror = 1 - 2 * flipped.float()
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    linear = stack_matrix([[cos * mirror, -sin], [sin * mirror, cos]])  # (B, 2, 2)
    center = torch.tensor(crop[:2], device=device)[:, None]
    shift = 0.5 + config.shift * (2 * torch.rand(batch, 2, 1, generator=generator, device=device) - 1)
    return torch.cat([linear, shift - linear @ center], dim=-1), angle, flipped


def in_plane_rotation(euler: Tensor) -> Tensor:
    """`src.pose.in_plane_rotation` of a batch: euler (B, 3) degrees -> (B,) degrees."""
    pitch, yaw, roll = torch.deg2rad(euler).unbind(dim=1)
    right, up = pitch.sin() * yaw.sin(), pitch.cos()
    return torch.rad2deg(torch.atan2(roll.sin() * up - roll.cos() * right, roll.sin() * right + roll.cos() * up))


def second_look_affine(
    points_unit: Tensor,
    rotation: Tensor,
    flipped: Tensor,
    *,
    crop: tuple[float, float, float],
    second_look: tuple[float, float, float, float],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Maps (B, 2, 3) from the unit square to the input of a second look, and clockwise angles (B,) in radians.

    points_unit: (B, K, 2) before mirroring. rotation: (B,) degrees, as `in_plane_rotation`. flipped: (B,) bool, whether
    the face is mirrored. crop, second_look: the model's. Faces are upright, centered and enlarged
    (`src.predict.looks`), apart from the errors that a first look makes.
    """
    batch, device = len(points_unit), points_unit.device
    angle = torch.deg2rad(rotation) + math.radians(_TILT) * torch.randn(batch, generator=generator, device=device)
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = stack_matrix([[cos, -sin], [sin, cos]])  # (B, 2, 2)
    turned = points_unit @ turn.transpose(1, 2)
    low, high = turned.amin(dim=1), turned.amax(dim=1)
    center_x, center_y, share, _ = second_look
    side = (high - low).clamp(min=_SMALLEST).prod(dim=1).sqrt()
    scale = share / crop[2] / side * torch.exp(uniform(batch, _SCALE, generator, device))
    place = (torch.tensor([center_x, center_y], device=device) - torch.tensor(crop[:2], device=device)) / crop[2] + 0.5
    mirror = torch.stack([1 - 2 * flipped.float(), torch.ones(batch, device=device)], dim=1)  # (B, 2)
    linear = scale[:, None, None] * turn * mirror[:, :, None]
    middle = scale[:, None] * mirror * (low + high) / 2
    shift = torch.where(mirror < 0, 1 - place, place)
    shift = shift + _SHIFT * torch.randn(batch, 2, generator=generator, device=device)
    return torch.cat([linear, (shift - middle)[..., None]], dim=-1), angle * mirror[:, 0]


def stretched(affine: Tensor, points_unit: Tensor, half_range: float, generator: torch.Generator) -> Tensor:
    """The maps (B, 2, 3) with each face stretched about its middle along a random direction of its own.

    points_unit: (B, K, 2). half_range: of the factor's logarithm; across that direction the face shrinks by the same
    factor.
    """
    batch, device = len(affine), affine.device
    factor = uniform(batch, half_range, generator, device)
    direction = uniform(batch, math.pi, generator, device)
    grow, cos, sin = torch.cosh(factor), *(torch.sinh(factor) * part for part in (direction.cos(), direction.sin()))
    stretch = stack_matrix([[grow + cos, sin], [sin, grow - cos]])  # (B, 2, 2)
    middle = (points_unit.amin(dim=1) + points_unit.amax(dim=1))[..., None] / 2  # (B, 2, 1)
    linear = affine[:, :, :2] @ stretch
    return torch.cat([linear, affine[:, :, 2:] + affine[:, :, :2] @ middle - linear @ middle], dim=-1)
