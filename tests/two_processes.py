"""What tests/training/test_distributed.py starts under torchrun: train.py, with each process's weights left behind.

The processes' clocks differ on purpose: they must end a time budget together nevertheless. Or the second one fails.
"""

import os
from pathlib import Path

import torch
from commands import load

from src.command_line import run_command
from src.errors import InputError
from src.network.model import LandmarkNet
from src.training.trainer import Trainer
from src.training.world import World

train = load("train.py")
_fit, _progress, _step = train.fit, Trainer.progress, Trainer.step


def _fit_and_keep(network: LandmarkNet, *arguments: object, world: World, **options: object) -> object:
    result = _fit(network, *arguments, world=world, **options)
    weights = {name: p.detach() for name, p in network.named_parameters()}
    torch.save(weights, Path(os.environ["KEEP_WEIGHTS"]) / f"rank{world.rank}.pt")
    return result


def _skewed(self: Trainer) -> float:
    return _progress(self) + float(os.environ["CLOCK_SKEW"]) * self.world.rank


def _fail_second(self: Trainer, *batch: object, **options: object) -> tuple[float, float, float]:
    if self.world.rank == 1:
        raise InputError("the second process fails")
    return _step(self, *batch, **options)


if __name__ == "__main__":
    if "FAILING" in os.environ:
        Trainer.step = _fail_second
    else:
        train.fit, Trainer.progress = _fit_and_keep, _skewed
    run_command(train.main)
