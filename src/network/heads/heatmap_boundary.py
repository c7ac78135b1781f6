"""Heat maps of points and boundaries: the face's contour lines are learned together with its points.

Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", 2018. The adaptive wing loss trains the
boundary maps, as in the published STAR system; here they only improve the features that the points are read from.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from src.markup import CONTOURS, NUM_POINTS, POINT_SETS
from src.network.heads.heatmap import HeatmapHead
from src.network.heads.pyramid import PYRAMID_OPTIONS
from src.network.losses import Criterion, adaptive_wing

_SIGMA = 1.0  # cells: width of a line
_WEIGHT = 1.0  # of the lines' loss, a mean over the cells, relative to the points' loss in percent


class HeatmapBoundaryHead(HeatmapHead):
    """HeatmapHead with one further map for each line of `CONTOURS` between its points."""

    options = PYRAMID_OPTIONS
    any_size = False  # the lines are drawn into maps of `input_size`

    def __init__(
        self, channels: tuple[int, ...], input_size: int, *, points: int = NUM_POINTS, **pyramid: object
    ) -> None:
        super().__init__(channels, input_size, points=points, **pyramid)
        place = {point: index for index, point in enumerate(POINT_SETS[points])}
        contours = [contour for contour in CONTOURS if contour[0] in place]  # a set holds all of a line or none of it
        self.boundaries = nn.Conv2d(self.maps.in_channels, len(contours), kernel_size=1)
        lines = [[(place[start], place[end]) for start, end in _pairs(*contour)] for contour in contours]
        self.segments = [len(line) for line in lines]
        ends = torch.tensor([pair for line in lines for pair in line]).T  # (2, 63) points
        self.register_buffer("ends", ends, persistent=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns raw (B, 68 + 9, side, side): logits of the points' and of the lines' cells."""
        features = self.features(maps)
        return torch.cat([self.maps(features), self.boundaries(features)], dim=1)

    def encode_boundaries(self, points_input: Tensor) -> Tensor:
        """points_input (B, 68, 2) -> (B, 9, side, side), 1 on a line, falling off as a Gaussian of the distance."""
        cells = torch.cartesian_prod(self.centers, self.centers).flip(1)  # (side^2, 2) x, y
        start, end = points_input[:, self.ends].unbind(dim=1)  # (B, 63, 2)
        along, offset = (end - start)[:, :, None], cells - start[:, :, None]  # (B, 63, side^2, 2)
        share = (offset * along).sum(dim=3) / along.square().sum(dim=3).clamp(min=1e-12)
        apart = (offset - share.clamp(0, 1)[..., None] * along).square().sum(dim=3)  # (B, 63, side^2)
        nearest = torch.stack([line.amin(dim=1) for line in apart.split(self.segments, dim=1)], dim=1)
        width = _SIGMA * (self.centers[1] - self.centers[0])
        return torch.exp(-0.5 * nearest / width**2).unflatten(2, (len(self.centers), -1))

    def decode(self, raw: Tensor) -> Tensor:
        """raw -> points_input (B, 68, 2), from the points' maps alone."""
        return super().decode(raw[:, : self.maps.out_channels])

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """The points' loss plus the adaptive wing loss of the lines, one value per face (B,)."""
        count = self.maps.out_channels
        points = super().loss(raw[:, :count], points_input, criterion)
        error = adaptive_wing(raw[:, count:].float().sigmoid(), self.encode_boundaries(points_input))
        return points + _WEIGHT * error.mean(dim=(1, 2, 3))


def _pairs(first: int, last: int, closed: bool) -> Iterator[tuple[int, int]]:
    """Pairs of points joined by a contour's segments."""
    return pairwise([*range(first, last + 1), first] if closed else range(first, last + 1))
