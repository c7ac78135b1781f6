"""Every notebook: one parameters cell, clean committed outputs, and it runs top to bottom at the smallest size."""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from src.notebook import data as notebook
from src.notebook import identity
from src.notebook.parameters import NOTEBOOKS, choose_parameters, list_notebooks, notebook_parameters, read_parameters

pytestmark = pytest.mark.slow

ALL = pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.stem)
LARGEST = 700_000  # bytes
LONGEST_FUNCTION = 15  # lines; a longer one belongs into src
ABSOLUTE = re.compile(r"(?<![\w.])/(?:home|work|tmp|Users|mnt|root)/")

_SMALL = {"faces": 16, "epochs": 1, "batch_size": 8, "seeds": [0]}
TINY: dict[str, dict[str, object]] = {
    "01_data": {"faces": 16, "drawn": 2},
    "02_augmentation": {**_SMALL, "few_faces": 8, "lengths": [1], "shown": 2},
    "03_backbones": {**_SMALL, "backbones": ["shufflenet_v2_x0_5", "mobilenet_v3_small"], "with_onnx": False},
    "04_heads_and_losses": {**_SMALL, "heads": ["regression", "heatmap"], "criteria": ["l1", "l2"]},
    "05_euler_branch": _SMALL,
    "06_training": {**_SMALL, "training_sizes": [8, 16]},
    "07_errors": {"drawn": 2, "damaged_faces": 8, "occlusion": [0.0, 0.4], "blur": [0.0, 1.0], "rotation": [0.0, 30.0]},
    "08_submission": {},
    "09_teacher_student": _SMALL,
    "10_autolabel": {
        **{"faces": 24, "labeled": 10, "elsewhere": 12, "others": 16, "held_out": 6, "accept": 1.0, "copies": 2},
        **{"epochs": 1, "batch_size": 8, "seeds": [0]},
    },
    "11_eyes": {**_SMALL, "tested": 12, "model_path": "", "drawn": 2},
    "12_compression": {"faces": 16, "batch_size": 8, "calibration_faces": 8, "pruning_steps": 1, "crops_per_round": 8},
    "13_steps": {"faces": 16, "crops": 16, "batch_size": 8, "seeds": [0], "only_options": ["CoordConv"]},
}
COLUMNS: dict[str, dict[str, set[str]]] = {
    "01_data": {
        "01_data_sets": {"set", "faces", "brightness (%)"},
        "01_data_convention": {"pose", "set", "all", "by chance", "p", "jaw"},
    },
    "02_augmentation": {
        "02_augmentation": {"augmentation", "clean", "clean_std", "n", "occlusion", "blur", "rotation"},
        "02_augmentation_steps": {"augmentation", "steps", "nme", "nme_std", "n"},
        "02_augmentation_published": {"augmentation", "our rank", "published rank"},
    },
    "03_backbones": {
        "03_backbones": {"backbone", "MB", "parameters", "MMACs", "nme", "nme_std", "n", "note"},
    },
    "04_heads_and_losses": {
        "04_heads": {"head", "MB", "MMACs", "nme", "nme_std", "n", "note"},
        "04_losses": {"loss", "nme", "nme_std", "n", "note"},
        "04_input_sizes": {"input_size", "MMACs", "nme", "nme_std", "n", "note"},
    },
    "05_euler_branch": {
        "05_euler_branch": {"arm", "nme", "nme_std", "n", "note"},
        "05_by_yaw": {"arm", "yaw", "nme", "nme_std", "n", "faces"},
        "05_angles": {"angles", "pitch", "yaw", "roll"},
    },
    "06_training": {
        "06_ways": {"way", "nme", "nme_std", "n", "note"},
        "06_seeds": {"seed", "nme", "steps"},
        "06_training_sizes": {"faces", "steps", "nme", "nme_std", "n", "note"},
    },
    "07_errors": {
        "07_errors": {"model", "nme", "low", "high", "auc", "failures"},
        "07_errors_paired": {"from", "to", "change", "low", "high", "error is"},
        "07_errors_by_region_and_yaw": {"faces", "all", "jaw", "mouth"},
        "07_errors_damage": {"damage", "level", "nme"},
    },
    "08_submission": {"08_submission_rules": {"rule", "allowed", "found", "kept"}},
    "09_teacher_student": {"09_teacher_student": {"way", "nme", "nme_std", "n", "note"}},
    "10_autolabel": {
        "10_autolabel": {"situation", "way", "nme", "nme_std", "n", "note"},
        "10_autolabel_certainty": {"situation", "seed", "certain", "kept", "left out"},
        "10_autolabel_rounds": {
            "situation",
            "seed",
            "round",
            "human",
            "pseudo",
            "refined",
            "moved",
            "held_out_nme",
            "certain_nme",
        },
    },
    "11_eyes": {
        "11_eyes": {"network", "nme", "nme_std", "n", "auc", "auc_std", "on closed eyes", "kilobytes", "mmacs"},
        "11_detection": {"network", "auc", "kind", "threshold", "ratio_error", "closed_found", "false_alarms"},
    },
    "12_compression": {
        "12_compression": {"round", "nme_before", "nme", "mmacs", "megabytes"},
        "12_compression_forms": {"form", "megabytes", "nme", "change", "low", "high", "error is"},
        "12_compression_control": {"network", "nme", "change", "beside"},
    },
    "13_steps": {
        "13_steps": {"step", "nme", "nme_std", "n", "crops", "gain", "note"},
        "13_by_yaw": {"bin", "step", "nme", "nme_std", "n"},
        "13_options": {"option", "nme", "nme_std", "n", "note"},
    },
}


