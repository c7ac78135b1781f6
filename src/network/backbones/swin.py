"""Swin-T, a teacher (Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", 2021).

torchvision's network without its classifier. It has no batch normalization, so train it at a lower learning rate
(--base_lr 5e-4).
"""

import torch.nn.functional as F
from torch import Tensor

from src.network.backbones.staged import STRIDES, StagedBackbone

_WIDTH = 96  # of the first stage; each further one is twice as wide
_DEPTHS = [2, 2, 6, 2]


class SwinBackbone(StagedBackbone):
    """Stages that work on (B, H, W, C) maps; each output is normalized, as is usual for dense prediction."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """images: (B, 3, R, R). Returns maps (B, channels[i], R / STRIDES[i], R / STRIDES[i]), rounded up."""
        images = F.pad(images, [0, -images.shape[3] % STRIDES[0], 0, -images.shape[2] % STRIDES[0]])  # whole patches
        maps = super().forward(images)  # (B, H, W, C)
        # Without learned weights: 1x1 convolutions follow, and a head that skips a map would leave its weights unused.
        return [F.layer_norm(features, features.shape[-1:]).permute(0, 3, 1, 2) for features in maps]


def swin_t() -> SwinBackbone:
    from torchvision import models  # slow to import

    network = models.SwinTransformer(
        patch_size=[4, 4],
        embed_dim=_WIDTH,
        depths=_DEPTHS,
        num_heads=[3, 6, 12, 24],
        window_size=[7, 7],
        stochastic_depth_prob=0.0,  # it would draw from PyTorch's global generator
    )
    layers = network.features  # patches, blocks, then merging and blocks three times
    stages = [layers[start : start + 2] for start in range(0, len(layers), 2)]
    return SwinBackbone(stages, [_WIDTH << i for i in range(len(stages))])
