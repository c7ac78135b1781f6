"""Image corruptions: blur, noise, gamma, motion, low resolution, compression. Images are (B, 3, R, R) in [0, 1]."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from src.augmentation.chance import chosen, rand
from src.config import AugmentationConfig

_BLUR_RADIUS = 4  # taps to each side; enough for sigma <= 2 pixels
_GAMMA = (0.55, 3.3)  # exponents: brightest and darkest
_LONGEST_MOTION = 11.0  # input pixels
_MOTION_TAPS = 13  # per side of its kernel
_QUANTUM = (0.08, 0.6)  # quantization step of a block's middle frequency, of the full range: mild and strong
_SHRINK = (1.5, 4.5)  # factor by which the picture is downsampled
_BLOCK = 8  # pixels per side of a JPEG block


def blur(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Gaussian blur of some faces, separable, each with its own sigma in input pixels."""
    faces = chosen(len(images), config.blur, generator, images.device)
    count = len(faces)
    if count == 0:
        return images
    sigma = 0.3 + (config.blur_sigma - 0.3) * torch.rand(count, 1, generator=generator, device=images.device)
    taps = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=images.device)
    kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, dim=0)  # (count * 3, taps)
    some = images[faces].flatten(0, 1)[None]  # (1, count * 3, R, R)
    some = F.pad(some, [_BLUR_RADIUS] * 4, mode="replicate")
    some = F.conv2d(some, kernel[:, None, None, :], groups=count * 3)
    some = F.conv2d(some, kernel[:, None, :, None], groups=count * 3)
    return images.index_copy(0, faces, some[0].unflatten(0, (count, 3)))


def add_noise(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Gray Gaussian noise on some faces, each with its own strength."""
    faces = chosen(len(images), config.noise, generator, images.device)
    if len(faces) == 0:
        return images
    device, (height, width) = images.device, images.shape[2:]
    sigma = config.noise_sigma * torch.rand(len(faces), 1, 1, 1, generator=generator, device=device)
    noise = torch.randn(len(faces), 1, height, width, generator=generator, device=device)
    return images.index_copy(0, faces, (images[faces] + sigma * noise).clamp_(0, 1))


def degrade(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Apply each kind of DEGRADATIONS to a `share` of the faces, drawn anew for each kind: one face may get several."""
    for kind in DEGRADATIONS:
        faces = chosen(len(images), share, generator, images.device)
        if len(faces):
            images = images.index_copy(0, faces, kind(images[faces], generator))
    return images


def change_gamma(images: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma correction, from brightened shadows to a face in the dark."""
    low, high = (math.log(value) for value in _GAMMA)
    exponent = torch.exp(low + (high - low) * rand((len(images), 1, 1, 1), generator, images.device))
    return images.clamp(min=1e-4).pow(exponent)


def motion_blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Motion blur along a line of random direction and length."""
    count, device = len(images), images.device
    length = 2 + (_LONGEST_MOTION - 2) * rand((count, 1, 1), generator, device)
    angle = math.pi * rand((count, 1, 1), generator, device)
    ticks = torch.arange(_MOTION_TAPS, device=device) - (_MOTION_TAPS - 1) / 2
    along = ticks * torch.cos(angle) + ticks[:, None] * torch.sin(angle)  # (n, taps, taps)
    across = ticks[:, None] * torch.cos(angle) - ticks * torch.sin(angle)
    kernel = (1 - across.abs()).clamp(min=0) * ((length + 1) / 2 - along.abs()).clamp(0, 1)
    kernel = (kernel / kernel.sum(dim=(1, 2), keepdim=True)).repeat_interleave(3, dim=0)[:, None]
    padded = F.pad(images.flatten(0, 1)[None], [_MOTION_TAPS // 2] * 4, mode="replicate")
    return F.conv2d(padded, kernel, groups=3 * count)[0].unflatten(0, (count, 3))


def downsample(images: Tensor, generator: torch.Generator) -> Tensor:
    """Downsampled and enlarged again, by one factor for all faces, because a whole batch is resized at once."""
    low, high = _SHRINK
    factor = low + (high - low) * float(rand((1,), generator, images.device))
    side = max(8, round(images.shape[-1] / factor))
    small = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, size=images.shape[-2:], mode="bilinear")


def jpeg_blocks(images: Tensor, generator: torch.Generator) -> Tensor:
    """JPEG artifacts: each block's cosine transform, rounded more coarsely at higher frequencies (Wallace, 1991)."""
    device, size = images.device, images.shape[-1]
    filled = F.pad(images, [0, -size % _BLOCK] * 2, mode="replicate")
    blocks = filled.unflatten(3, (-1, _BLOCK)).unflatten(2, (-1, _BLOCK)).transpose(3, 4)  # (B, 3, rows, columns, 8, 8)
    low, high = _QUANTUM
    strength = low + (high - low) * rand((len(images), 1, 1, 1, 1, 1), generator, device)
    frequency = torch.arange(_BLOCK, device=device)
    quantum = strength * (1 + frequency + frequency[:, None]) / _BLOCK
    transform = _cosine_transform(device)
    spectrum = transform @ (blocks - 0.5) @ transform.T
    blocks = transform.T @ ((spectrum / quantum).round() * quantum) @ transform + 0.5
    return blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)[..., :size, :size].clamp(0, 1)


def _cosine_transform(device: torch.device) -> Tensor:
    """The orthonormal cosine transform (8, 8), one frequency per row."""
    frequency, place = torch.arange(_BLOCK, device=device)[:, None], torch.arange(_BLOCK, device=device)
    matrix = torch.cos(math.pi * frequency * (2 * place + 1) / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    return torch.cat([matrix[:1] / math.sqrt(2), matrix[1:]])


# f(images (n, 3, R, R), generator) -> the same faces, degraded. To add a kind, list its function here.
Degradation = Callable[[Tensor, torch.Generator], Tensor]
DEGRADATIONS: tuple[Degradation, ...] = (change_gamma, motion_blur, downsample, jpeg_blocks)
