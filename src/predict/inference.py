"""Inference: points in the unit square for squares, in pixels for the pictures of a folder."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.command_line import progress
from src.datasets.listing import list_pictures
from src.datasets.pictures import SQUARE_SIZE, read_square
from src.errors import InputError, about
from src.geometry import apply_affine, crop_affine, invert_affine
from src.network.model import LandmarkNet
from src.predict.looks import look_and_combine
from src.predict.runtimes import Runtime, predict_squares
from src.predict.submission import check_column
from src.transforms import crop_batch


def predict_unit(network: LandmarkNet, squares: Tensor, *, flip: bool = False, looks: int = 1) -> np.ndarray:
    """Predict points_unit (B, K, 2) float64 for squares (B, S, S, 3) uint8 on the network's device.

    flip: average the prediction with that for the mirrored picture. looks: 1, 2 or 3, as in `src.predict.looks`. The
    caller sets `network.eval()`. Raises InputError for flip with several looks.
    """
    predict = partial(_predict_once, network)
    return look_and_combine(predict, squares, looks, second_look=network.config.second_look, flip=flip)


def predict_folder(
    model: LandmarkNet | Runtime, folder: str | Path, *, batch_size: int = 64, flip: bool = False, looks: int = 1
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Predict every picture of a folder on all of PyTorch's threads.

    model: a network in evaluation mode, or an exported file opened by `src.predict.runtimes.open_model`. flip, looks:
    as in `predict_unit`.

    Returns sorted names, points_image (N, 68, 2) in pixels of each picture, and size (N, 2) = height, width.
    Raises InputError for an empty folder, a broken picture, and a name that solution.txt cannot carry.
    """
    names = [check_column(name) for name in list_pictures(folder)]
    batches = [names[start : start + batch_size] for start in range(0, len(names), batch_size)]
    threads = torch.get_num_threads()
    results = []

    def predict(batch: list[str]) -> tuple[np.ndarray, np.ndarray]:
        squares, affine, size = _read_squares(Path(folder), batch)
        if isinstance(model, LandmarkNet):
            on_device = torch.from_numpy(squares).to(next(model.parameters()).device)
            points_unit = predict_unit(model, on_device, flip=flip, looks=looks)
        else:
            points_unit = predict_squares(model, squares, looks, flip=flip)
        return apply_affine(invert_affine(affine), points_unit), size

    try:
        # Each worker decodes and predicts whole batches on a single thread: cores that share every operation of a small
        # network spend most of their time waiting for each other, above all next to threads that decode.
        with (
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
            progress(total=len(names), desc="predicting", unit="face") as bar,
        ):
            for result in pool.map(predict, batches):
                results.append(result)
                bar.update(len(result[0]))
    finally:
        torch.set_num_threads(threads)  # a worker's setting applies to the whole process
    points_image, sizes = zip(*results, strict=True)
    return names, np.concatenate(points_image), np.concatenate(sizes)


@torch.inference_mode()
def _predict_once(network: LandmarkNet, squares: Tensor) -> np.ndarray:
    config = network.config
    images = crop_batch(squares, config.crop, config.input_size).contiguous(memory_format=torch.channels_last)
    points_input = network.predict(images).double().cpu().numpy()
    if not np.isfinite(points_input).all():  # weights that are finite, but too large
        raise InputError("expected finite points from the network, found NaN or infinity; train it again")
    return apply_affine(invert_affine(crop_affine(config.crop)), points_input)


def _read_squares(folder: Path, names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squares (B, S, S, 3) uint8 of some pictures, the maps (B, 2, 3) to them, and size (B, 2) = height, width."""
    decoded = []
    for name in names:
        with about(folder / name):
            decoded.append(read_square(folder / name, SQUARE_SIZE))
    squares, affine, size = (np.stack(part) for part in zip(*decoded, strict=True))
    return squares, affine, size
