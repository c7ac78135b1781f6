"""ShuffleNetV2's stages for inference: the same function without a channel shuffle, aligned to vector units.

A unit passes on half of its channels, convolves the other half, and shuffles the halves together (Ma et al.,
"ShuffleNet V2", 2018). Where each channel goes is known in advance. So here a channel stays in the tensor where it was
computed until a unit reads it, and the rows and columns of the 1x1 convolutions are permuted to match: the units in
between copy nothing. Widths inside units are padded with zeros to a multiple of ONNX Runtime's block of channels, and
what a unit reads to a multiple of four channels; the published network's odd widths make it convert the layout around
every layer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_GROUP = 4  # ONNX Runtime blocks the channels of a convolution only if this divides the number of its inputs
LANES = 16  # channels in a block of ONNX Runtime's layout on AVX-512; 8 on AVX2, which divides it


class UnshuffledStage(nn.Module):
    """One stage: a unit that halves the map's sides, then units that keep them.

    Its makers of tensors are the first unit's shortcut (0), the first unit's branch (1), the second unit's branch (2),
    and so on; their readers are the second unit (0), the third (1), ..., and whatever follows the stage (-1).
    order: for each output channel, which channel of the original stage it is.
    """

    def __init__(self, stage: nn.Sequential, order: list[int]) -> None:
        """stage: the original units, without normalizations. order: of the input's channels, as in `reorder_inputs`."""
        super().__init__()
        layers = [list(stage[0].branch1), *(list(unit.branch2) for unit in stage)]
        half = layers[0][-2].out_channels
        made, reads = _trace_channels(len(layers), half)
        parts = [_by_reader(channels, reads) for channels in made]
        for index, read in enumerate(reads):
            parts[index + 1][index] += [-1] * (-len(read) % _GROUP)  # by the last maker before this reader
        arriving = [[c for part in parts for c in part.get(index, [])] for index in range(len(reads))]
        for maker, part in enumerate(parts):
            rows = [max(channel - maker * half, -1) for channels in part.values() for channel in channels]
            layers[maker][-2] = _reorder_outputs(layers[maker][-2], rows)
        layers[0][:2] = reorder_inputs(layers[0][0], order), reorder_inputs(layers[0][1], order)
        layers[1][0] = reorder_inputs(layers[1][0], order)
        for branch, expected, found in zip(layers[2:], reads, arriving, strict=False):
            branch[0] = reorder_inputs(branch[0], _places(found, expected))
        self.makers = nn.ModuleList(nn.Sequential(*_aligned(branch)) for branch in layers)
        self.readers = [list(part) for part in parts]
        self.sizes = [[len(channels) for channels in part.values()] for part in parts]
        self.order = _places(arriving[-1], reads[-1])

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> (B, C', H / 2, W / 2): the original stage's output with channels in `order`."""
        parts: list[list[Tensor]] = [[] for _ in self.makers[1:]]  # by reader
        for maker, (branch, readers, sizes) in enumerate(zip(self.makers, self.readers, self.sizes, strict=True)):
            made = branch(features if maker < 2 else torch.cat(parts[maker - 2], dim=1))
            for reader, part in zip(readers, made.split(sizes, dim=1), strict=True):
                parts[reader].append(part)
        return torch.cat(parts[-1], dim=1)


def reorder_inputs(conv: nn.Conv2d, order: list[int]) -> nn.Conv2d:
    """A copy of a convolution whose input channels come in another order: of original indices, -1 for zeros."""
    if conv.groups > 1:
        new = zero_padded(conv, len(order), len(order))
        weight, bias = F.pad(conv.weight, [0] * 7 + [1])[order], F.pad(conv.bias, [0, 1])[order]
    else:
        new = zero_padded(conv, len(order), conv.out_channels)
        weight, bias = F.pad(conv.weight, [0] * 5 + [1])[:, order], conv.bias
    with torch.no_grad():
        new.weight.copy_(weight)
        new.bias.copy_(bias)
    return new


def _trace_channels(makers: int, half: int) -> tuple[list[list[int]], list[list[int]]]:
    """Channels, by number, that each maker makes and that each reader reads, in the network's order."""
    made = [list(range(maker * half, (maker + 1) * half)) for maker in range(makers)]
    state, reads = _shuffle(made[0] + made[1]), []
    for own in made[2:]:
        reads.append(state[half:])
        state = _shuffle(state[:half] + own)
    return made, [*reads, state]


def _by_reader(channels: list[int], reads: list[list[int]]) -> dict[int, list[int]]:
    """Channels of one maker, sorted by which of `reads` holds them."""
    parts = {reader: [channel for channel in channels if channel in read] for reader, read in enumerate(reads)}
    return {reader: part for reader, part in parts.items() if part}


def _places(found: list[int], expected: list[int]) -> list[int]:
    """Where each channel stands among the expected ones; -1 for a channel of zeros."""
    return [expected.index(channel) if channel >= 0 else -1 for channel in found]


def _shuffle(channels: list[int]) -> list[int]:
    half = len(channels) // 2
    return [channel for pair in zip(channels[:half], channels[half:], strict=True) for channel in pair]


def _aligned(branch: list[nn.Module]) -> list[nn.Module]:
    """A branch 1x1, depthwise, 1x1 with its inner channels zero-padded to a multiple of LANES; a shortcut unchanged."""
    convolutions = [index for index, layer in enumerate(branch) if isinstance(layer, nn.Conv2d)]
    if len(convolutions) != 3:
        return branch
    expand, depthwise, project = (branch[index] for index in convolutions)
    width = -(-expand.out_channels // LANES) * LANES
    replaced = (
        zero_padded(expand, expand.in_channels, width),
        zero_padded(depthwise, width, width),
        zero_padded(project, width, project.out_channels),
    )
    new = dict(zip(convolutions, replaced, strict=True))
    return [new.get(index, layer) for index, layer in enumerate(branch)]


def _reorder_outputs(conv: nn.Conv2d, rows: list[int]) -> nn.Conv2d:
    """A copy of a convolution whose output channels come in another order: of original indices, -1 for zeros."""
    new = zero_padded(conv, conv.in_channels, len(rows))
    with torch.no_grad():
        new.weight.copy_(F.pad(conv.weight, [0] * 7 + [1])[rows])
        new.bias.copy_(F.pad(conv.bias, [0, 1])[rows])
    return new


def zero_padded(conv: nn.Conv2d, inputs: int, outputs: int) -> nn.Conv2d:
    """A copy of a convolution with further channels of zero weights; a depthwise one stays depthwise."""
    groups = outputs if conv.groups > 1 else 1
    new = nn.Conv2d(inputs, outputs, conv.kernel_size, conv.stride, conv.padding, groups=groups)
    with torch.no_grad():
        new.weight.zero_()[: conv.weight.shape[0], : conv.weight.shape[1]] = conv.weight
        new.bias.zero_()[: len(conv.bias)] = conv.bias
    return new
