"""ShuffleNetV2 (Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018).

Without its last, classification-only convolution. Weights have the names and the random values that torchvision's
network would give them, whose shuffle is slower (`Unit`) and which is slow to import (`src.network.layers`).
"""

import torch
from torch import Tensor, nn

from src.network.backbones.staged import StagedBackbone, split_by_stride
from src.network.layers import conv_step

_FIRST, _LAST, _CLASSES = 24, 1024, 1000  # channels of the first and the last convolution; outputs
_DEPTHS = (4, 8, 4)  # units per stage


class Unit(nn.Module):
    """A unit with a shuffle that keeps the channels-last memory format.

    A shuffle that moves the channels first, as torchvision's, makes every following layer and its gradient move them
    back.
    """

    def __init__(self, incoming: int, outgoing: int, stride: int) -> None:
        """stride: 1, where half of the channels pass unchanged, or 2."""
        super().__init__()
        self.stride, half = stride, outgoing // 2
        self.branch1 = (
            nn.Sequential() if stride == 1 else nn.Sequential(*_depthwise(incoming, 2), *_mixing(incoming, half))
        )
        self.branch2 = nn.Sequential(
            *_mixing(half if stride == 1 else incoming, half), *_depthwise(half, stride), *_mixing(half, half)
        )

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> (B, C', H', W'); a unit of stride 1 keeps its shape."""
        kept, changed = features.chunk(2, dim=1) if self.stride == 1 else (self.branch1(features), features)
        return _shuffled(torch.cat([kept, self.branch2(changed)], dim=1))


class Stage(nn.Sequential):
    """Units in sequence, trained in fewer copies: halves of a map are shuffled each where the next unit reads it.

    The same numbers and gradients, to the bit; a training step takes 0.93 of the time, TFLite files 1.3 times as long.
    """

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> (B, C', H / 2, W / 2), rounded up."""
        if not self.training:
            return super().forward(features)
        first, *others = self
        made = first.branch1(features), first.branch2(features)
        for unit in others:
            kept, changed = map(_interleaved, *(part.chunk(2, dim=1) for part in made))
            made = kept, unit.branch2(changed)
        return _interleaved(*made)


def shufflenet_v2_x0_5() -> StagedBackbone:
    return _staged(48, 96, 192)


def shufflenet_v2_x1_0() -> StagedBackbone:
    return _staged(116, 232, 464)


def shufflenet_v2_x1_5() -> StagedBackbone:
    return _staged(176, 352, 704)


def _staged(*widths: int) -> StagedBackbone:
    """The network of these widths per stage."""
    layers: list[nn.Module] = [conv_step(3, _FIRST, kernel_size=3, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]
    for incoming, width, depth in zip((_FIRST, *widths), widths, _DEPTHS, strict=False):
        units = [Unit(incoming, width, stride=2), *(Unit(width, width, stride=1) for _ in range(depth - 1))]
        layers.append(Stage(*units))
    torch.rand(widths[-1] * _LAST + (_LAST + 1) * _CLASSES)  # of what is left out, so that a seed's later weights stay
    return split_by_stride(nn.Sequential(*layers))


def _mixing(incoming: int, outgoing: int) -> nn.Sequential:
    """A 1x1 convolution across channels, normalization and activation."""
    return conv_step(incoming, outgoing, kernel_size=1)


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    """A 3x3 convolution of each channel by itself, and normalization."""
    conv = nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)
    return [conv, nn.BatchNorm2d(channels)]


def _shuffled(features: Tensor) -> Tensor:
    """Features (B, C, H, W) with the channels of the first and the second half interleaved."""
    halves = features.permute(0, 2, 3, 1).unflatten(3, (2, -1))  # (B, H, W, 2, C / 2)
    return halves.transpose(3, 4).flatten(3).permute(0, 3, 1, 2)


def _interleaved(first: Tensor, second: Tensor) -> Tensor:
    """Two maps (B, C, H, W) as one, (B, 2 C, H, W), with their channels in turns."""
    return torch.stack([part.permute(0, 2, 3, 1) for part in (first, second)], dim=4).flatten(3).permute(0, 3, 1, 2)
