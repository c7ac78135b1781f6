"""Color and light: brightness, contrast, saturation, hue, gray and channel shift in one step; light from a side."""

import math

import torch
from torch import Tensor

from src.augmentation.chance import chance, uniform
from src.config import AugmentationConfig
from src.transforms import LUMA


def jitter_color(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation, hue, gray and channel shift: one 3 x 3 matrix and one offset per face."""
    batch, device = len(images), images.device
    brightness = 1 + uniform(batch, config.brightness, generator, device)
    contrast = 1 + uniform(batch, config.contrast, generator, device)
    saturation = 1 + uniform(batch, config.saturation, generator, device)
    saturation = torch.where(chance(batch, config.gray, generator, device), 0.0, saturation)
    hue = torch.deg2rad(uniform(batch, config.hue, generator, device))
    luma = torch.tensor(LUMA, device=device)
    to_gray = luma.expand(3, 3)  # every output channel is the luma
    color = saturation[:, None, None] * (torch.eye(3, device=device) - to_gray)  # the part that is not gray
    matrix = (to_gray + _gray_axis_rotation(hue) @ color) * (brightness * contrast)[:, None, None]
    mean = images.mean(dim=(2, 3)) @ luma  # (B,) mean luma; contrast moves values away from it
    offset = (brightness * (1 - contrast) * mean)[:, None, None].expand(batch, 3, 1)
    if config.channel_shift > 0:
        offset = offset + uniform(3 * batch, config.channel_shift, generator, device).view(batch, 3, 1)
    height, width = images.shape[2:]
    mixed = torch.baddbmm(offset, matrix, images.reshape(batch, 3, -1))
    return mixed.clamp_(0, 1).reshape(batch, 3, height, width)


def shade(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Light from a random side of each picture: brighter there, darker on the opposite side."""
    if config.shade == 0:
        return images
    batch, size, device = len(images), images.shape[-1], images.device
    strength = uniform(batch, config.shade / 2, generator, device)
    angle = uniform(batch, math.pi, generator, device)
    ticks = (2 * torch.arange(size, device=device) + 1) / size - 1
    columns = torch.exp((strength * angle.cos())[:, None] * ticks)  # (B, R)
    rows = torch.exp((strength * angle.sin())[:, None] * ticks)
    return (images * (rows[:, :, None] * columns[:, None, :])[:, None]).clamp(0, 1)


def _gray_axis_rotation(angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) of RGB space about its gray axis (Rodrigues' formula)."""
    axis = torch.full((3, 3), 1 / 3, device=angle.device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device) / math.sqrt(3)
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    return cos * torch.eye(3, device=angle.device) + sin * cross + (1 - cos) * axis
