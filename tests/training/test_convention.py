"""Fitting a second convention: only the last layers learn, and labels that differ from the model's are learned."""

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import assert_refused, run
from conftest import Run

from src.config import AUGMENTATIONS, ModelConfig, TrainingConfig
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.network import checkpoint
from src.network.losses import l1
from src.network.model import LandmarkNet, build_model
from src.predict.predictor import Predictor
from src.training.convention import freeze, last_weights, learn_convention

CONFIG = ModelConfig(
    backbone="shufflenet_v2_x0_5", head="heatmap", input_size=64, map_stride=8, shape_layer=True, auxiliary=False
)
NORMALIZATION = {f"head.hidden.1.{name}" for name in ("weight", "bias", "running_mean", "running_var")}
LAST = {"head.hidden.0.weight", *NORMALIZATION, "head.maps.weight", "head.shape.real", "head.shape.imaginary"}
COUNTER = "head.hidden.1.num_batches_tracked"  # which nothing is computed from


@pytest.fixture
def network() -> LandmarkNet:
    return build_model(CONFIG, seed=1)


@pytest.fixture
def model_path(network: LandmarkNet, tmp_path: Path) -> Path:
    path = tmp_path / "model.pth.tar"
    checkpoint.save(path, checkpoint.model_content(network, nme=9.0, training=TrainingConfig()))
    return path


def test_the_last_layers_of_heat_maps_are_those_behind_the_pyramid(network: LandmarkNet) -> None:
    assert last_weights(network).keys() == LAST
    freeze(network)
    learned = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert learned == {name for name in LAST if "running" not in name}


def test_a_head_without_such_layers_is_refused() -> None:
    with pytest.raises(InputError, match="found regression"):
        last_weights(build_model(ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)))


@pytest.mark.slow
def test_only_the_last_layers_change_and_the_error_falls(network: LandmarkNet, prepared: Path) -> None:
    faces = load_prepared(prepared / "AFLW_train_data")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = torch.from_numpy(np.array(faces.images)).permute(0, 3, 1, 2) / 255

    def error() -> float:
        with torch.no_grad():
            loss = network.eval().head.loss(network(images), torch.from_numpy(faces.points_unit), l1)
        return float(loss.mean())

    start = error()
    config = TrainingConfig(
        epochs=8, batch_size=8, learning_rate=1e-2, ema_decay=0.8, augmentation=AUGMENTATIONS["none"]
    )
    learn_convention(network, faces, faces, config)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == LAST | {COUNTER}  # no statistic of another normalization either
    assert error() < 0.9 * start


@pytest.mark.slow
def test_the_command_adds_the_convention_and_keeps_the_model(
    model_path: Path, challenge: Path, prepared: Path, tmp_path: Path
) -> None:
    before, out = checkpoint.load(model_path), tmp_path / "out" / "both.pth.tar"
    outcome = run(
        *("src/training/convention.py", prepared / "AFLW_train_data", "--model_path", model_path),
        *("--out", out, "--minutes", 0.02, "--train_batchsize", 8, "--base_lr", 0.05),
    )
    assert outcome.code == 0, outcome
    after = checkpoint.load(out)
    assert all(torch.equal(after["weights"][name], value) for name, value in before["weights"].items())
    assert after["conventions"]["300w"]["weights"].keys() == LAST
    assert "aflw -> 300w" in outcome.out
    assert "MB with aflw, 300w" in outcome.out
    own, other = (Predictor(out, convention=name) for name in (None, "300w"))
    picture = challenge / "aflw_val" / "face000.png"
    assert np.abs(own(picture)[0] - other(picture)[0]).max() > 0.001
    outcome = run("src/evaluation/conventions.py", prepared / "AFLW_train_data", "--model_path", out, "--looks", 1)
    assert outcome.code == 0, outcome
    assert "1 looks, aflw -> 300w" in outcome.out
    for name in ("aflw", "300w"):
        flags = ("--model_path", out, "--test_dataroot", challenge / "aflw_val", "--out_dir", tmp_path / name)
        outcome = run("test.py", *flags, "--convention", name, "--preview", 0)
        assert outcome.code == 0, outcome
    texts = [(tmp_path / name / "solution.txt").read_text() for name in ("aflw", "300w")]
    assert texts[0] != texts[1]


def test_wrong_names_are_refused(trained: Run, model_path: Path, prepared: Path) -> None:
    faces = prepared / "AFLW_train_data"
    script = ("src/training/convention.py", faces, "--model_path")
    assert_refused(run(*script, model_path, "--only", "helen"), "expected faces of helen")
    assert_refused(run(*script, model_path, "--convention", "aflw", "--minutes", 0.001), "another name")
    assert_refused(run(*script, trained.best, "--minutes", 0.001), "found regression")
    snapshot = checkpoint.latest_snapshot(trained.snapshots)
    assert_refused(run(*script, snapshot, "--minutes", 0.001), "a snapshot, which a model would replace")
