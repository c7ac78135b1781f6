"""Coordinate classification: one distribution over fine bins for x and another for y.

Li et al., "SimCC: A Simple Coordinate Classification Perspective for Human Pose Estimation", 2022. The mean replaces
its argmax (Sun et al., "Integral Human Pose Regression", 2018): exact between bins, and differentiable.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.markup import NUM_POINTS
from src.network.backbones.staged import STRIDES
from src.network.heads.head import Head
from src.network.heads.pyramid import PYRAMID_OPTIONS, Pyramid, coarsest_level, grid_side
from src.network.layers import conv_step
from src.network.losses import Criterion

_CELLS = 12  # per side, at least; every cell is connected to every bin, so finer maps cost weights
_WIDTH = 96  # channels of the pyramid
_BINS_PER_PIXEL = 2
_SIGMA = 6 / 512  # of the input's side: width of the target Gaussian, the paper's 6 of 512 bins
_MARGIN = 0.05  # of the input's side, beyond each border: a Gaussian cut off at the border would have another mean


class SimccHead(Head):
    """One small map per point; a linear layer shared by all points turns it into the logits of both axes."""

    options = PYRAMID_OPTIONS

    def __init__(
        self, channels: tuple[int, ...], input_size: int, *, points: int = NUM_POINTS, **pyramid: object
    ) -> None:
        super().__init__()
        self.level = coarsest_level(input_size, cells=_CELLS)
        side = grid_side(input_size, STRIDES[self.level])
        bins = round(_BINS_PER_PIXEL * input_size * (1 + 2 * _MARGIN))
        self.pyramid = Pyramid(channels[self.level :], _WIDTH, **pyramid)
        self.smooth = conv_step(_WIDTH, _WIDTH, kernel_size=5, groups=_WIDTH)
        self.points = nn.Conv2d(_WIDTH, points, kernel_size=1)
        self.axes = nn.Linear(side**2, 2 * bins)
        centers = (torch.arange(bins) + 0.5) / bins * (1 + 2 * _MARGIN) - _MARGIN
        self.register_buffer("centers", centers, persistent=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns raw (B, 68, 2, bins), logits of x and of y."""
        points = self.points(self.smooth(self.pyramid(maps[self.level :])))  # (B, 68, side, side)
        return self.axes(points.flatten(2)).unflatten(2, (2, -1))

    def encode(self, points_input: Tensor) -> Tensor:
        """points_input (B, 68, 2) -> target log-probabilities (B, 68, 2, bins), whose mean position is the point."""
        offsets = (self.centers - points_input[..., None]) / _SIGMA
        return (-0.5 * offsets.square()).log_softmax(dim=-1)

    def decode(self, raw: Tensor) -> Tensor:
        """raw (B, 68, 2, bins) -> points_input (B, 68, 2), the mean position under the softmax."""
        # A product and a sum, not a matrix product, whose result mixed precision would round to 8 bits.
        return (raw.float().softmax(dim=-1) * self.centers).sum(dim=-1)

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """The coordinates' loss plus the divergence from the encoded target, one value per face (B,)."""
        coordinates = criterion(self.decode(raw), points_input).mean(dim=1)
        return coordinates + self.divergence(raw, self.encode(points_input))

    def divergence(self, raw: Tensor, other: Tensor) -> Tensor:
        """Kullback-Leibler divergence from another's bins (raw as well), of x plus of y, one value per face (B,)."""
        target, log_probability = (bins.float().log_softmax(dim=-1) for bins in (other, raw))
        divergence = F.kl_div(log_probability, target, reduction="none", log_target=True)  # (B, 68, 2, bins)
        return divergence.sum(dim=(2, 3)).mean(dim=1)
