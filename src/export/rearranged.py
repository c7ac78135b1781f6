"""Graph optimization for ONNX Runtime: the same function with fewer memory movements between convolutions.

ONNX Runtime computes convolutions in blocks of 16 channels and converts that layout for every operation that does not
support it or whose channels do not fill the blocks. So the first convolution is padded with channels of zeros, channel
shuffles are replaced by permuted weights, the pyramid enlarges its maps by whole factors, and borders are repeated in a
layout that the conversion yields at no cost.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.export.unshuffled import LANES, UnshuffledStage, reorder_inputs, zero_padded
from src.network.backbones.shufflenet import Unit
from src.network.backbones.staged import STRIDES, StagedBackbone
from src.network.folding import fold_normalizations
from src.network.heads.pyramid import Pyramid, grid_side
from src.network.model import LandmarkNet


def rearrange(model: LandmarkNet) -> None:
    """Rearrange a network in evaluation mode, in place, for inputs of its own size."""
    fold_normalizations(model)
    if _is_shufflenet(model.backbone):
        model.backbone = UnshuffledBackbone(model.backbone)
    has_pyramid = False
    for parent in list(model.head.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Pyramid):
                has_pyramid = True
                setattr(parent, name, WholeFactorPyramid(child, _orders(model.backbone), model.config.input_size))
            elif isinstance(child, nn.ReplicationPad2d):
                setattr(parent, name, RepeatedBorder(child))
    if not has_pyramid and isinstance(model.backbone, UnshuffledBackbone):
        model.backbone = RestoredBackbone(model.backbone)


class UnshuffledBackbone(StagedBackbone):
    """A ShuffleNetV2 without normalizations whose maps have their channels in another order, with zeros among them.

    orders: for each map, which original channel each of its channels is; -1 is a channel of zeros.
    """

    def __init__(self, backbone: StagedBackbone) -> None:
        (first, pool), *stages = backbone.stages
        conv, activation = first
        width = -(-conv.out_channels // LANES) * LANES
        made: list[nn.Module] = [nn.Sequential(zero_padded(conv, conv.in_channels, width), activation, pool)]
        orders = [[*range(conv.out_channels), *[-1] * (width - conv.out_channels)]]
        for (units,) in stages:
            made.append(UnshuffledStage(units, orders[-1]))
            orders.append(made[-1].order)
        super().__init__(made, list(backbone.channels))
        self.orders = orders


class RestoredBackbone(nn.Module):
    """An UnshuffledBackbone with its maps' original channel order, for heads that are not rearranged."""

    def __init__(self, backbone: UnshuffledBackbone) -> None:
        super().__init__()
        self.backbone, self.channels = backbone, backbone.channels
        for index, order in enumerate(backbone.orders):
            places = torch.tensor([order.index(channel) for channel in range(backbone.channels[index])])
            self.register_buffer(f"places_{index}", places, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = enumerate(self.backbone(images))
        return [features.index_select(1, self.get_buffer(f"places_{index}")) for index, features in maps]


class WholeFactorPyramid(nn.Module):
    """A Pyramid that doubles its maps; if the finer side is odd, a convolution drops the last row and column."""

    def __init__(self, pyramid: Pyramid, orders: list[list[int]], input_size: int) -> None:
        super().__init__()
        levels = len(pyramid.laterals)
        self.laterals = nn.ModuleList(map(reorder_inputs, pyramid.laterals, orders[-levels:]))
        self.place, self.attention = pyramid.place, pyramid.attention
        width = pyramid.laterals[0].out_channels
        sides = [grid_side(input_size, stride) for stride in STRIDES[-levels:-1]]  # all but the coarsest
        self.fits = nn.ModuleList(_without_last(width) if side % 2 else nn.Identity() for side in sides)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """As `Pyramid.forward`."""
        top = self.laterals[-1](maps[-1])
        finer = zip(self.laterals[-2::-1], maps[-2::-1], self.fits[::-1], strict=True)
        for lateral, features, fit in finer:
            top = lateral(features) + fit(F.interpolate(top, scale_factor=2, mode="nearest"))
        return self.attention(self.place(top))


class RepeatedBorder(nn.Module):
    """Replication padding, equal on all sides, that copies all channels of a cell at once."""

    def __init__(self, padding: nn.ReplicationPad2d) -> None:
        super().__init__()
        (self.border,) = set(padding.padding)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> (B, C, H + 2 border, W + 2 border)."""
        features = features.permute(0, 2, 3, 1)
        for dim in (1, 2):
            side = features.shape[dim]
            features = features.index_select(dim, torch.arange(-self.border, side + self.border).clamp(0, side - 1))
        return features.permute(0, 3, 1, 2)


def _is_shufflenet(backbone: nn.Module) -> bool:
    stage = backbone.stages[-1]
    is_nested = isinstance(stage, nn.Sequential) and len(stage) == 1 and isinstance(stage[0], nn.Sequential)
    return is_nested and all(isinstance(unit, Unit) for unit in stage[0])


def _orders(backbone: nn.Module) -> list[list[int]]:
    if isinstance(backbone, UnshuffledBackbone):
        return backbone.orders
    return [list(range(channels)) for channels in backbone.channels]


def _without_last(channels: int) -> nn.Conv2d:
    """A depthwise convolution that copies everything except the last row and column."""
    conv = nn.Conv2d(channels, channels, kernel_size=2, groups=channels)
    with torch.no_grad():
        conv.weight.zero_()[:, :, 0, 0] = 1
        conv.bias.zero_()
    return conv
