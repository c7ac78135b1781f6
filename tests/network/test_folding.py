"""A network without its batch normalizations computes the same."""

import copy

import pytest
import torch
from torch import nn

from src.network.backbones import BACKBONES, build_backbone
from src.network.folding import fold_normalizations


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_all_maps_stay_the_same(name: str) -> None:
    backbone, generator = build_backbone(name).eval(), torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data.copy_(0.5 + torch.rand(values.shape, generator=generator))
    folded = copy.deepcopy(backbone)
    fold_normalizations(folded)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    with torch.inference_mode():
        for expected, found in zip(backbone(images), folded(images), strict=True):
            assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_no_normalization_is_left_in_a_shufflenet() -> None:
    backbone = build_backbone("shufflenet_v2_x0_5").eval()
    fold_normalizations(backbone)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
    assert all(module.bias is not None for module in backbone.modules() if isinstance(module, nn.Conv2d))
