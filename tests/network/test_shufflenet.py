"""The units are torchvision's, but for where they leave the channels in memory."""

import pytest
import torch
from torch import nn
from torchvision.models.shufflenetv2 import InvertedResidual

from src.network.backbones.shufflenet import Stage, Unit


@pytest.mark.parametrize(("incoming", "outgoing", "stride"), [(24, 24, 1), (24, 48, 2)])
def test_a_unit_gives_torchvisions_maps_and_gradients(incoming: int, outgoing: int, stride: int) -> None:
    unit, published = Unit(incoming, outgoing, stride), InvertedResidual(incoming, outgoing, stride)
    published.load_state_dict(unit.state_dict())
    features = torch.randn(4, incoming, 10, 10, generator=torch.Generator().manual_seed(0))
    found, expected = (_maps_and_gradient(module, features) for module in (unit, published))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_stage_gives_the_maps_and_gradients_of_its_units_one_by_one() -> None:
    units = Unit(24, 48, 2), Unit(48, 48, 1), Unit(48, 48, 1)
    features = torch.randn(4, 24, 9, 9, generator=torch.Generator().manual_seed(0))
    found, expected = (_maps_and_gradient(stage.train(), features) for stage in (Stage(*units), nn.Sequential(*units)))
    assert all(map(torch.equal, found, expected))
    assert found[0].shape == (4, 48, 5, 5)


def test_channels_that_come_last_stay_last() -> None:
    features = torch.randn(2, 24, 8, 8).contiguous(memory_format=torch.channels_last)
    assert Unit(24, 24, 1)(features).is_contiguous(memory_format=torch.channels_last)


def _maps_and_gradient(module: torch.nn.Module, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    features = features.clone().requires_grad_()
    maps = module(features)
    maps.square().sum().backward()
    return maps.detach(), features.grad
