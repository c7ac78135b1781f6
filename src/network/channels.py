"""Inner widths: the channels that a block makes for itself alone, and that can be removed without anyone else noticing.

These are the channels between the two 1x1 convolutions of a ShuffleNetV2 or MobileNet block, and in the heat-map head
those of the pyramid and of the layer before the maps. What passes between blocks keeps its width, so that a channel
shuffle or a residual sum never sees a change.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import mobilenetv2, mobilenetv3, shufflenetv2
from torchvision.ops import SqueezeExcitation

from src.errors import InputError
from src.network.heads.heatmap import HeatmapHead

_BRANCHES = {shufflenetv2.InvertedResidual: "branch2", mobilenetv2.InvertedResidual: "conv"}
_BRANCHES |= {mobilenetv3.InvertedResidual: "block"}


@dataclass(frozen=True)
class Inner:
    """One set of inner channels and all layers that see them: as outputs, one by one, or as inputs."""

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
        """Remove, in place, all channels but these (indices)."""
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


def inners(network: nn.Module) -> list[Inner]:
    """The prunable sets of channels of a network, in a fixed order."""
    return list(_find(network))


def set_widths(network: nn.Module, widths: tuple[int, ...]) -> None:
    """Narrow a new network, in place. Raises InputError for widths that are not this network's."""
    found = inners(network)
    if len(widths) != len(found) or not all(0 < n <= inner.width for n, inner in zip(widths, found, strict=True)):
        limits = ", ".join(str(inner.width) for inner in found)
        raise InputError(f"expected {len(found)} widths of at most {limits}; found {', '.join(map(str, widths))}")
    for width, inner in zip(widths, found, strict=True):
        inner.keep(torch.arange(width))


def _find(network: nn.Module) -> Iterator[Inner]:
    for module in network.modules():
        if type(module) in _BRANCHES:
            yield from _of_block(getattr(module, _BRANCHES[type(module)]))
        elif type(module) is HeatmapHead:  # a head made from it may read its channels elsewhere too
            yield from _of_head(module)


def _of_block(branch: nn.Sequential) -> Iterator[Inner]:
    """1x1, depthwise, perhaps squeeze-and-excitation, 1x1; a block without the first has nothing inside."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, SqueezeExcitation)
    inside = {child for layer in branch.modules() if isinstance(layer, SqueezeExcitation) for child in layer.modules()}
    layers = [layer for layer in branch.modules() if isinstance(layer, kinds)]
    gates = [layer for layer in layers if isinstance(layer, SqueezeExcitation)]
    plain = [layer for layer in layers if layer not in inside]
    expand, *between, project, _ = plain
    if expand.groups == 1:
        makers, readers = [expand, *(gate.fc2 for gate in gates)], [*(gate.fc1 for gate in gates), project]
        yield Inner(tuple(makers), tuple(between), tuple(readers))


def _of_head(head: HeatmapHead) -> Iterator[Inner]:
    """The pyramid's sum, unless a layer of its own reads it, and the channels before the maps."""
    if isinstance(head.pyramid.place, nn.Identity) and isinstance(head.pyramid.attention, nn.Identity):
        yield Inner(tuple(head.pyramid.laterals), (head.smooth[0], head.smooth[1]), (head.hidden[0],))
    yield Inner((head.hidden[0],), (head.hidden[1],), (head.maps,))


def _part(values: Tensor | None, channels: Tensor, *, dim: int = 0) -> nn.Parameter | None:
    return None if values is None else nn.Parameter(values.detach().index_select(dim, channels))
