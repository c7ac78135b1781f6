"""Which channels a network needs least, and their removal.

Molchanov et al., "Importance Estimation for Neural Network Pruning", 2019: a channel's importance is the change of the
loss without it, to first order in the scale and shift of its normalization. The channels of all layers are ranked
together, by importance per parameter saved.
"""

from dataclasses import replace

import torch
from torch import Tensor

from src.augmentation import augment
from src.config import AUGMENTATIONS
from src.datasets.loader import TrainingBatches
from src.errors import InputError
from src.network import profiling
from src.network.channels import ChannelGroup, channel_groups
from src.network.losses import l1
from src.network.model import LandmarkNet

_STEP = 8  # channels removed at a time, and the smallest width: processors compute that many at once


def importance(network: LandmarkNet, batches: TrainingBatches, *, count: int = 8) -> list[Tensor]:
    """Importance of each channel on the first `count` batches: one tensor (width,) per group of `channel_groups`."""
    network.eval()
    config, gates = network.config, [group.gate for group in channel_groups(network)]
    totals = [torch.zeros_like(gate.weight) for gate in gates]
    generator = torch.Generator(batches.device).manual_seed(0)
    for _, batch in zip(range(count), batches.epoch(0), strict=False):
        images, points_input, _ = augment(
            *batch, crop=config.crop, size=config.input_size, config=AUGMENTATIONS["none"], generator=generator
        )
        loss = network.head.loss(network(images), points_input, l1).mean()
        gradients = torch.autograd.grad(loss, [values for gate in gates for values in (gate.weight, gate.bias)])
        for total, gate, scale, shift in zip(totals, gates, gradients[::2], gradients[1::2], strict=True):
            total += (gate.weight * scale + gate.bias * shift).detach().square()
    return totals


def remove_channels(network: LandmarkNet, importances: list[Tensor], *, megabytes: float) -> None:
    """Narrow a network, in place, to at most `megabytes` (10^6 bytes), and update the widths in its configuration.

    network: without an auxiliary branch. importances: from `importance`. Raises InputError if even the narrowest
    network is larger.
    """
    found, importances = channel_groups(network), list(importances)
    while (left := profiling.megabytes(network.state_dict().values())) > megabytes:
        costs = [_cost(group, values) for group, values in zip(found, importances, strict=True)]
        if min(costs, default=torch.inf) == torch.inf:
            raise InputError(
                f"expected at most {megabytes:g} MB, but {network.config.backbone} + {network.config.head} has "
                f"{left:.2f} MB with all that can be removed gone; aim higher"
            )
        chosen = costs.index(min(costs))
        kept = importances[chosen].argsort(descending=True)[: _narrower(found[chosen])].sort().values
        found[chosen].keep(kept)
        importances[chosen] = importances[chosen][kept]
    network.config = replace(network.config, widths=tuple(group.width for group in found))


def _cost(group: ChannelGroup, importances: Tensor) -> float:
    """Importance of the channels to be removed next, per parameter saved; infinite at the smallest width."""
    count = group.width - _narrower(group)
    if group.width <= _STEP:
        return torch.inf
    numbers = sum(maker.weight[0].numel() for maker in group.makers)
    numbers += sum(layer.weight[0].numel() for layer in group.channelwise)
    numbers += sum(reader.weight[:, 0].numel() for reader in group.readers)
    return float(importances.sort().values[:count].sum()) / (count * numbers)


def _narrower(group: ChannelGroup) -> int:
    """The next smaller width: a multiple of _STEP."""
    return (group.width - 1) // _STEP * _STEP
