"""Heat maps from deconvolutions: Gaussian targets at stride 4, decoded with sub-cell accuracy.

The layout is that of a published entry to the challenge (ShuffleNetV2, 324-256-128-68 channels, 68 x 96 x 96 at 384 px,
sigma 4 cells), which follows Xiao et al., "Simple Baselines for Human Pose Estimation", 2018. Three things differ:
- The dense 4x4 deconvolutions are factored into a 1x1 and a depthwise one (Howard et al., "MobileNets", 2017): dense
  ones cost 10 MB and 7 GMACs at 384 px, and only one of our backbones would stay within the challenge's 15 MB.
- The backbone's last stage is used; the entry built it but never ran it.
- No ReLU after the maps and no integer argmax: the ReLU can die, and the argmax alone costs 0.4 % NME.
"""

import torch
from torch import Tensor, nn

from src.markup import NUM_POINTS
from src.network.backbones.staged import STRIDES
from src.network.heads.head import Head
from src.network.heads.pyramid import PYRAMID_OPTIONS, Pyramid, grid_side
from src.network.layers import conv_step
from src.network.losses import Criterion, adaptive_wing, map_l2

_WIDTHS = (324, 256, 128)  # channels of the two deconvolutions and of the convolution before the maps
_LEVEL = 2  # of the backbone's maps: stride 16, twice doubled to stride 4
_SIGMA = 1 / 24  # of the grid's side: the published 4 of 96 cells
_FLOOR = 1e-4  # values are raised to this before their logarithm is taken; a target is 1 at the point
_LEAST_CURVATURE = 0.25  # relative to the target's: maps up to twice as wide as their target are decoded exactly


class HeatmapDeconvHead(Head):
    """One Gaussian map per point at stride 4; the vertex of a parabola through its logarithm is the point."""

    options = PYRAMID_OPTIONS
    map_loss = staticmethod(map_l2)

    def __init__(
        self,
        channels: tuple[int, ...],
        input_size: int,
        *,
        points: int = NUM_POINTS,
        **pyramid: object,
    ) -> None:
        super().__init__()
        self.side = 4 * grid_side(input_size, STRIDES[_LEVEL])
        self.cell_size = STRIDES[0] / input_size
        self.sigma = max(_SIGMA * self.side, 1.0)  # cells
        self.step = round(self.sigma)  # cells between the samples that are decoded
        first, second, hidden = _WIDTHS
        self.pyramid = Pyramid(channels[_LEVEL:], first, **pyramid)
        self.layers = nn.Sequential(
            _doubling(first),
            nn.Conv2d(first, second, kernel_size=1, bias=False),
            _doubling(second),
            conv_step(second, second, kernel_size=3, groups=second),
            conv_step(second, hidden, kernel_size=1),
            nn.Conv2d(hidden, points, kernel_size=1),
        )
        self.register_buffer("cells", torch.arange(self.side), persistent=False)
        self.register_buffer("window", self.step * torch.arange(-1, 2), persistent=False)  # (3,)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns raw (B, 68, side, side), about 1 at the point and 0 far from it."""
        return self.layers(self.pyramid(maps[_LEVEL:]))

    def encode(self, points_input: Tensor) -> Tensor:
        """points_input (B, 68, 2) -> Gaussians (B, 68, side, side) centered at the points, not at their cells."""
        offsets = self.cells + 0.5 - (points_input / self.cell_size)[..., None]  # (B, 68, 2, side) in cells
        columns, rows = torch.exp(-0.5 * (offsets / self.sigma).square()).unbind(dim=2)
        return rows[..., :, None] * columns[..., None, :]

    def decode(self, raw: Tensor) -> Tensor:
        """raw (B, 68, side, side) -> points_input (B, 68, 2), one Newton step from the highest cell.

        The logarithm of a Gaussian is a parabola, so the step is exact wherever its three samples lie (Zhang et al.,
        "Distribution-Aware Coordinate Representation for Human Pose Estimation", 2020). They lie one sigma apart, where
        noise affects the vertex least, and each is the mean of three rows or columns.
        """
        values = raw.float().flatten(2)
        highest = values.argmax(dim=2)  # (B, 68)
        cell = torch.stack([highest % self.side, highest // self.side], dim=-1)  # (B, 68, 2) column, row
        cell = cell.clamp(self.step, self.side - 1 - self.step)  # the window stays on the map
        columns, rows = (cell[..., None] + self.window).unbind(dim=2)  # (B, 68, 3)
        index = rows[..., :, None] * self.side + columns[..., None, :]  # (B, 68, 3, 3)
        samples = values.gather(2, index.flatten(2)).clamp(min=_FLOOR).log().unflatten(2, (3, 3))
        profiles = torch.stack([samples.mean(dim=2), samples.mean(dim=3)], dim=2)  # (B, 68, 2, 3) along x, along y
        before, middle, after = profiles.unbind(dim=3)  # (B, 68, 2)
        least = _LEAST_CURVATURE * (self.step / self.sigma) ** 2
        shift = (after - before) / 2 / (2 * middle - before - after).clamp(min=least)
        # At most half a step from the highest cell, more from one that was moved away from the border.
        return (cell + 0.5 + self.step * shift.clamp(-2, 2)) * self.cell_size

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """Error of the maps divided by the Gaussian's area, one value per face (B,), independent of the resolution.

        The points' criterion is not used, because choosing the highest cell has no gradient.
        """
        return self.divergence(raw, self.encode(points_input))

    def divergence(self, raw: Tensor, other: Tensor) -> Tensor:
        """Error against other maps of the same shape, one value per face (B,)."""
        error = self.map_loss(raw.float(), other.float())  # (B, 68, side, side)
        return error.sum(dim=(2, 3)).mean(dim=1) / (2 * torch.pi * self.sigma**2)


class HeatmapAwingHead(HeatmapDeconvHead):
    """The same head, trained with the adaptive wing loss as its authors did."""

    map_loss = staticmethod(adaptive_wing)


def _doubling(width: int) -> nn.Sequential:
    """The depthwise half of a factored deconvolution: doubles the resolution, channel by channel."""
    return nn.Sequential(
        nn.ConvTranspose2d(width, width, kernel_size=4, stride=2, padding=1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
