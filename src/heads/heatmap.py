"""Stride-4 heat maps with sub-pixel decoding: a light feature pyramid and a soft-argmax a point.

Feature pyramid: Lin et al., "Feature Pyramid Networks for Object Detection", 2017. Soft-argmax and the divergence that
keeps a map narrow: Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks" (DSNT), 2018.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from src.backbones.staged import STRIDES
from src.markup import NUM_POINTS

_PYRAMID = 96  # channels of the pyramid
_HIDDEN = 128  # channels before the maps
_SIGMA = 1.0  # cells: width of the target Gaussian
_DIVERGENCE = 1.0  # weight of the map's cross-entropy beside the coordinates' loss in percent


class HeatmapHead(nn.Module):
    """One map a point at stride 4; its probability-weighted mean position is the point, exact below a cell."""

    def __init__(self, channels: tuple[int, ...], input_size: int) -> None:
        super().__init__()
        side = -(-input_size // STRIDES[0])
        self.laterals = nn.ModuleList(nn.Conv2d(width, _PYRAMID, kernel_size=1) for width in channels)
        self.smooth = Conv2dNormActivation(_PYRAMID, _PYRAMID, kernel_size=5, groups=_PYRAMID)
        self.hidden = Conv2dNormActivation(_PYRAMID, _HIDDEN, kernel_size=1)
        self.maps = nn.Conv2d(_HIDDEN, NUM_POINTS, kernel_size=1)
        # A cell's center in the input frame; the input may end inside the last cell.
        centers = (torch.arange(side) + 0.5) * STRIDES[0] / input_size
        self.register_buffer("centers", centers, persistent=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns raw (B, 68, R / 4, R / 4), logits of each point's position."""
        top = self.laterals[-1](maps[-1])
        for lateral, features in zip(self.laterals[-2::-1], maps[-2::-1], strict=True):
            top = lateral(features) + F.interpolate(top, size=features.shape[-2:], mode="nearest")
        return self.maps(self.hidden(self.smooth(top)))

    def encode(self, points_input: Tensor) -> Tensor:
        """points_input (B, 68, 2) -> target probabilities (B, 68, side, side), whose mean position is the point."""
        width = _SIGMA * (self.centers[1] - self.centers[0])
        offsets = (self.centers - points_input[..., None]) / width  # (B, 68, 2, side)
        columns, rows = (-0.5 * offsets.square()).softmax(dim=-1).unbind(dim=2)
        return rows[..., :, None] * columns[..., None, :]

    def decode(self, raw: Tensor) -> Tensor:
        """raw (B, 68, side, side) -> points_input (B, 68, 2), the mean position under the softmax."""
        probability = raw.flatten(2).float().softmax(dim=-1).unflatten(2, raw.shape[2:])
        x = probability.sum(dim=2) @ self.centers  # (B, 68) from the columns' sums
        y = probability.sum(dim=3) @ self.centers
        return torch.stack([x, y], dim=-1)

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The coordinates' loss plus the maps' cross-entropy with the encoded target, one value a face (B,)."""
        coordinates = criterion(self.decode(raw), points_input).mean(dim=1)
        target = self.encode(points_input).flatten(2)
        log_probability = raw.flatten(2).float().log_softmax(dim=-1)
        return coordinates + _DIVERGENCE * -(target * log_probability).sum(dim=2).mean(dim=1)
