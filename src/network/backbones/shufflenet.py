"""ShuffleNetV2 (Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018).

torchvision's network without its last, classification-only convolution, and with a faster shuffle.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.shufflenetv2 import InvertedResidual

from src.network.backbones.staged import StagedBackbone, split_by_stride


class Unit(InvertedResidual):
    """torchvision's unit with a shuffle that keeps the channels-last memory format.

    torchvision's own shuffle moves the channels first, so every following layer and its gradient must move them back.
    """

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> (B, C', H', W'); a unit of stride 1 keeps its shape."""
        kept, changed = features.chunk(2, dim=1) if self.stride == 1 else (self.branch1(features), features)
        return _shuffled(torch.cat([kept, self.branch2(changed)], dim=1))


def shufflenet_v2_x0_5() -> StagedBackbone:
    return _staged(models.shufflenet_v2_x0_5)


def shufflenet_v2_x1_0() -> StagedBackbone:
    return _staged(models.shufflenet_v2_x1_0)


def shufflenet_v2_x1_5() -> StagedBackbone:
    return _staged(models.shufflenet_v2_x1_5)


def _staged(build: Callable[..., models.ShuffleNetV2]) -> StagedBackbone:
    network = build(weights=None, inverted_residual=Unit)
    return split_by_stride(
        nn.Sequential(network.conv1, network.maxpool, network.stage2, network.stage3, network.stage4)
    )


def _shuffled(features: Tensor) -> Tensor:
    """Features (B, C, H, W) with the channels of the first and the second half interleaved."""
    halves = features.permute(0, 2, 3, 1).unflatten(3, (2, -1))  # (B, H, W, 2, C / 2)
    return halves.transpose(3, 4).flatten(3).permute(0, 3, 1, 2)
