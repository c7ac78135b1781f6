"""Rearranged networks compute the same."""

import copy

import pytest
import torch
from torch import nn

from src.config import ModelConfig
from src.export.rearranged import RepeatedBorder, RestoredBackbone, UnshuffledBackbone, WholeFactorPyramid, rearrange
from src.export.unshuffled import UnshuffledStage
from src.network.backbones import build_backbone
from src.network.folding import fold_normalizations
from src.network.heads.pyramid import Pyramid
from src.network.model import build_model


def lively_backbone(name: str) -> nn.Module:
    """A backbone in evaluation mode whose normalizations all differ from the identity."""
    backbone, generator = build_backbone(name), torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data.copy_(0.5 + torch.rand(values.shape, generator=generator))
    return backbone.eval()


def folded(backbone: nn.Module) -> nn.Module:
    """A copy without normalizations."""
    backbone = copy.deepcopy(backbone)
    fold_normalizations(backbone)
    return backbone


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5"])
def test_all_maps_stay_the_same(name: str) -> None:
    backbone = lively_backbone(name)
    restored = RestoredBackbone(UnshuffledBackbone(folded(backbone)))
    assert sum(isinstance(module, UnshuffledStage) for module in restored.modules()) == 3
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for expected, found in zip(backbone(images), restored(images), strict=True):
            assert found.shape == expected.shape
            assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
            assert expected.std(dim=1).mean() > 1e-3 * expected.abs().max()  # a swapped channel would show


def test_depthwise_layers_and_the_first_are_aligned() -> None:
    backbone = UnshuffledBackbone(folded(build_backbone("shufflenet_v2_x1_0").eval()))
    branches = [branch for stage in backbone.stages[1:] for branch in stage.makers]
    widths = {branch[2].out_channels for branch in branches if len(branch) == 5}
    assert widths == {64, 128, 240}
    assert backbone.stages[0][0].out_channels == 32


def test_units_read_whole_groups_of_channels() -> None:
    stage = UnshuffledBackbone(folded(build_backbone("shufflenet_v2_x1_0").eval())).stages[1]
    assert [branch[0].in_channels for branch in stage.makers[2:]] == [60, 60, 60]  # 58 and two of zeros


def test_a_repeated_border_is_replication_padding() -> None:
    features = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    padding = nn.ReplicationPad2d(2)
    torch.testing.assert_close(RepeatedBorder(padding)(features), padding(features), atol=0, rtol=0)


@pytest.mark.parametrize("size", [112, 97])  # sides 28, 14, 7, 4 and 25, 13, 7, 4
def test_a_pyramid_of_whole_factors_is_the_same(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    channels, sides = (5, 6, 7, 8), [-(-size // stride) for stride in (4, 8, 16, 32)]
    pyramid = Pyramid(channels, 16)
    orders = [torch.randperm(width, generator=generator).tolist() for width in channels]
    found = WholeFactorPyramid(pyramid, orders, size)
    maps = [torch.rand(2, c, s, s, generator=generator) for c, s in zip(channels, sides, strict=True)]
    with torch.inference_mode():
        expected = pyramid(maps)
        shuffled = [values[:, order] for values, order in zip(maps, orders, strict=True)]
        torch.testing.assert_close(found(shuffled), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("backbone", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
@pytest.mark.parametrize(
    ("head", "options"), [("heatmap", {"map_stride": 8}), ("heatmap", {}), ("pip", {}), ("regression", {})]
)
def test_whole_networks_stay_the_same(backbone: str, head: str, options: dict) -> None:
    model = build_model(ModelConfig(backbone=backbone, head=head, input_size=64, **options)).eval()
    rearranged = copy.deepcopy(model)
    rearrange(rearranged)
    is_unshuffled = isinstance(rearranged.backbone, UnshuffledBackbone | RestoredBackbone)
    assert is_unshuffled == backbone.startswith("shufflenet")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(rearranged.predict(images), model.predict(images), atol=1e-5, rtol=0)
