"""Point sets: 68, 51 and 12 points in every head, their mirror images, and commands that need all 68."""

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import SMALL, assert_refused, run
from conftest import data_flags, file_flags
from stand_in import distinct_points

from src.config import ModelConfig, TrainingConfig
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.evaluation.evaluate import evaluate
from src.markup import FLIP_PERMUTATION, MEAN_SHAPE, POINT_SETS, as_68, flip_permutation, select_points
from src.network import checkpoint
from src.network.heads import HEADS
from src.network.losses import l1
from src.network.model import build_model
from src.predict.inference import predict_unit

SUBSETS = (51, 12)


def _config(points: int, head: str = "regression") -> ModelConfig:
    return ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64, head=head, points=points)


@pytest.mark.parametrize("count", POINT_SETS)
def test_a_set_holds_its_own_mirror_images(count: int) -> None:
    permutation, chosen = flip_permutation(count), list(POINT_SETS[count])
    np.testing.assert_array_equal(permutation[permutation], np.arange(count))
    face = select_points(MEAN_SHAPE, count)
    np.testing.assert_allclose(face[permutation] * [-1, 1, 1], face, atol=1e-9)
    np.testing.assert_array_equal(np.array(chosen)[permutation], FLIP_PERMUTATION[chosen])


def test_a_set_returns_to_its_places() -> None:
    points = distinct_points(2)
    full = as_68(select_points(points, 12))
    np.testing.assert_array_equal(full[:, 36:48], points[:, 36:48])
    assert np.isnan(np.delete(full, range(36, 48), axis=1)).all()


def test_sets_are_taken_from_larger_ones() -> None:
    points = distinct_points(3)  # (3, 68, 2)
    np.testing.assert_array_equal(select_points(points, 51), points[:, 17:])
    np.testing.assert_array_equal(select_points(points, 12), points[:, 36:48])
    np.testing.assert_array_equal(select_points(points[:, 17:], 12), points[:, 36:48])
    np.testing.assert_array_equal(select_points(points[:, 17:], 51), points[:, 17:])
    for held in (51, 40):
        with pytest.raises(InputError, match=f"68 points of the model, found {held}"):
            select_points(points[:, :held], 68)


@pytest.mark.parametrize("points", SUBSETS)
@pytest.mark.parametrize("name", HEADS)
def test_every_head_predicts_and_learns_a_set(name: str, points: int) -> None:
    network = build_model(_config(points, name))
    raw = network(torch.rand(2, 3, 64, 64))
    target = torch.rand(2, points, 2) * 0.6 + 0.2
    assert network.head.decode(raw).shape == (2, points, 2)
    loss = network.head.loss(raw, target, l1)
    assert loss.shape == (2,)
    loss.sum().backward()
    assert all(p.grad is not None for p in network.head.parameters())


@pytest.mark.parametrize("name", ["heatmap", "heatmap_deconv", "pip"])
def test_a_set_s_targets_decode_to_its_points(name: str) -> None:
    head = build_model(_config(12, name)).head
    points = torch.as_tensor(0.3 + 0.4 * select_points(distinct_points(2), 12), dtype=torch.float32)
    target = head.encode(points)
    raw = target.clamp(min=1e-30).log() if name == "heatmap" else target
    torch.testing.assert_close(head.decode(raw), points, atol=2e-3, rtol=0)


def test_a_flipped_prediction_is_mirrored_within_its_set() -> None:
    network = build_model(_config(12)).eval()
    squares = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    both = predict_unit(network, squares, flip=True)
    mirrored = predict_unit(network, squares.flip(2), flip=True)[:, flip_permutation(12)]
    np.testing.assert_allclose(both, mirrored * [-1, 1] + [1, 0], atol=1e-5)


@pytest.mark.slow
def test_training_and_scoring_take_the_set_of_the_model(prepared: Path, tmp_path: Path) -> None:
    flags = (*data_flags(prepared), *file_flags(tmp_path), *SMALL, "--end_epoch", 1)
    outcome = run("train.py", *flags, "--points", 12)
    assert outcome.code == 0, outcome
    path = tmp_path / "best_model" / "best.pth.tar"
    model, content = checkpoint.load_model(path, points=None)
    errors = evaluate(model, load_prepared(prepared / "AFLW_validation_data"))
    assert errors.shape == (12, 12)
    assert content["nme"] == pytest.approx(errors.mean(), rel=1e-4)
    assert_refused(run("test.py", "--model_path", path, "--test_dataroot", prepared), "68 points", "found one of 12")
    resumed = run("train.py", *flags[:-1], 2, "--resume")
    assert resumed.code == 0, resumed
    assert checkpoint.load_model(path, points=12)[0].config.points == 12
    other = run("train.py", *flags, *file_flags(tmp_path / "other"), "--teacher", path, "--distill", "landmark")
    assert_refused(other, "68 points", "found one of 12")


def test_other_numbers_of_points_are_refused() -> None:
    with pytest.raises(InputError, match="68, 51, 12 points, found 5"):
        build_model(_config(5))


def test_a_model_file_without_the_entry_has_68_points(tmp_path: Path) -> None:
    content = checkpoint.model_content(build_model(_config(68)), nme=1.0, training=TrainingConfig())
    del content["model"]["points"]
    checkpoint.save(tmp_path / "old.pth.tar", content)
    assert checkpoint.load_model(tmp_path / "old.pth.tar")[0].config == checkpoint.replace(_config(68), auxiliary=False)
