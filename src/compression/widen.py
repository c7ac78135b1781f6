"""The opposite of pruning, a larger network to continue training from: python3 -m src.compression.widen --factor 2.

Every block gets further channels inside, which at first nothing reads, so that the new model predicts the old one's
points until it is trained (after Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer", 2016). The maps
passed between blocks keep their width.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from src.command_line import run_command
from src.config import MAX_MODEL_MB, TrainingConfig
from src.errors import InputError
from src.files import check_target
from src.network import checkpoint
from src.network.channels import WIDEST, channel_groups, set_widths
from src.network.conventions import print_left_out
from src.network.model import LandmarkNet, build_model
from src.network.profiling import profile
from src.network.stored import read_config
from src.parser import Parser, add_model_path, at_least, title


def widen(network: LandmarkNet, factor: float, *, seed: int = 0) -> None:
    """Multiply the widths inside a network's blocks, in place; its points stay the same.

    factor: above 1. seed: of the new channels' weights. Raises InputError for more than WIDEST times the widths that
    the network's backbone and head have by themselves.
    """
    widths = tuple(round(factor * group.width) for group in channel_groups(network))
    config = replace(network.config, widths=widths)
    build_model(config)  # refuses what was widened before and is now too wide, as reading its file would
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        set_widths(network, widths)
    network.config = config


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    add_model_path(parser, "the model to widen")
    parser.add_argument("--factor", type=float, default=2.0, help=f"of the widths inside blocks, at most {WIDEST}")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the new channels' weights")
    parser.add_argument("--out", type=Path, default="output/wide.pth.tar", help="the wider model, for train.py --init")
    arguments = parser.parse_args()
    if not 1 < arguments.factor <= WIDEST:
        raise InputError(f"expected --factor above 1 and up to {WIDEST}, found {arguments.factor:g}")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out)
    network, content = checkpoint.load_model(arguments.model_path, points=None)
    widen(network, arguments.factor, seed=arguments.seed)
    cost = profile(network)
    if cost.megabytes > MAX_MODEL_MB:
        raise InputError(f"expected a model of at most {MAX_MODEL_MB:g} MB, found {cost.megabytes:.1f}; widen it less")
    training = read_config(TrainingConfig, content["training"])
    checkpoint.save(arguments.out, checkpoint.model_content(network, nme=content["nme"], training=training))
    print_left_out(content)
    print(f"{arguments.out}: {cost.megabytes:.2f} MB, {cost.mmacs:.0f} MMACs, the points of {arguments.model_path}")


if __name__ == "__main__":
    run_command(main)
