"""Averaging models: the mean of their weights, statistics measured anew, and models that do not belong together."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import assert_refused, run
from conftest import Run

from src.config import AUGMENTATIONS, ModelConfig, TrainingConfig
from src.datasets.prepared import load_prepared
from src.network import checkpoint
from src.network.model import build_model
from src.training.soup import average, measure_statistics

SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)
STATISTIC = "backbone.stages.0.0.1.running_mean"


def _save(path: Path, *, seed: int, config: ModelConfig = SMALL) -> Path:
    content = checkpoint.model_content(build_model(config, seed=seed), nme=1.0, training=TrainingConfig(batch_size=8))
    checkpoint.save(path, content)
    return path


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    return [_save(tmp_path / f"{seed}.pth.tar", seed=seed) for seed in range(3)]


def test_the_soup_holds_the_mean_of_every_weight(models: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "soup.pth.tar"
    outcome = run("src/training/soup.py", *models, "--out", out)
    assert outcome.code == 0, outcome
    assert "mean of 3 models" in outcome.out
    for other in models[1:]:  # each began from random weights of its own
        assert f"note: {other} and {models[0]} began from different weights" in outcome.out
    parts, content = [checkpoint.load(path)["weights"] for path in models], checkpoint.load(out)
    for name, value in content["weights"].items():
        expected = sum(part[name].double() for part in parts) / 3
        torch.testing.assert_close(value.double(), expected, atol=1e-6, rtol=1e-6)
        assert value.dtype == parts[0][name].dtype
    assert math.isnan(content["nme"])
    assert checkpoint.load_model(out)[0].config == checkpoint.load_model(models[0])[0].config


def test_a_model_with_itself_is_that_model(models: list[Path]) -> None:
    soup, _ = average([models[0]] * 3)
    expected = checkpoint.load(models[0])["weights"]
    assert all(torch.equal(value, expected[name]) for name, value in soup.state_dict().items())


def test_statistics_measured_anew_are_those_of_the_pictures(models: list[Path], prepared: Path) -> None:
    model, _ = average(models)
    faces = load_prepared(prepared / "AFLW_train_data")
    config = TrainingConfig(batch_size=8, augmentation=AUGMENTATIONS["none"])
    seen = []
    first = model.backbone.stages[0][0]
    hook = first[0].register_forward_hook(lambda _, __, output: seen.append(output.mean(dim=(0, 2, 3))))
    measure_statistics(model, faces, config, batches=3)
    hook.remove()
    assert len(seen) == 3
    torch.testing.assert_close(first[1].running_mean, torch.stack(seen).mean(dim=0), atol=1e-4, rtol=1e-4)
    assert not model.training


def test_statistics_are_of_faces_framed_by_the_models_own_points(tmp_path: Path, prepared: Path) -> None:
    faces, statistics = load_prepared(prepared / "AFLW_train_data"), []
    config = TrainingConfig(batch_size=8, augmentation=replace(AUGMENTATIONS["none"], second_looks=1.0))
    for given in (faces, faces.with_points(51)):
        model = build_model(replace(SMALL, points=51))
        measure_statistics(model, given, config, batches=1)
        statistics.append(model.state_dict()[STATISTIC])
    assert torch.equal(*statistics)


def test_statistics_and_score_of_a_soup_are_in_its_file(trained: Run, tmp_path: Path) -> None:
    snapshots = sorted(trained.snapshots.glob("checkpoint_epoch_*"))
    plain, measured = tmp_path / "plain.pth.tar", tmp_path / "measured.pth.tar"
    assert run("src/training/soup.py", *snapshots, "--out", plain).code == 0
    data = ("--dataroot", trained.prepared / "AFLW_train_data", "--batches", 2)
    validation = ("--val_dataroot", trained.prepared / "AFLW_validation_data")
    outcome = run("src/training/soup.py", *snapshots, "--out", measured, *data, *validation)
    assert outcome.code == 0, outcome
    one, other = checkpoint.load(plain), checkpoint.load(measured)
    assert not torch.equal(one["weights"][STATISTIC], other["weights"][STATISTIC])
    assert torch.equal(one["weights"]["head.linear.weight"], other["weights"]["head.linear.weight"])
    assert f"validation NME {other['nme']:.3f} %" in outcome.out
    assert "note" not in outcome.out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"head": "heatmap"}, "head heatmap in place of regression"),
        ({"backbone": "shufflenet_v2_x1_0"}, "backbone shufflenet_v2_x1_0 in place of shufflenet_v2_x0_5"),
        ({"crop": (0.5, 0.5, 1.0)}, "crop (0.5, 0.5, 1.0) in place of (0.5, 0.53, 0.9)"),
    ],
)
def test_models_of_another_configuration_are_refused(
    changes: dict, words: str, models: list[Path], tmp_path: Path
) -> None:
    other = _save(tmp_path / "other.pth.tar", seed=0, config=ModelConfig(**{**vars(SMALL), **changes}))
    assert_refused(run("src/training/soup.py", *models, other, "--out", tmp_path / "soup"), str(other), words)
    assert not (tmp_path / "soup").exists()


def test_what_cannot_be_averaged_is_refused(models: list[Path], tmp_path: Path) -> None:
    out = ("--out", tmp_path / "new" / "soup")
    assert_refused(run("src/training/soup.py", models[0], *out), "at least two models to average, found 1")
    assert_refused(run("src/training/soup.py", models[0], tmp_path / "absent", *out), "absent: no such checkpoint")
    assert_refused(run("src/training/soup.py", *models, *out, "--dataroot", tmp_path / "absent"), "no prepared faces")
    (tmp_path / "broken").write_bytes(models[0].read_bytes()[:1000])
    assert_refused(run("src/training/soup.py", models[0], tmp_path / "broken", *out), "not a readable checkpoint")
    assert not (tmp_path / "new").exists()
