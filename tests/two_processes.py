"""What tests/training/test_distributed.py starts under torchrun: train.py, with each process's weights left behind.

The processes' clocks differ on purpose: they must end a time budget together nevertheless.
"""

import os
from pathlib import Path

import torch
from commands import load

from src.command_line import run_command
from src.devices import World
from src.network.model import LandmarkNet
from src.training.trainer import Trainer

train = load("train.py")
_fit, _progress = train.fit, Trainer.progress


def _fit_and_keep(network: LandmarkNet, *arguments: object, world: World, **options: object) -> object:
    result = _fit(network, *arguments, world=world, **options)
    weights = {name: p.detach() for name, p in network.named_parameters()}
    torch.save(weights, Path(os.environ["KEEP_WEIGHTS"]) / f"rank{world.rank}.pt")
    return result


def _skewed(self: Trainer) -> float:
    return _progress(self) + float(os.environ["CLOCK_SKEW"]) * self.world.rank


if __name__ == "__main__":
    train.fit, Trainer.progress = _fit_and_keep, _skewed
    run_command(train.main)
