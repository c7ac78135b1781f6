"""PFLD's backbone (Guo et al., "PFLD: A Practical Facial Landmark Detector", 2019).

MobileNetV2's inverted residuals after a stem that keeps detail. The published table ends at stride 8; two more stages
add the strides that every head expects.
"""

from torch import nn

from src.network.backbones.staged import StagedBackbone
from src.network.layers import conv_step

# One row per stage after the stem: width, expansion, number of blocks. Each stage halves the map's sides.
_STAGES = ((64, 2, 5), (128, 2, 7), (128, 4, 4), (128, 4, 3))


def pfld() -> StagedBackbone:
    from torchvision.models.mobilenetv2 import InvertedResidual  # slow to import

    stages: list[nn.Module] = []
    incoming = 64
    for width, expansion, count in _STAGES:
        blocks = [
            InvertedResidual(incoming if i == 0 else width, width, stride=2 if i == 0 else 1, expand_ratio=expansion)
            for i in range(count)
        ]
        stages.append(nn.Sequential(*blocks))
        incoming = width
    stem = nn.Sequential(conv_step(3, 64, kernel_size=3, stride=2), conv_step(64, 64, kernel_size=3, groups=64))
    stages[0] = nn.Sequential(stem, *stages[0])
    return StagedBackbone(stages, [width for width, _, _ in _STAGES])
