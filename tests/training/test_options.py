"""The way between train.py's flags and configurations."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src.config import ModelConfig, TrainingConfig, to_dict
from src.errors import InputError
from src.network import checkpoint
from src.network.backbones import BACKBONES
from src.network.model import build_model
from src.training.flags import build_parser
from src.training.options import configurations, describe_flags, parse
from src.training.recipes import RECIPES

CHANGED = {
    "--attention": ("coordinate", "attention"),
    "--pip_neighbors": (7, "pip_neighbors"),
    "--pip_cls": (12.0, "pip_score_weight"),
    "--pip_reg": (2.0, "pip_offset_weight"),
}
CHANGED_TRAINING = {
    "--loss": ("star", "criterion"),
    "--teacher": ("teacher.pth.tar", "teacher"),
    "--distill": ("landmark", "distill"),
    "--distill_weight": (3.0, "distill_weight"),
}


def _words(changed: dict) -> list[str]:
    return [str(word) for flag, (value, _) in changed.items() for word in (flag, value)]


def test_without_flags_the_configurations_are_the_defaults() -> None:
    assert configurations(parse([])[0]) == (ModelConfig(), TrainingConfig())


def test_flags_reach_their_fields() -> None:
    words = [*_words(CHANGED), *_words(CHANGED_TRAINING), "--coord_conv", "--mutual"]
    model, training = configurations(parse(words)[0])
    assert [getattr(model, field) for _, field in CHANGED.values()] == [value for value, _ in CHANGED.values()]
    for value, field in CHANGED_TRAINING.values():
        assert getattr(training, field) == value
    assert model.coord_conv
    assert training.mutual


def test_a_crop_reaches_the_model_and_must_show_part_of_the_picture() -> None:
    assert configurations(parse(["--crop", "0.5", "0.53", "0.8"])[0])[0].crop == (0.5, 0.53, 0.8)
    with pytest.raises(InputError, match=r"a side from 0.05 to 4.0, found \(0.5, 0.53, 0.0\)"):
        configurations(parse(["--crop", "0.5", "0.53", "0"])[0])


def test_a_snapshots_flags_come_back_and_yield_to_explicit_ones(tmp_path: Path) -> None:
    model, training = ModelConfig(head="pip", coord_conv=True, pip_neighbors=3), TrainingConfig(distill_weight=4.0)
    content = {"format": checkpoint.FORMAT, "model": to_dict(model), "training": to_dict(training), "weights": {}}
    path = tmp_path / "snapshot"
    checkpoint.save(path, content | {"trainer": {"auxiliary": True}})
    flags, _ = parse(["--resume", str(path), "--no-coord_conv"])
    assert flags.allow_large
    found, found_training = configurations(flags)
    assert found == ModelConfig(head="pip", coord_conv=False, pip_neighbors=3)
    assert found_training == training


def test_files_from_before_an_option_load_with_its_default(tmp_path: Path) -> None:
    old = ("attention", "coord_conv", "pip_neighbors", "pip_score_weight", "pip_offset_weight")
    network = build_model(ModelConfig(backbone="shufflenet_v2_x0_5", head="pip", input_size=64), seed=5).eval()
    content = checkpoint.model_content(network, nme=1.0, training=TrainingConfig())
    content["model"] = {name: value for name, value in content["model"].items() if name not in old}
    checkpoint.save(tmp_path / "old", content)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        found = checkpoint.load_model(tmp_path / "old")[0].predict(images)
        torch.testing.assert_close(found, network.predict(images), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_flags_and_its_network_can_be_built(name: str) -> None:
    assert RECIPES[name].keys() <= vars(build_parser().parse_args([])).keys()
    model, _ = configurations(parse(["--recipe", name])[0])
    assert model.backbone in BACKBONES
    assert build_model(model).config == model


def test_fine_tuning_does_not_begin_with_smaller_inputs() -> None:
    with pytest.raises(InputError, match="with --init, set it to 0"):
        configurations(parse(["--recipe", "best", "--init", "best.pth.tar"])[0])


@pytest.mark.parametrize("flag", ["--pip_cls", "--pip_reg"])
@pytest.mark.parametrize("value", ["-1", "nan"])
def test_a_weight_below_zero_is_refused(flag: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"{flag}\b.* (of at least 0|found 'nan')"):
        configurations(parse([flag, value])[0])


def test_a_pruned_models_own_network_is_expected() -> None:
    start = {"model": to_dict(ModelConfig(head="heatmap", widths=(8,) * 18))}
    flags = ["--init", "pruned.pth.tar"]
    assert configurations(parse(["--head", "heatmap", *flags])[0], start)[0].widths == (8,) * 18
    with pytest.raises(
        InputError, match=r"own network, found head regression in place of heatmap; give --head heatmap$"
    ):
        configurations(parse(flags)[0], start)


@pytest.mark.parametrize(
    ("recipe", "more", "said"),
    [
        ("best", {}, "; give --recipe best --start_size 0"),
        ("large", {}, "; give --recipe large --start_size 0"),
        ("small", {}, "; give --recipe small"),
        ("best", {"widths": (8,) * 18}, "; give --recipe best --start_size 0"),
        ("best", {"shape_layer": False}, "; give --head heatmap --map_stride 8"),
        ("pipnet", {}, "; give --recipe pipnet"),
        ("demo", {}, "; give --head heatmap"),
    ],
)
def test_the_shortest_flags_for_a_files_network_are_named(recipe: str, more: dict, said: str) -> None:
    made, _ = configurations(parse(["--recipe", recipe])[0])
    stored = replace(made, **more)
    assert describe_flags(stored, ModelConfig()) == said
    assert describe_flags(stored, stored) == ""


@pytest.mark.parametrize("look", [("0.5", "0.5", "0", "0.5"), ("-1", "0.5", "0.5", "0.5"), ("0.5", "0.5", "0.5", "2")])
def test_a_second_look_that_no_file_may_hold_is_refused(look: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="expected second_look as a center"):
        configurations(parse(["--second_look", *look])[0])
