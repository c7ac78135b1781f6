"""Networks without channel shuffles compute the same."""

import copy

import pytest
import torch
from torch import nn

from src.export.unshuffled import UnshuffledStage, unshuffle
from src.network.backbones import build_backbone


def lively_backbone(name: str) -> nn.Module:
    """A backbone in evaluation mode whose normalizations all differ from the identity."""
    backbone, generator = build_backbone(name), torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data.copy_(0.5 + torch.rand(values.shape, generator=generator))
    return backbone.eval()


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5"])
def test_all_maps_stay_the_same(name: str) -> None:
    backbone = lively_backbone(name)
    unshuffled = copy.deepcopy(backbone)
    unshuffle(unshuffled)
    assert sum(isinstance(module, UnshuffledStage) for module in unshuffled.modules()) == 3
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for expected, found in zip(backbone(images), unshuffled(images), strict=True):
            assert found.shape == expected.shape
            assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
            assert expected.std(dim=1).mean() > 1e-3 * expected.abs().max()  # a swapped channel would show


def test_depthwise_layers_are_aligned() -> None:
    backbone = build_backbone("shufflenet_v2_x1_0").eval()
    unshuffle(backbone)
    branches = [branch for stage in backbone.modules() if isinstance(stage, UnshuffledStage) for branch in stage.makers]
    widths = {branch[2].out_channels for branch in branches if len(branch) == 5}
    assert widths == {64, 128, 240}


def test_another_network_stays_as_it_is() -> None:
    backbone = build_backbone("mobilenet_v3_small").eval()
    before = [type(module) for module in backbone.modules()]
    unshuffle(backbone)
    assert [type(module) for module in backbone.modules()] == before
