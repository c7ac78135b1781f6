"""One model from several: the mean of their weights, python3 -m src.training.soup A B C --out PATH.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time", 2022. It helps if models share their origin: snapshots of one run, or several fine-tunings (--init)
of one model. The statistics of batch normalization are averaged as well; with --dataroot they are measured anew for the
averaged weights, on training batches, as in Izmailov et al., "Averaging Weights Leads to Wider Optima", 2018.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from src.augmentation import augment
from src.command_line import progress, run_command
from src.config import TrainingConfig
from src.datasets.loader import TrainingBatches
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.evaluate import evaluate
from src.files import check_target
from src.metrics import nme
from src.network import checkpoint
from src.network.conventions import print_left_out
from src.network.model import LandmarkNet
from src.network.stored import differences, read_config
from src.parser import Parser, at_least, title

# Minimum of the cosine between the weights of models that began from the same ones: 0.62 and more in 108 pairs of
# trained models, at most 0.011 in 192 pairs that began from different random weights.
_RELATED = 0.3


def average(paths: list[Path]) -> tuple[LandmarkNet, list[dict]]:
    """A model with the mean of the models' weights, and the content of each file (`src.network.checkpoint.load`).

    Raises InputError for fewer than two files and for models of different configurations.
    """
    if len(paths) < 2:
        raise InputError(f"expected at least two models to average, found {len(paths)}")
    soup, first = checkpoint.load_model(paths[0], points=None)
    mean, contents = {name: value.double() for name, value in first["weights"].items()}, [first]
    for count, path in enumerate(paths[1:], start=2):
        model, other = checkpoint.load_model(path, points=None)
        contents.append(other)
        if model.config != soup.config:
            found = differences(soup.config, model.config, vars(soup.config))
            raise InputError(f"{path}: expected the configuration of {paths[0]}, found {found}")
        mean = {name: value + (other["weights"][name].double() - value) / count for name, value in mean.items()}
    soup.load_state_dict({name: value.to(first["weights"][name].dtype) for name, value in mean.items()})
    return soup, contents


def is_related(weights: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    """Whether the weights of layers point into similar directions, as those of models do that began from one."""
    one, other = (
        torch.cat([value.double().flatten() for value in both.values() if value.ndim > 1]) for both in (weights, others)
    )
    return bool(torch.cosine_similarity(one, other, dim=0) > _RELATED)


def measure_statistics(model: LandmarkNet, faces: PreparedFaces, config: TrainingConfig, *, batches: int) -> None:
    """Set the statistics of batch normalization to their mean over `batches` batches, augmented as in training."""
    update_bn(_training_images(model, faces, config, batches), model)
    model.eval()


def _training_images(
    model: LandmarkNet, faces: PreparedFaces, config: TrainingConfig, batches: int
) -> Iterator[Tensor]:
    """Batches (B, 3, R, R) as in training, at most one epoch of them."""
    loader = TrainingBatches(
        faces.with_points(model.config.points),
        batch_size=min(config.batch_size, len(faces)),
        seed=config.seed,
        device=torch.device("cpu"),
        source_weights=config.source_weights,
    )
    generator = torch.Generator().manual_seed(config.seed)
    steps = progress(range(min(batches, len(loader))), desc="statistics", unit="batch", leave=False)
    for _, batch in zip(steps, loader.epoch(0), strict=False):
        images, _, _ = augment(
            *batch,
            crop=model.config.crop,
            second_look=model.config.second_look,
            size=model.config.input_size,
            config=config.augmentation,
            generator=generator,
        )
        yield images.contiguous(memory_format=torch.channels_last)


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    parser.add_argument("models", type=Path, nargs="+", help="model files or snapshots of one configuration")
    parser.add_argument("--out", type=Path, required=True, help="where the averaged model goes")
    parser.add_argument("--dataroot", type=Path, help="prepared training faces: measure the statistics anew")
    parser.add_argument("--batches", type=at_least(1), default=100, help="training batches that they are measured on")
    parser.add_argument("--val_dataroot", type=Path, help="prepared faces: print the NME and note it in the file")
    arguments = parser.parse_args()
    if not arguments.dataroot:
        parser.refuse(["batches"], "goes with --dataroot")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out)  # before the work, not after it
    model, contents = average(arguments.models)
    training = read_config(TrainingConfig, contents[0]["training"])
    if arguments.dataroot:
        measure_statistics(model, load_prepared(arguments.dataroot), training, batches=arguments.batches)
    score, suffix = float("nan"), ""
    if arguments.val_dataroot:
        score = nme(evaluate(model, load_prepared(arguments.val_dataroot)))
        suffix = f", validation NME {score:.3f} %"
    checkpoint.save(arguments.out, checkpoint.model_content(model, nme=score, training=training))
    for path, content in zip(arguments.models, contents, strict=True):
        print_left_out(content)
        if not is_related(contents[0]["weights"], content["weights"]):
            print(f"note: {path} and {arguments.models[0]} began from different weights; do not average such models")
    print(f"{arguments.out}: the mean of {len(arguments.models)} models{suffix}")


if __name__ == "__main__":
    run_command(main)
