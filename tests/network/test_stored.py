"""Model files whose pickle is fine and whose content is not: every wrong value is named before anything is built."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src.config import ModelConfig, TrainingConfig, to_dict
from src.errors import InputError
from src.network import checkpoint
from src.network.model import build_model
from src.network.stored import read_config

SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "best.pth.tar"
    checkpoint.save(path, checkpoint.model_content(build_model(SMALL), nme=2.5, training=TrainingConfig()))
    return path


@pytest.mark.parametrize("config", [SMALL, TrainingConfig(minutes=3, teacher="x", source_weights=(0.4, 0.6))])
def test_what_is_written_is_read(config: ModelConfig | TrainingConfig) -> None:
    assert read_config(type(config), to_dict(config)) == config


NAN, INFINITY = float("nan"), float("inf")
BAD_MODELS = [
    *({"input_size": value} for value in ("112", 112.0, None, [112], True, 0, -5, 10**9, 10**309, NAN)),
    *({"crop": value} for value in (None, 0.9, [0.5, 0.5], [0.5, 0.5, NAN], [0.5, 0.5, 0], [0.5, 0.5, -1])),
    *({"crop": value} for value in ([0.5, 0.5, 1e9], [2, 0.5, 1], ["0", "0", "1"], "abc", [[0.5], 0.5, 1])),
    *({"backbone": value} for value in (None, 7, ["pfld"], "a" * 10_000)),
    *({"points": value} for value in (68.0, "68", None, 67, 0)),
    *({"auxiliary": value} for value in (None, 1, "yes")),
    *({"pip_score_weight": value} for value in (NAN, INFINITY, -1, "10", None)),
    *({"second_look": value} for value in ((), (0.5, 0.58, 0.0, 0.5), (0.5, 0.58, 1e-9, 0.5), (0.5, 0.58, 9.0, 0.5))),
    *({"second_look": value} for value in ((2.0, 0.58, 0.6, 0.5), (0.5, 0.58, 0.6, 1.5), (0.5, 0.58, 0.6, 0.5, 0.5))),
    *({"widths": value} for value in ("abc", None, [None], [NAN], [16.5], [48.0])),
]


@pytest.mark.parametrize("changes", BAD_MODELS, ids=lambda changes: str(changes)[:60])
def test_a_wrong_value_in_the_models_configuration_is_named(changes: dict, saved: Path) -> None:
    content = checkpoint.load(saved)
    checkpoint.save(saved, content | {"model": content["model"] | changes})
    with pytest.raises(InputError, match="expected") as refusal:
        checkpoint.load_model(saved)
    assert next(iter(changes)).replace("_", " ") in str(refusal.value).replace("_", " ")
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    "changes",
    [
        *({"training": value} for value in (None, [], 7, {1: 2}, {"epochs": "6"}, {"epochs": NAN}, {"seed": -1})),
        {"training": {"batch_size": 0}},
        *({"training": {"augmentation": {name: 361.0}}} for name in ("rotation", "scale", "blur_sigma")),
        {"training": {"augmentation": None}},
        {"training": {"augmentation": {"scale": "0"}}},
        {"training": {"augmentation": {1: 2, "a": 3}}},
        {"training": {"surprise": 1}},
        {"model": None},
        {"model": [1]},
        {"model": {1: 2}},
        *({"weights": value} for value in (None, [], {1: torch.ones(1)}, {"a": 1}, {"a": torch.ones(2).to_sparse()})),
        {"nme": "good"},
        {"nme": None},
    ],
    ids=str,
)
def test_a_wrong_entry_of_a_model_file_is_named(changes: dict, saved: Path) -> None:
    checkpoint.save(saved, checkpoint.load(saved) | changes)
    with pytest.raises(InputError) as refusal:
        checkpoint.load_model(saved)
    assert str(saved) in str(refusal.value)


def test_what_an_old_file_lacks_has_its_default(saved: Path) -> None:
    content = checkpoint.load(saved)
    del content["training"], content["nme"]
    checkpoint.save(saved, content)
    _, content = checkpoint.load_model(saved)
    assert read_config(TrainingConfig, content["training"]) == TrainingConfig()
    assert content["nme"] != content["nme"]


@pytest.mark.parametrize("value", [NAN, INFINITY])
def test_weights_that_are_no_numbers_are_refused(value: float, saved: Path) -> None:
    content = checkpoint.load(saved)
    name = next(name for name in content["weights"] if name.endswith("running_var"))
    content["weights"][name][3] = value
    checkpoint.save(saved, content)
    with pytest.raises(InputError, match=f"expected finite weights, found NaN or infinity in {name}"):
        checkpoint.load_model(saved)
    with pytest.raises(InputError, match="expected finite weights"):
        checkpoint.initialize(build_model(SMALL), saved)


def test_a_weight_that_claims_a_huge_shape_is_refused(saved: Path) -> None:
    content = checkpoint.load(saved)
    name = next(iter(content["weights"]))
    content["weights"][name] = torch.ones(1).expand(10**12)
    checkpoint.save(saved, content)
    with pytest.raises(InputError, match="expected weights as"):
        checkpoint.load_model(saved)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_a_flipped_bit_is_found(share: float, saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[int(share * len(content))] ^= 4
    saved.write_bytes(content)
    with pytest.raises(InputError, match=r"the checksum of .* is wrong"):
        checkpoint.load(saved)


def test_compressed_entries_are_refused(saved: Path) -> None:
    """A few kilobytes of them may hold gigabytes of zeros."""
    with zipfile.ZipFile(saved) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="another way of compression, found method 8"):
        checkpoint.load(saved)


def test_a_variance_below_zero_is_refused(saved: Path) -> None:
    content = checkpoint.load(saved)
    name = next(name for name in content["weights"] if name.endswith("running_var"))
    content["weights"][name][3] = -1
    checkpoint.save(saved, content)
    with pytest.raises(InputError, match=f"expected variances of at least 0, found one below in {name}"):
        checkpoint.load_model(saved)


def test_a_model_of_another_form_is_described_in_words(saved: Path) -> None:
    wider = replace(SMALL, points=51, widths=(8,) * 16, crop=(0.5, 0.5, 1.0))
    with pytest.raises(InputError) as refusal:
        checkpoint.initialize(build_model(wider), saved)
    said = "found points 68 in place of 51, widths () in place of (8, 8, 8, 8, 8, 8, 8, 8, 8, 8,..."
    assert str(refusal.value) == f"{saved}: expected weights of shufflenet_v2_x0_5 + regression at 64 px; {said}"
