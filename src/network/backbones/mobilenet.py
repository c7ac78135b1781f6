"""MobileNetV2 (Sandler et al., 2018) and MobileNetV3 (Howard et al., 2019): torchvision's networks without the last,
classification-only convolution.
"""

from torch import nn

from src.network.backbones.staged import StagedBackbone, split_by_stride


def mobilenet_v2() -> StagedBackbone:
    return _staged("mobilenet_v2")


def mobilenet_v3_small() -> StagedBackbone:
    return _staged("mobilenet_v3_small")


def mobilenet_v3_large() -> StagedBackbone:
    return _staged("mobilenet_v3_large")


def _staged(name: str) -> StagedBackbone:
    from torchvision import models  # slow to import

    backbone = split_by_stride(getattr(models, name)(weights=None).features[:-1])
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            # torchvision's 0.01 is meant for runs of 600 epochs; in ours the statistics would lag behind the weights.
            module.momentum = 0.1
    return backbone
