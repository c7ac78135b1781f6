"""Values of notebooks' parameters: those that no notebook could use are refused before its kernel starts."""

import json
import re
from pathlib import Path

import pytest

from src.errors import InputError
from src.notebook import parameters
from src.notebook.parameters import (
    check_parameters,
    choose_parameters,
    find_notebook,
    list_notebooks,
    notebook_parameters,
)
from src.notebook.values import _RANGES, check_names

NAN = float("nan")


@pytest.mark.parametrize(
    ("notebook", "name", "value", "word"),
    [
        ("02", "epochs", 0, "from 1"),
        ("02", "epochs", True, "int"),
        ("02", "batch_size", -4, "from 1"),
        ("02", "lengths", [3, 0], "lengths from 1"),
        ("02", "lengths", [1.5], "list of int"),
        ("02", "blur", 1e9, "blur from 0 to 20"),
        ("02", "rotation", NAN, "found nan"),
        ("02", "few_faces", 8, "lower batch_size"),
        ("03", "seeds", [], "at least one entry in seeds"),
        ("03", "seeds", ["a"], "list of int"),
        ("03", "seeds", [-1], "found -1"),
        ("03", "seeds", [0, 0], "once"),
        ("03", "seeds", 3, "type list"),
        ("03", "seeds", [2**70], "seeds from 0"),
        ("03", "faces", 10**9, "faces from 1"),
        ("03", "backbones", ["shufflenet"], "shufflenet_v2_x0_5"),
        ("03", "head", "pip", "-p map_stride 4"),
        ("03", "map_stride", 16, "map_stride 4, or 8"),
        ("03", "input_size", 32, "from 64 to 512"),
        ("03", "learning_rate", NAN, "found nan"),
        ("03", "learning_rate", float("inf"), "found inf"),
        ("03", "hold", 1.0, "hold from 0"),
        ("03", "augmentation", "strong", "light"),
        ("04", "heads", ["heatmap", "points"], "heatmap_deconv"),
        ("04", "criteria", ["l1", "l3"], "wing"),
        ("04", "input_sizes", [64, 16], "from 64 to 512"),
        ("06", "training_sizes", [8, 400], "training_sizes of at least a batch"),
        ("08", "looks", 4, "from 1 to 3"),
        ("08", "crop", [1, 2], "3 numbers"),
        ("08", "crop", [1, 2, 0], "at least a pixel"),
        ("10", "accept", 0.01, "accept from 0.2"),
        ("09", "student_backbone", "x", "shufflenet_v2_x0_5"),
        ("01", "turned", [40.0], "2 numbers"),
        ("01", "folders", [3], "list of str"),
    ],
)
def test_a_value_that_a_notebook_could_only_fail_at_is_one_line(
    notebook: str, name: str, value: object, word: str
) -> None:
    path = find_notebook(notebook)
    with pytest.raises(InputError, match=f"^{path.stem}: expected ") as error:
        choose_parameters(path, {name: value}, {})
    assert name in str(error.value)
    assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("notebook", "given"),
    [
        ("03", {"seeds": [5], "backbones": ["pfld"], "learning_rate": 1, "batch_size": 1, "hold": 0}),
        ("03", {"head": "pip", "map_stride": 4, "input_size": 65}),
        ("04", {"criteria": ["star"], "input_sizes": [512]}),
        ("02", {"left_out": [], "shown": 0, "rotation": -30}),
        ("07", {"more_models": [], "occlusion": [0, 0.5]}),
        ("08", {"crop": [20, 20, 200]}),
        ("11", {"held_out": ["afw_"]}),
        ("10", {"held_out": 20}),
        ("03", {"training_data": "a", "validation_data": "b", "batch_size": 512}),  # the folder decides
    ],
)
def test_unusual_values_are_accepted(notebook: str, given: dict[str, object]) -> None:
    assert choose_parameters(find_notebook(notebook), given, {}) == given


def test_the_loss_of_maps_goes_with_the_heads_that_have_them() -> None:
    with pytest.raises(InputError, match="criteria for the head simcc"):
        choose_parameters(find_notebook("04"), {"criteria": ["star"], "head": "simcc", "map_stride": 4}, {})


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.stem)
def test_defaults_are_values_themselves_and_numbers_have_a_range(path: Path) -> None:
    defaults = notebook_parameters(path)
    assert choose_parameters(path, defaults, {}) == defaults
    numbers = {name for name, value in defaults.items() if type(value) in (int, float)}
    assert numbers - {"map_stride"} <= _RANGES.keys()


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.stem)
def test_values_edited_in_jupyterlab_are_checked_by_the_setup_cell(path: Path) -> None:
    scope = notebook_parameters(path)
    check_parameters(path.stem, scope)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert f'\ncheck_parameters("{path.stem}", globals())\n' in "".join(
        line for cell in cells for line in cell["source"]
    )
    name = "seeds" if "seeds" in scope else "seed"
    with pytest.raises(InputError, match=f"^{path.stem}: expected seeds? "):
        check_parameters(path.stem, scope | {name: -1})


@pytest.mark.parametrize(
    ("saved", "value", "found"),
    [
        ('epochs: int = "5"', "5", "epochs of type int, found '5'"),  # saved with the wrong value
        ("epochs: int = 2 * 3", 6, ""),
        ("epochs: int = 2 * 3", 0, "epochs from 1 to"),
        ("seeds: list = []", [], "at least one entry in seeds, found none"),
        ('seeds: list = ["a"]', ["a"], "seeds as a list of int"),
        ('seeds: list = ["a"]', [0, 1], ""),  # mended, but not saved yet
        ("seeds: list = 3", [0, 1], ""),
        ("seeds: list = 3", 3, "seeds of type list, found 3"),
        ("decays: list = [0.9]", [0.5, 0.99], ""),  # a student's own
        ("epochs = 5", "x", ""),  # its type is not declared
        ("import os\nepochs: int = 5", 5, ""),
    ],
)
def test_the_saved_file_tells_types_only(
    saved: str, value: object, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "NOTEBOOKS", tmp_path)
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": saved.splitlines(keepends=True)}
    (tmp_path / "01_own.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    scope = {re.search(r"(\w+)(: \w+)? =", saved)[1]: value}
    if not found:
        check_parameters("01_own", scope)
        check_parameters("01_copied", scope)
        return
    with pytest.raises(InputError, match=found):
        check_parameters("01_own", scope)


def test_an_input_error_is_one_line_in_jupyterlab() -> None:
    assert InputError("expected a, found b")._render_traceback_() == ["InputError: expected a, found b"]


def test_unknown_names_of_rows_are_refused() -> None:
    check_names("left_out", [], ["gray"])
    with pytest.raises(InputError, match="expected left_out of gray, found 'grey'"):
        check_names("left_out", ["grey"], ["gray"])
