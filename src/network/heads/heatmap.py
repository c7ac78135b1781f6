"""Heat maps at stride 4 or 8 with sub-pixel decoding: a light feature pyramid and a soft-argmax per point.

Soft-argmax, and the divergence that keeps a map narrow: Nibali et al., "Numerical Coordinate Regression with
Convolutional Neural Networks" (DSNT), 2018.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import InputError
from src.markup import NUM_POINTS
from src.network.backbones.staged import STRIDES
from src.network.heads.head import Head
from src.network.heads.pyramid import PYRAMID_OPTIONS, Pyramid, grid_side
from src.network.heads.shape_layer import ShapeLayer
from src.network.layers import conv_step
from src.network.losses import Criterion, star

_PYRAMID = 96  # channels of the pyramid
_HIDDEN = 128  # channels before the maps
_SIGMA = {4: 1.0, 8: 0.75}  # cells, by the maps' stride: width of the target Gaussian
_MARGIN = 2  # cells beyond each side: a mean position cannot reach the border of its own map
_DIVERGENCE = 1.0  # weight of the map's cross-entropy, relative to the coordinates' loss in percent


class HeatmapHead(Head):
    """One map per point; the probability-weighted mean position is the point, with sub-cell accuracy."""

    options = PYRAMID_OPTIONS | {"map_stride", "shape_layer"}
    any_size = True  # the layers are convolutions, and centers of cells are computed for any side
    last_layers = ("hidden", "maps", "shape")
    criteria = frozenset({"star"})

    def __init__(
        self,
        channels: tuple[int, ...],
        input_size: int,
        *,
        points: int = NUM_POINTS,
        map_stride: int = STRIDES[0],
        shape_layer: bool = False,
        **pyramid: object,
    ) -> None:
        """map_stride: input pixels per cell, 4 or 8; else raises InputError. shape_layer: see `ShapeLayer`."""
        super().__init__()
        if map_stride not in _SIGMA:
            raise InputError(f"expected heat maps of a stride of 4 or 8 pixels, found {map_stride}")
        self.stride, self.finest = map_stride, STRIDES.index(map_stride)
        self.pyramid = Pyramid(channels[self.finest :], _PYRAMID, **pyramid)
        self.margin = nn.ReplicationPad2d(_MARGIN)
        self.smooth = conv_step(_PYRAMID, _PYRAMID, kernel_size=5, groups=_PYRAMID)
        self.hidden = conv_step(_PYRAMID, _HIDDEN, kernel_size=1)
        self.maps = nn.Conv2d(_HIDDEN, points, kernel_size=1, bias=False)  # a softmax ignores a bias
        self.shape = ShapeLayer(points) if shape_layer else nn.Identity()
        centers = _centers(input_size, map_stride)  # (side,)
        self.register_buffer("centers", centers, persistent=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns logits (B, 68, side, side) of each point's cells; side = R / stride + 4."""
        return self.maps(self.features(maps))

    def features(self, maps: list[Tensor]) -> Tensor:
        """maps: strides 4 to 32. Returns the last layer's input, (B, 128, side, side)."""
        return self.hidden(self.smooth(self.margin(self.pyramid(maps[self.finest :]))))

    def encode(self, points_input: Tensor, side: int | None = None) -> Tensor:
        """points_input (B, 68, 2) -> target probabilities (B, 68, side, side), whose mean position is the point.

        side: of the maps, if the input has another size (`TrainingConfig.start_size`) than `input_size`.
        """
        centers = self._centers_of(side or len(self.centers))
        offsets = (centers - points_input[..., None]) / self._width(centers)  # (B, 68, 2, side)
        columns, rows = (-0.5 * offsets.square()).softmax(dim=-1).unbind(dim=2)
        return rows[..., :, None] * columns[..., None, :]

    def decode(self, raw: Tensor) -> Tensor:
        """raw (B, 68, side, side) -> points_input (B, 68, 2): mean position under the softmax, then the shape layer."""
        return self._points(_flat(raw).softmax(dim=-1), raw.shape[-1])

    def _points(self, probability: Tensor, side: int) -> Tensor:
        """probability (B, 68, side * side) -> points_input (B, 68, 2)."""
        with torch.autocast(probability.device.type, enabled=False):
            return self.shape(self._mean_position(probability, side))

    def _mean_position(self, probability: Tensor, side: int) -> Tensor:
        """The same before the shape layer: each map by itself."""
        centers = self._centers_of(side)
        return probability @ torch.cartesian_prod(centers, centers).flip(1)  # (side^2, 2) x, y of the cells, row by row

    def covariance(self, raw: Tensor) -> Tensor:
        """raw -> (B, 68, 3): each map's variance of x, covariance, variance of y; 1, 0, 1 for the target's Gaussian."""
        probability, centers = _flat(raw).softmax(dim=-1), self._centers_of(raw.shape[-1])
        with torch.autocast(probability.device.type, enabled=False):
            mean = self._mean_position(probability, len(centers))
        offsets = (centers - mean[..., None]) / self._width(centers)  # (B, 68, 2, side)
        columns, rows = offsets[:, :, 0, None, :], offsets[:, :, 1, :, None]
        products = (columns * columns, columns * rows, rows * rows)
        maps = probability.unflatten(2, raw.shape[2:])
        return torch.stack([(maps * product).sum(dim=(2, 3)) for product in products], dim=-1)

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """The coordinates' loss plus the maps' cross-entropy with the encoded target, one value per face (B,)."""
        side = raw.shape[-1]
        log_probability = _flat(raw).log_softmax(dim=-1)
        spread = (self.covariance(raw),) if criterion is star else ()
        coordinates = criterion(self._points(log_probability.exp(), side), points_input, *spread).mean(dim=1)
        target = self.encode(points_input, side).flatten(2)
        return coordinates + _DIVERGENCE * -(target * log_probability).sum(dim=2).mean(dim=1)

    def divergence(self, raw: Tensor, other: Tensor) -> Tensor:
        """Kullback-Leibler divergence from another's maps of the points (raw as well), one value per face (B,)."""
        points = self.maps.out_channels  # the raw output of a head with boundaries has more channels
        maps = (other[:, :points], raw[:, :points])
        target, log_probability = (_flat(logits).log_softmax(dim=-1) for logits in maps)
        return F.kl_div(log_probability, target, reduction="none", log_target=True).sum(dim=2).mean(dim=1)

    def _width(self, centers: Tensor) -> Tensor:
        """Standard deviation of a target's Gaussian, in the input frame."""
        return _SIGMA[self.stride] * (centers[1] - centers[0])

    def _centers_of(self, side: int) -> Tensor:
        """Centers (side,) of the cells of maps of any side; for another side than usual, the input has whole cells."""
        if side == len(self.centers):
            return self.centers
        return _centers((side - 2 * _MARGIN) * self.stride, self.stride).to(self.centers)


def _centers(input_size: int, stride: int) -> Tensor:
    """Centers (side,) of the cells along an axis, including the margin's, in the input frame."""
    cells = torch.arange(-_MARGIN, grid_side(input_size, stride) + _MARGIN)
    return (cells + 0.5) * stride / input_size


def _flat(raw: Tensor) -> Tensor:
    """raw -> (B, 68, side * side) in float32, whatever the network computes in."""
    return raw.flatten(2).float()
