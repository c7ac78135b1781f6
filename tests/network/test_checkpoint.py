"""Model files: what is saved is loaded, and what is not ours is refused without running it."""

import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT
from conftest import Run

from src.config import ModelConfig, TrainingConfig
from src.errors import InputError
from src.markup import POINT_SETS
from src.network import checkpoint
from src.network.model import build_model

SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)
TINY = {"format": checkpoint.FORMAT, "model": {}, "weights": {"a": torch.ones(3)}}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "best.pth.tar"
    checkpoint.save(path, checkpoint.model_content(build_model(SMALL, seed=1), nme=2.5, training=TrainingConfig()))
    return path


def test_a_loaded_model_predicts_what_the_saved_one_did(saved: Path) -> None:
    model, content = checkpoint.load_model(saved)
    assert not model.training
    assert model.auxiliary is None
    assert content["nme"] == 2.5
    images = torch.rand(2, 3, 64, 64)
    original = build_model(SMALL, seed=1).eval().to(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(model.predict(images), original.predict(images), atol=1e-6, rtol=0)


def test_a_model_file_holds_float32_weights_without_the_training_branch(saved: Path) -> None:
    weights = checkpoint.load(saved)["weights"]
    assert not [name for name in weights if name.startswith("auxiliary.")]
    assert {value.dtype for value in weights.values()} == {torch.float32, torch.int64}


def test_a_model_in_half_precision_is_saved_as_float32(tmp_path: Path) -> None:
    content = checkpoint.model_content(build_model(SMALL).half(), nme=1.0, training=TrainingConfig())
    assert torch.float16 not in {value.dtype for value in content["weights"].values()}


def test_initializing_takes_the_weights_and_keeps_the_fresh_training_branch(saved: Path) -> None:
    model = build_model(SMALL, seed=2)
    fresh = {name: value.clone() for name, value in model.state_dict().items() if name.startswith("auxiliary.")}
    checkpoint.initialize(model, saved)
    state, weights = model.state_dict(), checkpoint.load(saved)["weights"]
    assert all(torch.equal(state[name], value) for name, value in (fresh | weights).items())
    assert len(state) == len(fresh) + len(weights)


def test_initializing_says_in_which_settings_the_network_differs(saved: Path) -> None:
    assert checkpoint.initialize(build_model(SMALL), saved) == ""
    other = build_model(replace(SMALL, crop=(0.5, 0.5, 0.8), auxiliary=False))
    assert "crop (0.5, 0.5, 0.8) in place of (0.5, 0.53, 0.9)" in checkpoint.initialize(other, saved)


@pytest.mark.parametrize("head", ["regression", "heatmap", "simcc", "heatmap_deconv"])
@pytest.mark.parametrize("points", [51, 12])
def test_a_network_of_fewer_points_begins_as_the_larger_one_ends(head: str, points: int, tmp_path: Path) -> None:
    options = {"shape_layer": True} if head == "heatmap" else {}
    larger = build_model(replace(SMALL, head=head, **options), seed=1).eval()
    checkpoint.save(tmp_path / "a.pth.tar", checkpoint.model_content(larger, nme=1.0, training=TrainingConfig()))
    fewer = build_model(replace(larger.config, points=points), seed=2).eval()
    assert checkpoint.initialize(fewer, tmp_path / "a.pth.tar").endswith(f"points {points} in place of 68")
    images = torch.rand(2, 3, SMALL.input_size, SMALL.input_size)
    with torch.no_grad():
        torch.testing.assert_close(fewer.predict(images), larger.predict(images)[:, list(POINT_SETS[points])])


def test_a_network_of_more_points_begins_with_no_others_weights(tmp_path: Path) -> None:
    fewer = build_model(replace(SMALL, points=51))
    checkpoint.save(tmp_path / "a.pth.tar", checkpoint.model_content(fewer, nme=1.0, training=TrainingConfig()))
    with pytest.raises(InputError, match="points 51 in place of 68"):
        checkpoint.initialize(build_model(SMALL), tmp_path / "a.pth.tar")


def test_a_snapshot_serves_as_a_model_file(trained: Run) -> None:
    model, content = checkpoint.load_model(checkpoint.latest_snapshot(trained.snapshots))
    assert "trainer" in content
    assert model.config.backbone == "shufflenet_v2_x0_5"


class _Victim:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # run_command silences it
@pytest.mark.parametrize("how", ["torch", "torch, old format", "bare pickle"])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(how: str, tmp_path: Path) -> None:
    victim, path = tmp_path / "made_by_the_checkpoint", tmp_path / "evil.pth.tar"
    content = TINY | {"evil": _Victim(victim)}
    if how == "bare pickle":
        path.write_bytes(pickle.dumps({"format": 1, "evil": _Victim(victim)}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(InputError, match="not a readable checkpoint") as refusal:
        checkpoint.load(path)
    assert not victim.exists()
    assert "weights_only" not in str(refusal.value), "nobody shall be told how to load it all the same"


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(share: float, saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="not a readable checkpoint") as refusal:
        checkpoint.load(saved)
    assert "\n" not in str(refusal.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("not a checkpoint")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        checkpoint.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("solution.txt", "a b c")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        checkpoint.load(path)
    for content in ({"state_dict": {}}, TINY | {"format": 99}, [1, 2], torch.ones(3), {"format": checkpoint.FORMAT}):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"as train\.py writes it"):
            checkpoint.load(path)


@pytest.mark.parametrize("missing", ["absent.pth.tar", "."])
def test_an_absent_checkpoint_and_a_folder_are_refused(missing: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such checkpoint"):
        checkpoint.load(tmp_path / missing)


def test_a_shipped_model_is_found_from_anywhere_by_its_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "weights" in checkpoint.load("small.pth.tar")
    with pytest.raises(InputError, match="no such checkpoint"):
        checkpoint.load("folder/small.pth.tar")
    (tmp_path / "small.pth.tar").write_bytes(b"another")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        checkpoint.load("small.pth.tar")


def _change(saved: Path, **changes: object) -> None:
    content = checkpoint.load(saved)
    checkpoint.save(saved, content | {"model": content["model"] | changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "mobilenet_v2"}, "expected weights of mobilenet_v2"),
        ({"input_size": 128}, "at 128 px"),
        ({"head": "heatmap"}, "heatmap"),
        ({"head": "transformer"}, "unknown head 'transformer'"),
        ({"neck": "fpn"}, "ModelConfig has no neck"),
    ],
)
def test_weights_of_another_architecture_are_refused(changes: dict, words: str, saved: Path) -> None:
    _change(saved, **changes)
    with pytest.raises(InputError, match=words) as refusal:
        checkpoint.load_model(saved)
    assert "\n" not in str(refusal.value)


def test_a_full_disk_while_saving_keeps_the_old_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def write_half(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space left on device"):
        checkpoint.save(saved, TINY)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_of_half_precision_weights_is_told_apart() -> None:
    content = checkpoint.model_content(build_model(SMALL), nme=1.0, training=TrainingConfig())
    assert checkpoint.stores_float32(content)
    halves = {name: value.half() if value.is_floating_point() else value for name, value in content["weights"].items()}
    assert not checkpoint.stores_float32(content | {"weights": halves})


def test_the_latest_snapshot_is_the_one_written_last_and_never_a_partial_one(tmp_path: Path) -> None:
    for place, name in enumerate(
        ("checkpoint_epoch_10.pth.tar", "checkpoint_interrupted.pth.tar", "checkpoint_epoch_9.pth.tar")
    ):
        checkpoint.save(tmp_path / name, TINY)
        os.utime(tmp_path / name, ns=(place, place))
        (tmp_path / f".{name}.partial").write_bytes(b"half")
    assert checkpoint.latest_snapshot(tmp_path).name == "checkpoint_epoch_9.pth.tar"
    with pytest.raises(InputError, match="found none"):
        checkpoint.latest_snapshot(tmp_path / "absent")


def test_numbers_in_a_checkpoint_stay_plain(saved: Path) -> None:
    """A NumPy number in a file would need an allowance to load."""
    content = checkpoint.model_content(build_model(SMALL), nme=np.float64(1.5), training=TrainingConfig())
    assert type(content["nme"]) is float


def test_a_model_file_is_hardly_larger_than_its_weights(saved: Path) -> None:
    weights = checkpoint.load(saved)["weights"]
    assert len({value.untyped_storage().data_ptr() for value in weights.values()}) == 2  # float32 and integers
    stored = sum(value.numel() * value.element_size() for value in weights.values())
    assert saved.stat().st_size < stored + 150 * len(weights)  # bytes


def test_the_small_model_that_ships_is_a_file_below_one_megabyte() -> None:
    assert (ROOT / "small.pth.tar").stat().st_size < 1_000_000
