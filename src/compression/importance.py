"""Which inner channels a network needs least, and a network without them.

Molchanov et al., "Importance Estimation for Neural Network Pruning", 2019: a channel matters as much as the loss would
change without it, to first order at its normalization's scale and shift. All layers are ranked together, by what a
channel matters for each number that it costs.
"""

from dataclasses import replace

import torch
from torch import Tensor

from src.augmentation import augment
from src.config import AUGMENTATIONS
from src.datasets.loader import TrainingBatches
from src.errors import InputError
from src.network.channels import Inner, inners
from src.network.losses import l1
from src.network.model import LandmarkNet

_STEP = 8  # channels removed at a time, and the narrowest layer: processors compute so many at once


def importance(network: LandmarkNet, batches: TrainingBatches, *, count: int = 8) -> list[Tensor]:
    """What each inner channel matters, a tensor for each of `inners(network)`, on the first `count` batches."""
    network.eval()
    config, gates = network.config, [inner.gate for inner in inners(network)]
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


def remove_channels(network: LandmarkNet, matters: list[Tensor], *, megabytes: float) -> None:
    """Narrow a network, in place, to at most so many 10^6 bytes; its configuration then has the new widths.

    matters: from `importance`. Raises InputError where even the narrowest network is larger.
    """
    found, matters = inners(network), list(matters)
    while _megabytes(network) > megabytes:
        costs = [_cost(inner, values) for inner, values in zip(found, matters, strict=True)]
        if min(costs, default=torch.inf) == torch.inf:
            raise InputError(
                f"expected at most {megabytes:g} MB, but {network.config.backbone} + {network.config.head} has "
                f"{_megabytes(network):.2f} MB with all that can be removed gone; aim higher"
            )
        chosen = costs.index(min(costs))
        kept = matters[chosen].argsort(descending=True)[: _narrower(found[chosen])].sort().values
        found[chosen].keep(kept)
        matters[chosen] = matters[chosen][kept]
    network.config = replace(network.config, widths=tuple(inner.width for inner in found))


def _megabytes(network: LandmarkNet) -> float:
    """10^6 bytes of a network without the training-only branch, as `src.network.profiling` counts them, but at once."""
    return sum(value.numel() * value.element_size() for value in network.state_dict().values()) / 1e6


def _cost(inner: Inner, matters: Tensor) -> float:
    """What the channels that would go next matter, for each number that is saved with them."""
    count = inner.width - _narrower(inner)
    if inner.width <= _STEP:
        return torch.inf
    numbers = sum(maker.weight[0].numel() for maker in inner.makers)
    numbers += sum(layer.weight[0].numel() for layer in inner.channelwise)
    numbers += sum(reader.weight[:, 0].numel() for reader in inner.readers)
    return float(matters.sort().values[:count].sum()) / (count * numbers)


def _narrower(inner: Inner) -> int:
    """The next smaller width: a multiple of _STEP."""
    return (inner.width - 1) // _STEP * _STEP
