"""A widened network gives the points of the one that it came from, and learns with what was added."""

from pathlib import Path

import pytest
import torch

from src.compression.widen import widen
from src.config import ModelConfig, TrainingConfig
from src.errors import InputError
from src.network import checkpoint
from src.network.channels import channel_groups
from src.network.model import LandmarkNet, build_model


@pytest.fixture
def network() -> LandmarkNet:
    config = ModelConfig("shufflenet_v2_x0_5", "heatmap", input_size=64, map_stride=8, shape_layer=True)
    model = build_model(config, seed=3)
    with torch.no_grad():
        model.train()(torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0)))  # other running statistics
    return model.eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_more_channels_give_the_same_points(network: LandmarkNet, images: torch.Tensor) -> None:
    before, size = network.predict(images), sum(value.numel() for value in network.parameters())
    widen(network, 1.5)
    assert sum(value.numel() for value in network.parameters()) > 1.2 * size
    torch.testing.assert_close(network.eval().predict(images), before, rtol=0, atol=1e-4)


def test_a_wider_model_file_is_read_again(network: LandmarkNet, images: torch.Tensor, tmp_path: Path) -> None:
    widen(network, 2)
    path = tmp_path / "wide.pth.tar"
    checkpoint.save(path, checkpoint.model_content(network, nme=1.0, training=TrainingConfig()))
    again, _ = checkpoint.load_model(path)
    assert again.config.widths == tuple(group.width for group in channel_groups(network))
    torch.testing.assert_close(again.predict(images), network.eval().predict(images))


def test_what_was_added_learns(network: LandmarkNet, images: torch.Tensor) -> None:
    old = [group.width for group in channel_groups(network)]
    widen(network, 2)
    network.predict(images).square().sum().backward()
    for group, width in zip(channel_groups(network), old, strict=True):
        assert all(reader.weight.grad[:, width:].abs().max() > 0 for reader in group.readers)


def test_no_width_is_without_a_limit(network: LandmarkNet) -> None:
    with pytest.raises(InputError, match="widths of at most"):
        widen(network, 5)
    widen(network, 4)
    with pytest.raises(InputError, match="widths of at most"):  # no file of such a model could be read
        widen(network, 1.5)
