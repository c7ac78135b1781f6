"""Size and cost of a network: the only place that computes parameters, megabytes, multiply-adds and milliseconds."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from src.network.devices import thread_limit
from src.network.model import AUXILIARY, LandmarkNet


@dataclass(frozen=True)
class Profile:
    """parameters: count. megabytes: 10^6 bytes of all saved tensors. mmacs: 10^6 multiply-adds for one picture."""

    parameters: int
    megabytes: float
    mmacs: float


def deployed_size(model: LandmarkNet) -> tuple[int, float]:
    """Parameters, and megabytes as saved, of a network's deployed part (without the training-only branch)."""
    deployed = {name: value for name, value in model.state_dict().items() if not name.startswith(AUXILIARY)}
    return sum(p.numel() for name, p in model.named_parameters() if name in deployed), megabytes(deployed.values())


def profile(model: LandmarkNet) -> Profile:
    """Count a network's deployed part."""
    from torch.utils.flop_counter import FlopCounterMode  # slow: it imports PyTorch's compiler

    parameters, size_mb = deployed_size(model)
    size, like = model.config.input_size, next(model.parameters())
    was_training = model.training
    model.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.predict(like.new_zeros(1, 3, size, size))
    model.train(was_training)
    return Profile(parameters, size_mb, mmacs=counter.get_total_flops() / 2e6)


def megabytes(tensors: Iterable[Tensor]) -> float:
    """10^6 bytes of some tensors."""
    return sum(value.numel() * value.element_size() for value in tensors) / 1e6


def milliseconds(model: LandmarkNet, *, repeats: int = 50) -> float:
    """Median time for one picture on one CPU thread, after a warm-up. The model must be on the CPU."""
    size, times = model.config.input_size, []
    image = torch.rand(1, 3, size, size).contiguous(memory_format=torch.channels_last)
    model.eval()
    with thread_limit(1), torch.inference_mode():
        for _ in range(repeats + 5):
            start = time.perf_counter()
            model.predict(image)
            times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[5:]))
