"""A PictureNetwork prepares a picture as the decoding and cropping of the main path do, and leads its points back."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from src.config import ModelConfig
from src.datasets.pictures import SQUARE_SIZE, read_square
from src.export.networks import CropNetwork, PictureNetwork
from src.geometry import apply_affine, compose_affine, crop_affine, letterbox
from src.network.model import build_model
from src.transforms import crop_batch

CONFIG = ModelConfig(backbone="shufflenet_v2_x0_5", head="regression", input_size=64, crop=(0.48, 0.55, 0.8))


class Recorder(nn.Module):
    """Stands for a CropNetwork: keeps what it sees and answers with points that it was given."""

    def __init__(self, points_input: Tensor) -> None:
        super().__init__()
        self.points_input = points_input

    def forward(self, images: Tensor) -> Tensor:
        self.images = images
        return self.points_input


def soft_picture(height: int, width: int) -> np.ndarray:
    """A colorful picture (H, W, 3) without edges."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    picture = F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    return (255 * picture[0]).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("height", "width"), [(192, 192), (384, 384), (500, 300), (120, 333), (50, 50)])
def test_the_network_sees_what_the_main_path_shows_it(tmp_path: Path, height: int, width: int) -> None:
    picture, points_input = soft_picture(height, width), torch.rand(1, 68, 2)
    network = PictureNetwork(build_model(CONFIG), looks=1)
    network.crop_network = recorder = Recorder(points_input)
    points_image = network(torch.from_numpy(picture)[None])[0][0].double().numpy()

    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    square, _, _ = read_square(path, SQUARE_SIZE)
    expected = crop_batch(torch.from_numpy(square)[None], CONFIG.crop, CONFIG.input_size)
    difference = (recorder.images - expected).abs().mean()
    assert difference < 0.004  # Pillow rounds to whole gray levels

    _, affine = letterbox(width, height, SQUARE_SIZE)
    found = apply_affine(compose_affine(crop_affine(CONFIG.crop), affine), points_image)
    assert np.abs(found - points_input[0].numpy()).max() < 1e-5


def test_a_crop_network_is_a_copy_without_the_training_branch() -> None:
    model = build_model(CONFIG).train()
    network = CropNetwork(model)
    assert network.model.auxiliary is None
    assert not network.model.training
    assert model.auxiliary is not None
    assert model.training
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert (network(images) - model.eval().predict(images)).abs().max() < 1e-5
