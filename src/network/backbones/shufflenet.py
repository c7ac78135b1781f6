"""ShuffleNetV2 (Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018).

torchvision's network without its last, classification-only convolution.
"""

from torch import nn
from torchvision import models

from src.network.backbones.staged import StagedBackbone, split_by_stride


def shufflenet_v2_x0_5() -> StagedBackbone:
    return _staged(models.shufflenet_v2_x0_5(weights=None))


def shufflenet_v2_x1_0() -> StagedBackbone:
    return _staged(models.shufflenet_v2_x1_0(weights=None))


def shufflenet_v2_x1_5() -> StagedBackbone:
    return _staged(models.shufflenet_v2_x1_5(weights=None))


def _staged(network: models.ShuffleNetV2) -> StagedBackbone:
    return split_by_stride(
        nn.Sequential(network.conv1, network.maxpool, network.stage2, network.stage3, network.stage4)
    )
