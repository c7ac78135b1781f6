"""MobileOne and MobileViTv2, from the optional package timm, without their classifiers.

Vasu et al., "MobileOne: An Improved One millisecond Mobile Backbone", 2023: here in its training form, with its
parallel branches not yet merged. Mehta and Rastegari, "Separable Self-attention for Mobile Vision Transformers",
2022.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import needed
from src.network.backbones.staged import StagedBackbone, split_by_stride


class _RoundedUp(nn.Module):
    """A stage whose output is exactly half the input's size, rounded up.

    MobileViTv2 stretches maps with an odd side to the next even size and leaves them there; this undoes it.
    """

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / 2, W / 2), rounded up."""
        size = [-(-side // 2) for side in features.shape[2:]]
        features = self.stage(features)
        if list(features.shape[2:]) != size:
            features = F.interpolate(features, size=size, mode="bilinear", align_corners=True)
        return features


def mobileone_s1() -> StagedBackbone:
    return _staged("mobileone_s1")


def mobilevitv2_050() -> StagedBackbone:
    backbone = _staged("mobilevitv2_050")
    return StagedBackbone([backbone.stages[0], *map(_RoundedUp, backbone.stages[1:])], list(backbone.channels))


def _staged(name: str) -> StagedBackbone:
    timm = needed("timm", remedy=f"pip install timm, or take another backbone than {name}")
    # If the last weights of a block started at zero, its other weights would learn nothing in the first step.
    network = timm.create_model(name, zero_init_last=False)
    return split_by_stride(nn.Sequential(network.stem, *network.stages))
