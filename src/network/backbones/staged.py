"""A backbone split into four stages, with strides 4, 8, 16 and 32."""

import torch
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)


class StagedBackbone(nn.Module):
    """Four stages run in sequence; every stage's output is a feature map. `channels` lists their widths."""

    def __init__(self, stages: list[nn.Module], channels: list[int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """images: (B, 3, R, R). Returns maps (B, channels[i], R / STRIDES[i], R / STRIDES[i]), rounded up."""
        maps = []
        for stage in self.stages:
            images = stage(images)
            maps.append(images)
        return maps


def split_by_stride(layers: nn.Sequential) -> StagedBackbone:
    """Split a classification network's feature layers after the last layer of each stride in STRIDES."""
    side = 64
    cuts, channels = {}, {}
    was_training = layers.training
    layers.eval()
    with torch.no_grad():
        features = torch.zeros(1, 3, side, side)
        for index, layer in enumerate(layers):
            features = layer(features)
            cuts[side // features.shape[-1]] = index + 1
            channels[side // features.shape[-1]] = features.shape[1]
    layers.train(was_training)
    ends = [cuts[stride] for stride in STRIDES]
    starts = [0, *ends[:-1]]
    stages = [layers[start:end] for start, end in zip(starts, ends, strict=True)]
    return StagedBackbone(stages, [channels[stride] for stride in STRIDES])
