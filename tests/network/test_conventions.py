"""A second convention in a model file: its own stays the same, the other is found by name, a stale one is refused."""

from pathlib import Path

import pytest
import torch
from commands import SMALL as SMALL_FLAGS
from commands import assert_refused, run
from conftest import Run
from stand_in import write_faces

from src.config import ModelConfig, TrainingConfig, to_dict
from src.errors import InputError
from src.network import checkpoint, conventions
from src.network.model import build_model

SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", head="heatmap", input_size=64, map_stride=8, auxiliary=False)
MAPS = "head.maps.weight"


def _content(seed: int = 1) -> dict:
    return checkpoint.model_content(build_model(SMALL, seed=seed), nme=2.5, training=TrainingConfig())


def _other_maps(content: dict) -> dict[str, torch.Tensor]:
    return {MAPS: torch.randn(content["weights"][MAPS].shape, generator=torch.Generator().manual_seed(0))}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model with the convention 300w, whose maps are random."""
    content = _content()
    checkpoint.save(tmp_path / "both.pth.tar", conventions.add(content, "300w", _other_maps(content), nme=1.5))
    return tmp_path / "both.pth.tar"


def test_the_models_own_points_stay_the_same_to_the_last_bit(saved: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "alone.pth.tar", _content())
    alone, content = checkpoint.load_model(tmp_path / "alone.pth.tar")
    images = torch.rand(2, 3, 64, 64)
    for name in (None, "aflw"):
        both, with_other = checkpoint.load_model(saved, convention=name)
        assert torch.equal(both.predict(images), alone.predict(images))
        assert both.config == alone.config
        assert with_other["nme"] == content["nme"] == 2.5


def test_the_other_convention_has_its_own_last_layers_and_the_same_features(saved: Path) -> None:
    content = checkpoint.load(saved)
    other, chosen = checkpoint.load_model(saved, convention="300w")
    state = other.state_dict()
    assert {name for name, value in content["weights"].items() if not torch.equal(state[name], value)} == {MAPS}
    assert torch.equal(state[MAPS], _other_maps(content)[MAPS])
    assert other.config.convention == "300w"
    assert chosen["nme"] == 1.5


def test_an_unknown_convention_names_those_that_are_there(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="aflw, 300w, found 'wflw'") as refusal:
        checkpoint.load_model(saved, convention="wflw")
    assert str(saved) in str(refusal.value)
    checkpoint.save(saved, _content())
    with pytest.raises(InputError, match=r"its conventions, aflw, found '300w'"):
        checkpoint.load_model(saved, convention="300w")


def test_a_convention_of_other_features_is_refused(saved: Path) -> None:
    """As of a script that puts new weights into an old file."""
    content = checkpoint.load(saved)
    checkpoint.save(saved, content | {"weights": _content(seed=2)["weights"]})
    with pytest.raises(InputError, match="the features that the convention 300w was fitted to"):
        checkpoint.load_model(saved, convention="300w")
    assert checkpoint.load_model(saved)[0].config.convention == "aflw"


def test_a_convention_of_features_in_bfloat16_is_refused(saved: Path) -> None:
    content = checkpoint.load(saved)
    halved = {name: v.bfloat16() if v.is_floating_point() else v for name, v in content["weights"].items()}
    checkpoint.save(saved, content | {"weights": halved})
    with pytest.raises(InputError, match="the features that the convention 300w was fitted to"):
        checkpoint.load_model(saved, convention="300w")


def test_other_maps_of_the_model_itself_are_no_other_features(saved: Path) -> None:
    content = checkpoint.load(saved)
    content["weights"][MAPS] += 1
    checkpoint.save(saved, content)
    assert checkpoint.load_model(saved, convention="300w")[0].config.convention == "300w"


WRONG = {
    "no dictionary": [1],
    "no entry": {"300w": 7},
    "a part is missing": {"300w": {"features": "", "weights": {MAPS: torch.ones(68, 128, 1, 1)}}},
    "no name": {"": {"features": "", "weights": {MAPS: torch.ones(68, 128, 1, 1)}, "nme": 1.0}},
    "a name of another type": {7: {"features": "", "weights": {MAPS: torch.ones(68, 128, 1, 1)}, "nme": 1.0}},
    "no weights": {"300w": {"features": "", "weights": {}, "nme": 1.0}},
    "an unknown layer": {"300w": {"features": "", "weights": {"head.other": torch.ones(1)}, "nme": 1.0}},
    "another shape": {"300w": {"features": "", "weights": {MAPS: torch.ones(68, 96, 1, 1)}, "nme": 1.0}},
    "half precision": {"300w": {"features": "", "weights": {MAPS: torch.ones(68, 128, 1, 1).half()}, "nme": 1.0}},
    "one number for many": {
        "300w": {"features": "", "weights": {MAPS: torch.ones(1).expand(68, 128, 1, 1)}, "nme": 1.0}
    },
    "not finite": {"300w": {"features": "", "weights": {MAPS: torch.full((68, 128, 1, 1), torch.nan)}, "nme": 1.0}},
    "no digest": {"300w": {"features": 7, "weights": {MAPS: torch.ones(68, 128, 1, 1)}, "nme": 1.0}},
    "no nme": {"300w": {"features": "", "weights": {MAPS: torch.ones(68, 128, 1, 1)}, "nme": "good"}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_file_with_a_broken_convention_is_refused_whatever_is_asked_of_it(wrong: object, saved: Path) -> None:
    checkpoint.save(saved, checkpoint.load(saved) | {"conventions": wrong})
    with pytest.raises(InputError, match="convention") as refusal:
        checkpoint.load_model(saved)
    assert str(saved) in str(refusal.value)
    assert len(str(refusal.value)) < 300 + len(str(saved))


def test_the_own_conventions_name_is_not_taken_twice() -> None:
    content = _content()
    with pytest.raises(InputError, match="another name"):
        conventions.add(content, "aflw", _other_maps(content), nme=1.0)


def test_a_second_convention_counts_in_the_size(saved: Path) -> None:
    content = checkpoint.load(saved)
    assert conventions.megabytes(content) == pytest.approx(68 * 128 * 4 / 1e6)
    assert conventions.megabytes(_content()) == 0


def test_files_from_before_conventions_say_the_same() -> None:
    assert "convention" not in to_dict(SMALL)
    assert _content().keys() == {"format", "model", "weights", "nme", "training"}


@pytest.mark.slow
def test_training_from_a_model_says_that_its_conventions_are_left_out(trained: Run, tmp_path: Path) -> None:
    content = checkpoint.load(trained.best)
    name = next(name for name in content["weights"] if name.startswith("head.") and name.endswith("weight"))
    start = tmp_path / "start.pth.tar"
    checkpoint.save(start, conventions.add(content, "300w", {name: content["weights"][name]}, nme=1.0))
    tuned = Run(tmp_path / "tuned", trained.prepared)
    outcome = run("train.py", *SMALL_FLAGS, "--init", start, "--end_epoch", 1, *tuned.flags)
    assert outcome.code == 0, outcome
    assert "left out, as the features change: the convention 300w" in outcome.out
    assert "conventions" not in checkpoint.load(tuned.best)
    assert_refused(run("test.py", "--model_path", tuned.best, "--convention", "300w"), "aflw, found '300w'")
    write_faces(tmp_path / "labeled", 12, seed=1)
    write_faces(tmp_path / "unlabeled", 2, seed=2, annotated=False)
    folders = ("--labeled", tmp_path / "labeled", "--unlabeled", tmp_path / "unlabeled", "--out", tmp_path / "out")
    outcome = run("src/autolabel/__main__.py", *folders, *SMALL_FLAGS, "--init", start, "--end_epoch", 1, "--rounds", 0)
    assert outcome.code == 0, outcome
    assert "left out, as the features change: the convention 300w" in outcome.out
