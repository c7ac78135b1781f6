"""Batch augmentation on any device: one affine for picture and points, then color, then damage.

Every function maps a batch to a batch and draws each face's own random numbers from the passed generator. Frames and
the pixel-center rule are those of `src.geometry`; `F.grid_sample(align_corners=False)` follows the same rule.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from src.config import AugmentationConfig
from src.geometry import crop_affine
from src.markup import flip_permutation

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_BLUR_RADIUS = 4  # taps to each side; enough for sigma <= 2 pixels
_CPU_PART = 8  # pictures resampled at a time on a CPU: as floats they fill a core's cache and no more


def warp(squares: Tensor, affine: Tensor, size: int) -> Tensor:
    """Resample squares by affine maps from the unit square to the input frame.

    squares: (B, S, S, 3) uint8. affine: (B, 2, 3) float. Returns images (B, 3, size, size) float in [0, 1], black
    where the square ends.
    """
    linear = torch.linalg.inv(affine[:, :, :2])
    shift = -(linear @ affine[:, :, 2:])
    # grid_sample speaks [-1, 1] on both sides: u = (g + 1) / 2.
    ticks = (2 * torch.arange(size, device=squares.device) + 1) / size - 1  # pixel centers
    columns = linear[:, :, :1] * ticks  # (B, 2, R), to be added to every row
    rows = linear[:, :, 1:] * ticks + linear.sum(-1, keepdim=True) + 2 * shift - 1
    part = _CPU_PART if squares.device.type == "cpu" else len(squares)
    images = []
    for some, column, row in zip(squares.split(part), columns.split(part), rows.split(part), strict=True):
        grid = (column[:, :, None, :] + row[:, :, :, None]).permute(0, 2, 3, 1)  # (part, R, R, 2)
        images.append(F.grid_sample(some.permute(0, 3, 1, 2).float(), grid, align_corners=False))
    return torch.cat(images).div_(255)


def transform_points(affine: Tensor, points: Tensor) -> Tensor:
    """Apply affine (B, 2, 3) to points (B, K, 2)."""
    return points @ affine[:, :, :2].transpose(1, 2) + affine[:, None, :, 2]


def crop_batch(squares: Tensor, crop: tuple[float, float, float], size: int) -> Tensor:
    """The fixed crop that validation and prediction see. squares: (B, S, S, 3) uint8. Returns (B, 3, size, size)."""
    affine = torch.as_tensor(crop_affine(crop), dtype=torch.float32, device=squares.device)
    return warp(squares, affine.expand(len(squares), 2, 3), size)


def augment(
    squares: Tensor,
    points_unit: Tensor,
    euler: Tensor,
    *,
    crop: tuple[float, float, float],
    size: int,
    config: AugmentationConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Crop and augment a batch.

    squares: (B, S, S, 3) uint8. points_unit: (B, K, 2), a set of `src.markup.POINT_SETS`. euler: (B, 3) pitch, yaw,
    roll in degrees.
    Returns images (B, 3, size, size) float in [0, 1], points_input (B, K, 2) and euler (B, 3) of the faces as seen.
    """
    affine, angle, flipped = _random_affine(len(squares), crop, config, generator, squares.device)
    points_input = transform_points(affine, points_unit)
    permutation = torch.as_tensor(flip_permutation(points_unit.shape[1]), device=squares.device)
    points_input = torch.where(flipped[:, None, None], points_input[:, permutation], points_input)
    sign = 1 - 2 * flipped.float()
    euler = torch.stack([euler[:, 0], euler[:, 1] * sign, euler[:, 2] * sign - torch.rad2deg(angle)], dim=1)
    images = warp(squares, affine, size)
    for change in APPEARANCE:
        images = change(images, config, generator)
    return images, points_input, euler


def jitter_color(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation, hue, gray and channel shift: one 3 x 3 matrix and one offset a face."""
    batch, device = len(images), images.device
    brightness = 1 + _uniform(batch, config.brightness, generator, device)
    contrast = 1 + _uniform(batch, config.contrast, generator, device)
    saturation = 1 + _uniform(batch, config.saturation, generator, device)
    saturation = torch.where(_chance(batch, config.gray, generator, device), 0.0, saturation)
    hue = torch.deg2rad(_uniform(batch, config.hue, generator, device))
    luma = torch.tensor(_LUMA, device=device)
    to_gray = luma.expand(3, 3)  # every output channel is the luma
    color = saturation[:, None, None] * (torch.eye(3, device=device) - to_gray)  # what is not gray
    matrix = (to_gray + _gray_axis_rotation(hue) @ color) * (brightness * contrast)[:, None, None]
    mean = images.mean(dim=(2, 3)) @ luma  # (B,) mean luma; contrast moves values away from it
    offset = (brightness * (1 - contrast) * mean)[:, None, None].expand(batch, 3, 1)
    if config.channel_shift > 0:
        offset = offset + _uniform(3 * batch, config.channel_shift, generator, device).view(batch, 3, 1)
    height, width = images.shape[2:]
    mixed = torch.baddbmm(offset, matrix, images.reshape(batch, 3, -1))
    return mixed.clamp_(0, 1).reshape(batch, 3, height, width)


def blur(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Gaussian blur of some faces, separable, each with its own sigma in input pixels."""
    chosen = _chance(len(images), config.blur, generator, images.device).nonzero()[:, 0]
    count = len(chosen)
    if count == 0:
        return images
    sigma = 0.3 + (config.blur_sigma - 0.3) * torch.rand(count, 1, generator=generator, device=images.device)
    taps = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=images.device)
    kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, dim=0)  # (count * 3, taps)
    some = images[chosen].flatten(0, 1)[None]  # (1, count * 3, R, R)
    some = F.pad(some, [_BLUR_RADIUS] * 4, mode="replicate")
    some = F.conv2d(some, kernel[:, None, None, :], groups=count * 3)
    some = F.conv2d(some, kernel[:, None, :, None], groups=count * 3)
    return images.index_copy(0, chosen, some[0].unflatten(0, (count, 3)))


