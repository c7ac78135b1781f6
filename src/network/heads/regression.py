"""Direct regression of coordinates from several scales.

Guo et al., "PFLD: A Practical Facial Landmark Detector", 2019.
"""

import torch
from torch import Tensor, nn

from src.markup import MEAN_SHAPE, NUM_POINTS, POINT_SETS
from src.network.backbones.staged import STRIDES
from src.network.heads.head import Head
from src.network.heads.pyramid import grid_side
from src.network.layers import conv_step
from src.network.losses import Criterion

_REDUCED = 64  # input channels of the full-extent convolution
_GLOBAL = 256  # its output channels
_TYPICAL_SIDE = 0.57  # of the input: the longer side of the mean face that the untrained head predicts
_TYPICAL_CENTER = 0.55  # of the input: the height of its center


class RegressionHead(Head):
    """PFLD's three descriptors in one linear layer: strides 16 and 32 pooled, and a full-extent convolution."""

    def __init__(self, channels: tuple[int, ...], input_size: int, *, points: int = NUM_POINTS) -> None:
        super().__init__()
        side = grid_side(input_size, STRIDES[-1])
        self.reduce = conv_step(channels[-1], _REDUCED, kernel_size=1)
        self.full_extent = conv_step(_REDUCED, _GLOBAL, kernel_size=side, padding=0)
        self.linear = nn.Linear(channels[-2] + channels[-1] + _GLOBAL, 2 * points)
        nn.init.normal_(self.linear.weight, std=0.001)
        with torch.no_grad():
            self.linear.bias.copy_(mean_face()[list(POINT_SETS[points])].flatten())

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns raw (B, 136), coordinates in the input frame."""
        fine = maps[-2].mean(dim=(2, 3))  # (B, C16)
        coarse = maps[-1].mean(dim=(2, 3))  # (B, C32)
        extent = self.full_extent(self.reduce(maps[-1])).flatten(1)  # (B, 256)
        descriptors = torch.cat([fine, coarse, extent], dim=1).float()
        with torch.autocast(descriptors.device.type, enabled=False):  # bfloat16 has steps of 0.4 % at 0.5
            return self.linear(descriptors)

    def decode(self, raw: Tensor) -> Tensor:
        """raw (B, 136) -> points_input (B, 68, 2)."""
        return raw.unflatten(1, (-1, 2))

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """Mean over the points, one value per face (B,)."""
        return criterion(self.decode(raw), points_input).mean(dim=1)


def mean_face() -> Tensor:
    """The frontal mean shape, (68, 2) in the input frame, so that training starts from a face and not from a corner."""
    flat = torch.tensor(MEAN_SHAPE[:, :2] * [1, -1], dtype=torch.float32)
    low, high = flat.amin(dim=0), flat.amax(dim=0)
    return (flat - (low + high) / 2) / (high - low).max() * _TYPICAL_SIDE + torch.tensor([0.5, _TYPICAL_CENTER])
