"""Pruning: the same function for the channels that stay, the least important ones go, and the limit holds."""

import csv
from pathlib import Path

import pytest
import torch
from commands import assert_refused, run
from commands import load as load_script
from conftest import Run, data_flags

from src.compression.importance import importance, remove_channels
from src.compression.prune import prune
from src.config import ModelConfig, TrainingConfig, from_dict, to_dict
from src.datasets.loader import TrainingBatches
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.export.rearranged import rearrange
from src.network.channels import channel_groups
from src.network.checkpoint import load, load_model, model_content, save
from src.network.model import LandmarkNet, build_model
from src.network.profiling import profile

BACKBONES = ("shufflenet_v2_x0_5", "mobilenet_v2", "mobilenet_v3_small")


def _model(backbone: str = "shufflenet_v2_x0_5", head: str = "heatmap") -> LandmarkNet:
    model = build_model(ModelConfig(backbone=backbone, head=head, input_size=64, auxiliary=False), seed=1)
    generator = torch.Generator().manual_seed(0)
    for group in channel_groups(model):
        group.gate.weight.data.uniform_(0.5, 1.5, generator=generator)
        group.gate.bias.data.normal_(generator=generator)
    return model.eval()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_channels_that_nobody_reads_can_go(backbone: str) -> None:
    model, images = _model(backbone), torch.rand(2, 3, 64, 64)
    found, generator = channel_groups(model), torch.Generator().manual_seed(2)
    kept = [torch.randperm(group.width, generator=generator)[: group.width // 2].sort().values for group in found]
    with torch.inference_mode():
        for group, channels in zip(found, kept, strict=True):
            unread = torch.ones(group.width, dtype=torch.bool)
            unread[channels] = False
            for reader in group.readers:
                reader.weight[:, unread] = 0
        expected = model(images)
    for group, channels in zip(found, kept, strict=True):
        group.keep(channels)
    with torch.inference_mode():
        assert expected.std() > 0
        assert torch.allclose(model(images), expected, atol=1e-5 * expected.abs().max().item())


def test_the_least_important_channel_goes_first(prepared: Path) -> None:
    model = _model()
    group = channel_groups(model)[3]
    with torch.no_grad():
        for reader in group.readers:
            reader.weight[:, 5:13] = 0  # these eight change nothing
    faces = load_prepared(prepared / "AFLW_train_data")
    importances = importance(model, TrainingBatches(faces, batch_size=8, seed=0, device=torch.device("cpu")), count=2)
    assert importances[3].shape == (group.width,)
    assert (importances[3][5:13] == 0).all()
    assert (importances[3][:5] > 0).any()
    weights = group.readers[0].weight.clone()
    remove_channels(model, importances, megabytes=profile(model).megabytes - 1e-6)
    gone = [place for place in range(weights.shape[1]) if place not in range(5, 13)]
    assert group.width >= len(gone) - 8
    remaining = {tuple(column) for column in group.readers[0].weight[:, :, 0, 0].T.tolist()}
    assert remaining <= {tuple(column) for column in weights[:, gone, 0, 0].T.tolist()}


def test_a_pruned_model_is_an_ordinary_model_file(tmp_path: Path) -> None:
    model, images = _model(), torch.rand(1, 3, 64, 64)
    importances = [
        torch.rand(group.width, generator=torch.Generator().manual_seed(4)) for group in channel_groups(model)
    ]
    goal = 0.7 * profile(model).megabytes
    remove_channels(model, importances, megabytes=goal)
    assert profile(model).megabytes <= goal
    path = tmp_path / "pruned.pth.tar"
    save(path, model_content(model, nme=3.0, training=TrainingConfig()))
    loaded, content = load_model(path)
    assert content["model"]["widths"] == model.config.widths
    with torch.inference_mode():
        expected = model.predict(images)
        assert torch.allclose(loaded.predict(images), expected, atol=1e-6)
        rearrange(loaded)  # what an exported file is made from
        assert torch.allclose(loaded.predict(images), expected, atol=1e-5)


def test_a_model_that_is_not_pruned_says_nothing_of_widths() -> None:
    assert "widths" not in to_dict(ModelConfig())
    assert from_dict(ModelConfig, to_dict(ModelConfig())) == ModelConfig()


@pytest.mark.parametrize("widths", [(8,), (8,) * 17 + (4096,), (0,) * 18])
def test_widths_of_another_network_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected 18 widths"):
        build_model(ModelConfig(head="heatmap", widths=widths))


def test_a_model_of_fewer_points_is_pruned_on_faces_of_68(prepared: Path) -> None:
    model = build_model(ModelConfig("shufflenet_v2_x0_5", "heatmap", input_size=64, points=51, auxiliary=False))
    faces = [load_prepared(prepared / f"AFLW_{part}_data") for part in ("train", "validation")]
    config, size = TrainingConfig(epochs=1, batch_size=16), profile(model).megabytes
    rounds = prune(model, *faces, config=config, target_mb=0.9 * size, rounds=1)
    assert [row.megabytes <= 0.9 * size for row, _ in rounds] == [False, True]


def test_a_size_out_of_reach_is_refused() -> None:
    model = _model()
    importances = [torch.ones(group.width) for group in channel_groups(model)]
    with pytest.raises(InputError, match="aim higher"):
        remove_channels(model, importances, megabytes=0.01)


@pytest.fixture(scope="module")
def heatmap_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "heatmap.pth.tar"
    save(path, model_content(_model(), nme=10.0, training=TrainingConfig()))
    return path


def _prune(model: Path, trained: Run, out: Path, *flags: object) -> tuple[str, ...]:
    small = ("--minutes_per_round", 0.005, "--train_batchsize", 8, "--rounds", 2)
    target = 0.8 * profile(load_model(model)[0]).megabytes
    return ("--model_path", model, *data_flags(trained.prepared), *small, "--target_mb", target, "--out", out, *flags)


@pytest.mark.slow
def test_rounds_end_at_the_target(heatmap_model: Path, trained: Run, tmp_path: Path) -> None:
    out = tmp_path / "pruned.pth.tar"
    outcome = run("src/compression/prune.py", *_prune(heatmap_model, trained, out, "--max_loss", 10000))
    assert outcome.code == 0, outcome
    with open(tmp_path / "pruned_rounds.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["0", "1", "2"]
    for column in ("megabytes", "mmacs"):
        values = [float(row[column]) for row in rows]
        assert values == sorted(values, reverse=True)
    assert float(rows[2]["megabytes"]) <= 0.8 * float(rows[0]["megabytes"]) + 1e-5
    assert abs(load(out)["nme"] - float(rows[2]["nme"])) < 1e-3
    assert (tmp_path / "pruned_rounds.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_round_beyond_the_limit_is_not_kept(
    heatmap_model: Path, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, out = "src/compression/prune.py", tmp_path / "pruned.pth.tar"
    before = load_model(heatmap_model)[0]
    monkeypatch.setattr(load_script(command), "fine_tune", lambda model, *_: (model, 99.0))  # percent
    outcome = run(command, *_prune(heatmap_model, trained, out))
    assert outcome.code == 0, outcome
    assert "stopped: round 1" in outcome.out
    assert "round 2" not in outcome.out
    assert profile(load_model(out)[0]) == profile(before)
    assert "99" in (tmp_path / "pruned_rounds.csv").read_text(encoding="utf-8").splitlines()[2]


@pytest.mark.parametrize("what", ["distillation", "out", "itself", "size"])
def test_what_cannot_end_well_is_refused_before_the_first_round(
    what: str, heatmap_model: Path, trained: Run, tmp_path: Path
) -> None:
    itself = ("--reference", trained.best, "--out", trained.best)
    flags = {"distillation": itself[:2], "out": ("--out", tmp_path), "itself": itself}
    flags = flags.get(what, ("--target_mb", 1e-6))
    outcome = run("src/compression/prune.py", *_prune(heatmap_model, trained, tmp_path / "pruned.pth.tar", *flags))
    words = {"distillation": "two heads with the same maps", "out": "found a folder", "itself": "another file than"}
    words["size"] = "aim higher"
    assert_refused(outcome, words[what])
    assert list(tmp_path.iterdir()) == []


def test_a_model_below_the_target_is_refused(heatmap_model: Path, trained: Run, tmp_path: Path) -> None:
    flags = ("--model_path", heatmap_model, *data_flags(trained.prepared), "--target_mb", 100, "--out", tmp_path / "o")
    assert_refused(run("src/compression/prune.py", *flags), "--target_mb 100")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_training_goes_on_from_a_pruned_model(trained: Run, tmp_path: Path) -> None:
    model, tuned = _model(), Run(tmp_path, trained.prepared)
    importances = [
        torch.rand(group.width, generator=torch.Generator().manual_seed(4)) for group in channel_groups(model)
    ]
    remove_channels(model, importances, megabytes=0.8 * profile(model).megabytes)
    pruned = tmp_path / "pruned.pth.tar"
    save(pruned, model_content(model, nme=3.0, training=TrainingConfig()))
    network = ("--backbone", "shufflenet_v2_x0_5", "--head", "heatmap", "--input_size", 64)
    short = ("--end_epoch", 1, "--train_batchsize", 8)
    outcome = run("train.py", *network, *short, "--init", pruned, *tuned.flags)
    assert outcome.code == 0, outcome
    assert load_model(tuned.best)[0].config.widths == model.config.widths
    assert run("train.py", "--resume", "--end_epoch", 2, *tuned.flags).code == 0
    assert load(tuned.snapshots / "checkpoint_epoch_2.pth.tar")["model"]["widths"] == model.config.widths
    outcome = run("train.py", *network[2:], *short, "--init", pruned, *tuned.flags)
    assert_refused(outcome, "own network, found backbone shufflenet_v2_x1_0 in place of shufflenet_v2_x0_5")