def add_noise(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Gray Gaussian noise on some faces, each with its own strength."""
    chosen = _chance(len(images), config.noise, generator, images.device).nonzero()[:, 0]
    if len(chosen) == 0:
        return images
    device, (height, width) = images.device, images.shape[2:]
    sigma = config.noise_sigma * torch.rand(len(chosen), 1, 1, 1, generator=generator, device=device)
    noise = torch.randn(len(chosen), 1, height, width, generator=generator, device=device)
    return images.index_copy(0, chosen, (images[chosen] + sigma * noise).clamp_(0, 1))


def cover(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """A rectangle of one color or of another picture over some faces (random erasing), black bars at some sides."""
    batch, size, device = len(images), images.shape[-1], images.device
    color = torch.rand(batch, 3, 1, 1, generator=generator, device=device)
    extent = config.erasing_side * torch.rand(batch, 2, generator=generator, device=device)
    extent = torch.where(_chance(batch, config.erasing, generator, device)[:, None], extent, 0.0)
    center = torch.rand(batch, 2, generator=generator, device=device)
    ticks = (torch.arange(size, device=device) + 0.5) / size
    inside = ((ticks - center[..., None]).abs() < extent[..., None] / 2).float()  # (B, 2, R) columns and rows
    rectangle = (inside[:, 1, :, None] * inside[:, 0, None, :])[:, None]  # (B, 1, R, R)
    textured = _chance(batch, config.erasing_texture, generator, device)[:, None, None, None]
    filling = torch.where(textured, images.roll(1, dims=0), color)
    images = torch.lerp(images, filling, rectangle)  # weights of 0 and 1: exact, and faster than torch.where
    if config.border == 0:
        return images
    width = config.border_width * torch.rand(batch, 4, generator=generator, device=device)
    width = torch.where(_chance(batch * 4, config.border, generator, device).view(batch, 4), width, 0.0)
    left, top, right, bottom = width[..., None].unbind(dim=1)  # (B, 1) each
    columns = ((ticks >= left) & (ticks <= 1 - right)).float()  # (B, R) that stay open
    rows = ((ticks >= top) & (ticks <= 1 - bottom)).float()
    return images * (rows[:, :, None] * columns[:, None, :])[:, None]


# What changes the picture and not the points, in this order.
APPEARANCE = (jitter_color, blur, add_noise, cover)


def _random_affine(
    batch: int,
    crop: tuple[float, float, float],
    config: AugmentationConfig,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[Tensor, Tensor, Tensor]:
    """Maps (B, 2, 3) from the unit square to the input frame, the clockwise angles in radians, and who is mirrored."""
    angle = _uniform(batch, 1.0, generator, device)
    angle = math.radians(config.rotation) * angle * angle.abs().sqrt()  # most heads are tilted little, a few very much
    scale = torch.exp(_uniform(batch, config.scale, generator, device)) / crop[2]
    flipped = _chance(batch, config.flip, generator, device)
    mirror = 1 - 2 * flipped.float()
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    linear = torch.stack([torch.stack([cos * mirror, -sin], -1), torch.stack([sin * mirror, cos], -1)], 1)  # (B, 2, 2)
    center = torch.tensor(crop[:2], device=device)[:, None]
    shift = 0.5 + config.shift * (2 * torch.rand(batch, 2, 1, generator=generator, device=device) - 1)
    return torch.cat([linear, shift - linear @ center], dim=-1), angle, flipped


def _gray_axis_rotation(angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) of RGB space about its gray axis (Rodrigues' formula)."""
    axis = torch.full((3, 3), 1 / 3, device=angle.device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device) / math.sqrt(3)
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    return cos * torch.eye(3, device=angle.device) + sin * cross + (1 - cos) * axis


def _uniform(count: int, half_range: float, generator: torch.Generator, device: torch.device) -> Tensor:
    return half_range * (2 * torch.rand(count, generator=generator, device=device) - 1)


def _chance(count: int, probability: float, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(count, generator=generator, device=device) < probability