@pytest.fixture(scope="module", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Faces, runs and tables of these tests only; a dozen faces to validate."""
    root = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "RUNS", root / "runs")
        patch.setattr(notebook, "DATA", root / "data")
        patch.setattr(notebook, "TABLES", root / "tables")
        patch.setattr(notebook, "VALIDATION_FACES", 12)
        patch.chdir(NOTEBOOKS)  # as JupyterLab starts them
        yield


def _cells(path: Path, kind: str = "code") -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _without_magics(source: str) -> str:
    """Python alone: lines like %config speak to Jupyter."""
    return re.sub(r"^%.*$", "", source, flags=re.MULTILINE)


@ALL
def test_it_opens_with_its_question_and_one_cell_of_commented_literals(path: Path) -> None:
    assert _source(_cells(path, "markdown")[0]).startswith(f"# {path.stem[:2]} ")
    assert "**" in _source(_cells(path, "markdown")[0])
    cell = _source(_cells(path)[0])
    assert notebook_parameters(path)
    assert all(isinstance(statement, ast.AnnAssign) for statement in ast.parse(cell).body)


@ALL
def test_its_committed_outputs_are_none_or_those_of_one_clean_run(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cells = _cells(path)
    outputs = [output for cell in cells for output in cell["outputs"]]
    counts = [cell["execution_count"] for cell in cells]
    assert counts == (list(range(1, len(cells) + 1)) if outputs else [None] * len(cells))
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert not ABSOLUTE.search(re.sub(r'"image/png": "[^"]*"', "", text))
    assert len(text) < LARGEST
    if outputs:
        _check_conclusion("".join(text for output in cells[-1]["outputs"] for text in output.get("text", [])))


def _sections(path: Path) -> list[str]:
    """The headings of the second level, in order."""
    text = "\n".join(map(_source, _cells(path, "markdown")))
    return re.findall(r"^## (.*)$", text, flags=re.MULTILINE)


@ALL
def test_its_discussion_is_followed_by_the_conclusion_and_two_exercises(path: Path) -> None:
    assert _sections(path)[-3:] == ["Discussion", "What we learned", "Exercises"]
    assert _cells(path)[-1]["metadata"]["jupyter"]["source_hidden"] is True
    assert re.findall(r"^(\d)\. ", _source(_cells(path, "markdown")[-1]), flags=re.MULTILINE) == ["1", "2"]
    assert "Run time" in _source(_cells(path, "markdown")[0])


@ALL
def test_it_concludes_with_what_we_learned_in_computed_numbers(path: Path) -> None:
    assert "What we learned" in _sections(path)[-2:]
    source = _source(_cells(path)[-1])
    assert not re.search(r"\d\.\d", re.sub(r"\{[^{}]*\}", "", source)), "a number typed by hand"


def _check_conclusion(text: str) -> None:
    sentences = text.splitlines()
    assert 3 <= sum(sentence.startswith("- ") for sentence in sentences) <= 8
    assert all(sentence.startswith(("- ", "  ")) for sentence in sentences)
    assert not re.search(r"\bnan\b", text)


@ALL
def test_its_functions_are_short(path: Path) -> None:
    for cell in _cells(path):
        for node in ast.walk(ast.parse(_without_magics(_source(cell)))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


@ALL
@pytest.mark.parametrize("file", ["full.yaml", "medium.yaml", "short.yaml"])
def test_the_parameter_files_fit(path: Path, file: str) -> None:
    shared = read_parameters(NOTEBOOKS / file)
    assert choose_parameters(path, {}, shared).keys() <= shared.keys()


@ALL
def test_it_runs_at_the_smallest_size_and_writes_its_tables(path: Path) -> None:
    if path.stem not in TINY:
        pytest.skip("has its smallest size in the tests of its own subject")
    parameters = choose_parameters(path, TINY[path.stem], {})
    scope = {"__name__": "__main__", "display": lambda *_: None}
    for cell in _cells(path):
        with redirect_stdout(StringIO()) as printed:
            exec(compile(_without_magics(_source(cell)), path.stem, "exec"), scope)
        if "parameters" in cell["metadata"].get("tags", []):
            scope.update(parameters)
    _check_conclusion(printed.getvalue())
    for name, columns in COLUMNS[path.stem].items():
        assert columns <= set(pd.read_csv(notebook.TABLES / f"{name}.csv").columns), name
