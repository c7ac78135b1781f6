"""Every backbone with every head passes the same test; sizes are what the challenge allows."""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src.config import MAX_MODEL_MB, AugmentationConfig, ModelConfig, TrainingConfig, from_dict, to_dict
from src.errors import InputError
from src.network import checkpoint
from src.network.backbones import BACKBONES, build_backbone
from src.network.backbones.staged import STRIDES
from src.network.devices import choose_device
from src.network.heads import HEADS
from src.network.losses import CRITERIA
from src.network.model import build_model
from src.network.profiling import milliseconds, profile
from src.training.loss import TrainingLoss

SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)
ODD_SIZES = (65, 100, 130)  # no multiples of every stride
TEACHERS = {"mobileone_s1", "regnet_x_800mf", "irnet18", "irnet50", "irnet100", "swin_t"}  # above the limit
FROM_TIMM = {"mobileone_s1", "mobilevitv2_050"}
DEEPER = {"irnet50", "irnet100"}  # irnet18 with more of the same blocks: one head says it all


def _pairs() -> list[tuple[str, str]]:
    """All backbones with all heads."""
    every = itertools.product(BACKBONES, HEADS)
    return [(backbone, head) for backbone, head in every if backbone not in DEEPER or head == "heatmap"]


def _needs_its_package(backbone: str) -> None:
    if backbone in FROM_TIMM:
        pytest.importorskip("timm", reason=f"{backbone} comes from the optional package timm")


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "head"), _pairs())
def test_every_backbone_with_every_head_learns_in_every_parameter_and_fits_the_limit(backbone: str, head: str) -> None:
    _needs_its_package(backbone)
    config = ModelConfig(backbone=backbone, head=head, input_size=64)
    model, generator = build_model(config).train(), torch.Generator().manual_seed(0)
    images, points = torch.rand(4, 3, 64, 64, generator=generator), torch.rand(4, 68, 2, generator=generator)
    euler = 0.5 * torch.randn(4, 3, generator=generator)
    loss, distance = TrainingLoss(model, CRITERIA["l1"])(images, points, euler)
    loss.backward()
    assert loss.isfinite()
    assert 0 < distance < 2
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
    assert all(p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad():
        found = model.eval().predict(images)
    assert found.shape == (4, 68, 2)
    assert found.isfinite().all()
    assert (profile(build_model(replace(config, input_size=112))).megabytes > MAX_MODEL_MB) == (backbone in TEACHERS)


@pytest.mark.parametrize("size", ODD_SIZES)
@pytest.mark.parametrize("head", HEADS)
def test_heads_take_the_maps_of_odd_input_sizes(head: str, size: int) -> None:
    model = build_model(replace(SMALL, head=head, input_size=size)).eval()
    with torch.no_grad():
        assert model.predict(torch.rand(1, 3, size, size)).shape == (1, 68, 2)


@pytest.mark.parametrize("name", BACKBONES)
def test_backbones_give_a_map_at_every_stride(name: str) -> None:
    _needs_its_package(name)
    backbone = build_backbone(name).eval()
    for size in ODD_SIZES:
        with torch.no_grad():
            maps = backbone(torch.rand(1, 3, size, size))
        expected = [(width, -(-size // s), -(-size // s)) for width, s in zip(backbone.channels, STRIDES, strict=True)]
        assert [tuple(m.shape[1:]) for m in maps] == expected


def test_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = build_model(SMALL, seed=3).state_dict()
    before = torch.get_rng_state()
    same = build_model(SMALL, seed=3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    other = build_model(SMALL, seed=4).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_auxiliary_branch_is_there_in_training_only() -> None:
    images = torch.rand(2, 3, 64, 64)
    model, bare = build_model(SMALL), build_model(replace(SMALL, auxiliary=False))
    assert model.pose(model.features(images)).shape == (2, 3)
    assert bare.pose(bare.features(images)) is None
    assert profile(build_model(SMALL)) == profile(bare)


def test_a_faces_prediction_does_not_depend_on_its_batch() -> None:
    model, images = build_model(SMALL).eval(), torch.rand(5, 3, 64, 64)
    with torch.no_grad():
        together, alone = model.predict(images), torch.cat([model.predict(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "resnet"}, "expected one of pfld"),
        ({"head": "transformer"}, "expected one of regression"),
        ({"input_size": 32}, "64 to 512 pixels, found 32"),
        ({"input_size": 1024}, "found 1024"),
        ({"attention": "se"}, "the head regression has no attention"),
        ({"pip_neighbors": 3}, "the head regression has no pip_neighbors"),
        ({"head": "heatmap", "attention": "self"}, "expected one of none, se, coordinate"),
        ({"head": "pip", "pip_neighbors": 68}, "0 to 67 neighbors of a point, found 68"),
    ],
)
def test_a_wrong_configuration_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build_model(replace(SMALL, **changes))


def test_a_backbone_of_an_absent_package_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        InputError, match="timm, which is not installed; pip install timm, or take another backbone than mobileone_s1"
    ):
        build_backbone("mobileone_s1")


def test_configurations_go_in_and_out_again() -> None:
    for config in (ModelConfig(), TrainingConfig(source_weights=(0.5, 2.0), augmentation=AugmentationConfig(flip=0.1))):
        plain = to_dict(config)
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        assert from_dict(type(config), plain) == from_dict(type(config), listed) == config


def test_unknown_keys_of_a_configuration_are_refused() -> None:
    with pytest.raises(InputError, match="ModelConfig has no neck"):
        from_dict(ModelConfig, {"neck": 1})
    with pytest.raises(InputError, match="AugmentationConfig has no mixup"):
        from_dict(TrainingConfig, {"augmentation": {"mixup": 1}})


def test_the_profile_counts_what_is_saved(tmp_path: Path) -> None:
    model = build_model(SMALL)
    checkpoint.save(tmp_path / "m", checkpoint.model_content(model, nme=1.0, training=TrainingConfig()))
    saved = (tmp_path / "m").stat().st_size / 1e6
    cost = profile(model)
    assert cost.megabytes == pytest.approx(saved, rel=0.1)
    linear = model.head.linear
    assert cost.parameters > linear.weight.numel() + linear.bias.numel()


def test_multiply_adds_grow_with_the_inputs_area() -> None:
    small, large = (profile(build_model(replace(SMALL, input_size=size))).mmacs for size in (64, 128))
    assert large / small == pytest.approx(4, rel=0.1)


def test_milliseconds_are_measured_and_leave_the_threads_alone() -> None:
    threads = torch.get_num_threads()
    assert 0 < milliseconds(build_model(SMALL), repeats=3) < 10_000
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:99", "cuda:-1", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        choose_device(name)


def test_auto_finds_a_device() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
