"""A light top-down feature pyramid: all scales are summed at the resolution of the finest.

Lin et al., "Feature Pyramid Networks for Object Detection", 2017.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from src.network.backbones.staged import STRIDES
from src.network.heads.attention import CoordinateRamp, build_attention

PYRAMID_OPTIONS = frozenset({"attention", "coord_conv"})  # fields of ModelConfig that every head with a pyramid takes


class Pyramid(nn.Module):
    """1x1 convolutions to a common width; each map is added to the enlarged sum of the coarser ones.

    Optionally, the cells' coordinates are added to the sum (`coord_conv`) and its channels are weighted (`attention`).
    """

    def __init__(
        self, channels: tuple[int, ...], width: int, *, attention: str = "none", coord_conv: bool = False
    ) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(incoming, width, kernel_size=1) for incoming in channels)
        self.place = CoordinateRamp(width) if coord_conv else nn.Identity()
        self.attention = build_attention(attention, width)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: as many as `channels`, finest first. Returns (B, width, H, W) of the finest map's size."""
        top = self.laterals[-1](maps[-1])
        for lateral, features in zip(self.laterals[-2::-1], maps[-2::-1], strict=True):
            top = lateral(features) + F.interpolate(top, size=features.shape[-2:], mode="nearest")
        return self.attention(self.place(top))


def grid_side(input_size: int, stride: int) -> int:
    """Cells per side of the backbone's map at a stride; the input may end inside the last cell."""
    return -(-input_size // stride)


def coarsest_level(input_size: int, *, cells: int) -> int:
    """Index of the coarsest stride whose map still has at least this many cells per side."""
    return max(index for index, stride in enumerate(STRIDES) if grid_side(input_size, stride) >= cells)
