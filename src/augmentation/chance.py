"""Random numbers for a batch, one per face, from the passed generator alone."""

import torch
from torch import Tensor


def uniform(count: int, half_range: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """(count,) between -half_range and half_range."""
    return half_range * (2 * torch.rand(count, generator=generator, device=device) - 1)


def chance(count: int, probability: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """(count,) bool, true with this probability."""
    return torch.rand(count, generator=generator, device=device) < probability


def chosen(count: int, probability: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """Indices of the faces to transform, each chosen with this probability."""
    return chance(count, probability, generator, device).nonzero()[:, 0]


def rand(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """A tensor of this shape, uniform in [0, 1)."""
    return torch.rand(shape, generator=generator, device=device)
