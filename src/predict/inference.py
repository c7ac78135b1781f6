"""From squares to points of the unit square, by a network in PyTorch."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from src.errors import InputError
from src.geometry import apply_affine, crop_affine, invert_affine
from src.network.model import LandmarkNet
from src.predict.looks import combine, look, look_mirrored
from src.transforms import crop_batch


def predict_unit(network: LandmarkNet, squares: Tensor, *, flip: bool = False, looks: int = 1) -> np.ndarray:
    """Predict points_unit (B, K, 2) float64 for squares (B, S, S, 3) uint8 on the network's device.

    With `flip` the prediction is averaged with that of the mirrored picture; `looks` of 2 or 3 are those of
    `src.predict.looks`. The caller sets `network.eval()`. Raises InputError for both at once.
    """
    if flip and looks > 1:
        raise InputError(f"expected flip averaging or {looks} looks, found both; the second look is mirrored")
    predict = partial(_predict_once, network)
    second_look = network.config.second_look
    points_unit = combine(look(predict, squares, looks, second_look=second_look), second_look)
    return (points_unit + look_mirrored(predict, squares)) / 2 if flip else points_unit


@torch.inference_mode()
def _predict_once(network: LandmarkNet, squares: Tensor) -> np.ndarray:
    config = network.config
    images = crop_batch(squares, config.crop, config.input_size).contiguous(memory_format=torch.channels_last)
    points_input = network.predict(images).double().cpu().numpy()
    return apply_affine(invert_affine(crop_affine(config.crop)), points_input)
