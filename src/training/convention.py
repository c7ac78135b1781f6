"""Fine-tune a model's last layers to another convention: python3 -m src.training.convention PREPARED --only helen lfpw.

The features stay as they are; only the head's last layers (`Head.last_layers`) get a second set of weights, stored in
the model file next to the first (`src.network.conventions`). One file then serves both conventions, and the points in
its own convention stay the same to the last bit. PREPARED holds faces labeled in the new convention; a tenth of them is
held out, and the errors printed at the end are measured on that tenth (`src.evaluation.conventions`).
"""

import argparse
import copy
import math
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from src.command_line import run_command
from src.config import AUGMENTATIONS, TrainingConfig
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.conventions import add_faces_arguments, compare, of_sources, split
from src.evaluation.evaluate import evaluate
from src.files import check_target
from src.metrics import nme
from src.network import checkpoint, conventions
from src.network.devices import choose_device, set_threads
from src.network.model import LandmarkNet
from src.network.profiling import deployed_size
from src.parser import Parser, add_device, add_workers, at_least
from src.predict.looks import MOST_LOOKS
from src.predict.torch_runtime import TorchRuntime
from src.training.runs import load_snapshot, train_in


def last_weights(network: LandmarkNet) -> dict[str, torch.Tensor]:
    """The weights of a network that each convention has its own version of, by name.

    Raises InputError for a head without such layers.
    """
    begins = tuple(f"head.{name}." for name in network.head.last_layers)
    found = {name: value for name, value in network.state_dict().items() if begins and name.startswith(begins)}
    if not found:
        raise InputError(f"expected a head with layers to learn another convention in, found {network.config.head}")
    return {name: value for name, value in found.items() if value.is_floating_point()}


def freeze(network: LandmarkNet) -> None:
    """Freeze all weights except those of `last_weights`, in place."""
    learned = last_weights(network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in learned)


def learn_convention(
    network: LandmarkNet, training: PreparedFaces, validation: PreparedFaces, config: TrainingConfig
) -> None:
    """Train a network's last layers on the training faces' labels, in place; its features do not change.

    validation: faces whose NME is shown after every epoch. Raises InputError as `freeze` and `train_in` do, and
    KeyboardInterrupt after Ctrl-C.
    """
    freeze(network)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train_in(folder, network, training, validation, config=config, device=next(network.parameters()).device)
        # The averaged weights at the run's end, not at its best epoch: nothing is selected on the held-out faces.
        network.load_state_dict(load_snapshot(folder)["weights"])
    network.eval()


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_faces_arguments(parser)
    parser.add_argument("--minutes", type=float, default=8.0, help="training time")
    parser.add_argument("--base_lr", type=float, default=5e-3, help="peak learning rate")
    parser.add_argument("--train_batchsize", type=at_least(1), default=64, help="faces per step")
    parser.add_argument("--augmentation", choices=AUGMENTATIONS, default="looks", help="of the training faces")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of batches and augmentation")
    add_device(parser)
    add_workers(parser)
    parser.add_argument("--out", type=Path, help="where the model with the convention goes (MODEL_PATH)")
    arguments = parser.parse_args()
    if not (arguments.minutes > 0 and arguments.base_lr > 0):
        raise InputError("expected --minutes and --base_lr above 0")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    out = arguments.out or arguments.model_path
    check_target(out)  # before the work, not after it
    set_threads(arguments.workers)
    network, content = checkpoint.load_model(arguments.model_path, choose_device(arguments.device))
    if arguments.out is None and "trainer" in content:
        raise InputError(f"{out}: a snapshot, which a model would replace; name another file with --out")
    # What cannot be added is refused now, not after the training.
    conventions.add(content, arguments.convention, last_weights(network), nme=math.nan)
    own = TorchRuntime(copy.deepcopy(network))
    training, held_out = split(of_sources(load_prepared(arguments.prepared), arguments.only))
    print(f"{len(training)} faces to learn {arguments.convention} from, {len(held_out)} held out")
    config = TrainingConfig(
        minutes=arguments.minutes,
        learning_rate=arguments.base_lr,
        batch_size=arguments.train_batchsize,
        augmentation=AUGMENTATIONS[arguments.augmentation],
        seed=arguments.seed,
    )
    learn_convention(network, training, held_out, config)
    score = nme(evaluate(network, held_out))
    content = conventions.add(content, arguments.convention, last_weights(network), nme=score)
    checkpoint.save(out, checkpoint.model_entries(content))
    network.config = replace(network.config, convention=arguments.convention)
    print(compare(own, TorchRuntime(network), held_out, looks=MOST_LOOKS))
    megabytes = deployed_size(network)[1] + conventions.megabytes(content)
    print(f"{out}: {megabytes:.2f} MB with {', '.join(conventions.known(content))}")


if __name__ == "__main__":
    run_command(main)
