"""Channel groups, the units of structured pruning: channels inside one block, whose number affects no other block.

These are the channels between the two 1x1 convolutions of a ShuffleNetV2 or MobileNet block, and in the heat-map head
those of the pyramid and of the layer before the maps. The maps passed between blocks keep their width, so channel
shuffles and residual sums are not affected.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from src.errors import InputError
from src.network.backbones.shufflenet import Unit
from src.network.heads.heatmap import HeatmapHead

# Where blocks have channels of their own. torchvision's are known by name, because it is slow to import.
_BRANCHES = {
    f"{Unit.__module__}.Unit": "branch2",
    "torchvision.models.mobilenetv2.InvertedResidual": "conv",
    "torchvision.models.mobilenetv3.InvertedResidual": "block",
}
WIDEST = 4  # a group's largest width, as a multiple of the network's own


@dataclass(frozen=True)
class ChannelGroup:
    """A set of channels and the layers that produce them, process them one by one, or read them."""

    makers: tuple[nn.Conv2d, ...]
    channelwise: tuple[nn.Conv2d | nn.BatchNorm2d, ...]  # depthwise convolutions and normalizations
    readers: tuple[nn.Conv2d, ...]

    @property
    def width(self) -> int:
        """Number of channels."""
        return self.makers[0].out_channels

    @property
    def gate(self) -> nn.BatchNorm2d:
        """The last normalization before the channels are read: a zero scale and shift there removes a channel."""
        return [layer for layer in self.channelwise if isinstance(layer, nn.BatchNorm2d)][-1]

    def keep(self, channels: Tensor) -> None:
        """Remove, in place, all channels except those with these indices."""
        for maker in self.makers:
            maker.weight, maker.bias = _part(maker.weight, channels), _part(maker.bias, channels)
            maker.out_channels = len(channels)
        for layer in self.channelwise:
            layer.weight, layer.bias = _part(layer.weight, channels), _part(layer.bias, channels)
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean, layer.running_var = layer.running_mean[channels], layer.running_var[channels]
                layer.num_features = len(channels)
            else:
                layer.in_channels = layer.out_channels = layer.groups = len(channels)
        for reader in self.readers:
            reader.weight = _part(reader.weight, channels, dim=1)
            reader.in_channels = len(channels)

    def widen(self, width: int) -> None:
        """Add random channels, in place, up to `width`. Weights that read them start at zero: the output is kept."""
        for maker in self.makers:
            new = nn.Conv2d(maker.in_channels, width - maker.out_channels, 1, bias=maker.bias is not None)
            maker.weight, maker.bias = _joined(maker.weight, new.weight), _joined(maker.bias, new.bias)
            maker.out_channels = width
        for layer in self.channelwise:
            if isinstance(layer, nn.BatchNorm2d):
                new = nn.BatchNorm2d(width - layer.num_features)
                layer.running_mean = torch.cat([layer.running_mean, new.running_mean])
                layer.running_var = torch.cat([layer.running_var, new.running_var])
                layer.num_features = width
            else:
                count = width - layer.out_channels
                new = nn.Conv2d(count, count, layer.kernel_size, groups=count, bias=layer.bias is not None)
                layer.in_channels = layer.out_channels = layer.groups = width
            layer.weight, layer.bias = _joined(layer.weight, new.weight), _joined(layer.bias, new.bias)
        for reader in self.readers:
            new = torch.zeros_like(reader.weight[:, :1]).expand(-1, width - reader.in_channels, -1, -1)
            reader.weight = _joined(reader.weight, new, dim=1)
            reader.in_channels = width


def channel_groups(network: nn.Module) -> list[ChannelGroup]:
    """The prunable channel groups of a network, in a fixed order."""
    return list(_find(network))


def set_widths(network: nn.Module, widths: tuple[int, ...]) -> None:
    """Change the widths of a network's channel groups, in place: the first channels stay, new ones have no effect yet.

    Raises InputError for a wrong number of widths, and for one that is not from 1 to WIDEST times the group's own.
    """
    found = channel_groups(network)
    limits = [WIDEST * group.width for group in found]
    if len(widths) != len(found) or not all(0 < width <= most for width, most in zip(widths, limits, strict=True)):
        expected = ", ".join(map(str, limits))
        raise InputError(f"expected {len(found)} widths of at most {expected}; found {', '.join(map(str, widths))}")
    for width, group in zip(widths, found, strict=True):
        if width < group.width:
            group.keep(torch.arange(width))
        elif width > group.width:
            group.widen(width)


def _find(network: nn.Module) -> Iterator[ChannelGroup]:
    for module in network.modules():
        branch = _BRANCHES.get(f"{type(module).__module__}.{type(module).__name__}")
        if branch:
            yield from _of_block(getattr(module, branch))
        elif type(module) is HeatmapHead:  # not a subclass: that may read the channels elsewhere, too
            yield from _of_head(module)


def _of_block(branch: nn.Sequential) -> Iterator[ChannelGroup]:
    """1x1, depthwise, perhaps squeeze-and-excitation, 1x1; a block without the first has no channels of its own."""
    gates = [layer for layer in branch.modules() if type(layer).__name__ == "SqueezeExcitation"]  # torchvision's
    inside = {child for gate in gates for child in gate.modules()}
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    plain = [layer for layer in branch.modules() if isinstance(layer, kinds) and layer not in inside]
    expand, *between, project, _ = plain
    if expand.groups == 1:
        makers, readers = [expand, *(gate.fc2 for gate in gates)], [*(gate.fc1 for gate in gates), project]
        yield ChannelGroup(tuple(makers), tuple(between), tuple(readers))


def _of_head(head: HeatmapHead) -> Iterator[ChannelGroup]:
    """The pyramid's channels, unless CoordConv or attention reads them, too, and the channels before the maps."""
    if isinstance(head.pyramid.place, nn.Identity) and isinstance(head.pyramid.attention, nn.Identity):
        yield ChannelGroup(tuple(head.pyramid.laterals), (head.smooth[0], head.smooth[1]), (head.hidden[0],))
    yield ChannelGroup((head.hidden[0],), (head.hidden[1],), (head.maps,))


def _part(values: Tensor | None, channels: Tensor, *, dim: int = 0) -> nn.Parameter | None:
    return None if values is None else nn.Parameter(values.detach().index_select(dim, channels))


def _joined(values: Tensor | None, new: Tensor | None, *, dim: int = 0) -> nn.Parameter | None:
    return None if values is None else nn.Parameter(torch.cat([values, new], dim).detach())
