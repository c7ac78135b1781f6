"""Pixel-in-pixel regression: every cell of a coarse grid votes for the points in it and for their neighbors.

Jin et al., "Pixel-in-Pixel Net: Towards Efficient Facial Landmark Detection in the Wild" (PIPNet), 2021.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.config import ModelConfig
from src.errors import InputError
from src.markup import MEAN_SHAPE, NUM_POINTS, POINT_SETS
from src.network.backbones.staged import STRIDES
from src.network.heads.head import Head
from src.network.heads.pyramid import PYRAMID_OPTIONS, Pyramid, coarsest_level, grid_side
from src.network.layers import conv_step
from src.network.losses import Criterion

# The paper's best grid is 8 x 8: stride 32 at 256 px. At 112 px that stride leaves 4 x 4 cells, each 28 % of the side,
# so the stride depends on the input size: it gives the grid whose ratio to 8 x 8 is nearest to 1 (7 x 7 at stride 16
# for 112 px), and the pyramid adds the coarser maps.
_CELLS = 6  # per side, at least
_WIDTH = 256  # channels that the votes are read from


class PipHead(Head):
    """For each point, maps of the score that a cell holds it, of its offset there, and of its neighbors' offsets.

    Offsets are measured from the cell's center, in cells, so that the untrained head is at most half a cell off. V is
    the number of votes cast by a point's cell: one for the point itself and one for each neighbor. Raises InputError
    for more neighbors than there are other points.
    """

    options = PYRAMID_OPTIONS | {"pip_neighbors", "pip_score_weight", "pip_offset_weight"}

    def __init__(
        self,
        channels: tuple[int, ...],
        input_size: int,
        *,
        points: int = NUM_POINTS,
        pip_neighbors: int = ModelConfig.pip_neighbors,
        pip_score_weight: float = ModelConfig.pip_score_weight,
        pip_offset_weight: float = ModelConfig.pip_offset_weight,
        **pyramid: object,
    ) -> None:
        super().__init__()
        if not 0 <= pip_neighbors < points:
            raise InputError(f"expected 0 to {points - 1} neighbors of a point, found {pip_neighbors}")
        self.votes = 1 + pip_neighbors
        self.score_weight, self.offset_weight = pip_score_weight, pip_offset_weight
        self.level = coarsest_level(input_size, cells=_CELLS)
        self.side = grid_side(input_size, STRIDES[self.level])
        self.cell_size = STRIDES[self.level] / input_size
        self.pyramid = Pyramid(channels[self.level :], _WIDTH, **pyramid)
        self.smooth = conv_step(_WIDTH, _WIDTH, kernel_size=3, groups=_WIDTH)
        self.outputs = nn.Conv2d(_WIDTH, points * (1 + 2 * self.votes), kernel_size=1)
        nn.init.normal_(self.outputs.weight, std=0.001)
        nn.init.zeros_(self.outputs.bias)
        axis = (torch.arange(self.side) + 0.5) * self.cell_size
        candidates = _candidates(points, self.votes)
        weight, voters = _voters(candidates)
        self.register_buffer("centers", torch.cartesian_prod(axis, axis).flip(1), persistent=False)  # (cells, 2) x, y
        self.register_buffer("candidates", candidates, persistent=False)  # (68, V)
        self.register_buffer("voters", voters, persistent=False)  # (68, most votes that a point gets)
        self.register_buffer("voter_weight", weight, persistent=False)  # the same shape

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns raw (B, 68 * (1 + 2 V), side, side): per point, a score and V votes (x, y)."""
        return self.outputs(self.smooth(self.pyramid(maps[self.level :])))

    def encode(self, points_input: Tensor) -> Tensor:
        """points_input (B, 68, 2) -> the ideal raw output. A point outside the grid belongs to the nearest cell."""
        column, row = (points_input / self.cell_size).long().clamp(0, self.side - 1).unbind(-1)  # (B, 68)
        score = F.one_hot(row * self.side + column, self.side**2)[:, :, None].to(points_input.dtype)
        targets = points_input[:, self.candidates].unsqueeze(-1)  # (B, 68, V, 2, 1)
        offsets = (targets - self.centers.T) / self.cell_size  # (B, 68, V, 2, cells)
        maps = torch.cat([score, offsets.flatten(2, 3)], dim=2)  # (B, 68, 1 + 2 V, cells)
        return maps.flatten(1, 2).unflatten(2, (self.side, self.side))

    def decode(self, raw: Tensor) -> Tensor:
        """raw -> points_input (B, 68, 2): the mean of all votes for a point, each from its best-scored cell."""
        score, offsets = self._split(raw)
        votes = self._votes(offsets, score.argmax(dim=2)).flatten(1, 2)  # (B, 68 * V, 2)
        return (votes[:, self.voters] * self.voter_weight[..., None]).sum(dim=2)

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """Squared error of the scores plus the criterion of the votes in the true cell, one value per face (B,)."""
        score, offsets = self._split(raw)
        target_score, target_offsets = self._split(self.encode(points_input))
        cell = target_score.argmax(dim=2)
        votes, targets = self._votes(offsets, cell), self._votes(target_offsets, cell)  # (B, 68, V, 2)
        error = criterion(votes[:, :, 0], targets[:, :, 0]).mean(dim=1)
        if self.votes > 1:
            error = error + criterion(votes[:, :, 1:].flatten(1, 2), targets[:, :, 1:].flatten(1, 2)).mean(dim=1)
        # The criteria are in percent of the input, the paper's in cells: this keeps the paper's balance on every grid.
        weight = self.score_weight * 100 * self.cell_size
        return self.offset_weight * error + weight * (score - target_score).square().mean(dim=(1, 2))

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Score (B, 68, cells) and offsets (B, 68, 2 V, cells), in float32 whatever the network computes in."""
        maps = raw.float().flatten(2).unflatten(1, (-1, 1 + 2 * self.votes))
        return maps[:, :, 0], maps[:, :, 1:]

    def _votes(self, offsets: Tensor, cell: Tensor) -> Tensor:
        """Positions (B, 68, V, 2) in the input frame that the given cell (B, 68) of each point votes for."""
        index = cell[..., None, None].expand(-1, -1, 2 * self.votes, 1)
        chosen = offsets.gather(3, index).squeeze(3).unflatten(2, (self.votes, 2))  # (B, 68, V, 2)
        return self.centers[cell][:, :, None] + self.cell_size * chosen


def _candidates(points: int, votes: int) -> Tensor:
    """(68, votes): each point followed by its neighbors on the frontal mean face, nearest first."""
    flat = torch.tensor(MEAN_SHAPE[list(POINT_SETS[points]), :2])
    apart = torch.cdist(flat, flat).fill_diagonal_(-1)  # each point comes first in its own row
    return apart.topk(votes, largest=False).indices


def _voters(candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and index, both (68, most votes), of the votes for each point among all 68 * V; its weights sum to 1.

    Points have different numbers of votes, so rows are padded with votes of weight 0.
    """
    is_for = candidates.flatten() == torch.arange(len(candidates))[:, None]  # (68, 68 * V)
    count = is_for.sum(dim=1)
    weight, index = (is_for / count[:, None]).topk(int(count.max()))
    return weight, index
