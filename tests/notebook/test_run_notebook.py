"""python3 -m src.notebook: finds notebooks, refuses unknown parameters, writes what can be committed."""

import json
import logging
import os
import signal
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from commands import Outcome, assert_refused, load, run

from src.notebook import parameters

SCRIPT = "src/notebook/__main__.py"
PARAMETERS = 'faces: int = 4  # rendered\nrate: float = 0.5\nnames: list = ["a"]\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The runner with two notebooks of its own: one prints its parameters, one fails."""
    module = load(SCRIPT)
    for each in (module, parameters):
        monkeypatch.setattr(each, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(module, "TABLES", tmp_path / "output")
    prints = 'import sys\nprint(faces, rate, names)\nprint("50 %", end="\\r", file=sys.stderr)'
    _write_notebook(tmp_path / "notebooks" / "01_prints.ipynb", PARAMETERS, prints)
    _write_notebook(tmp_path / "notebooks" / "02_fails.ipynb", "other: int = 1", "1 / 0")
    return module


def _write_notebook(path: Path, *sources: str) -> None:
    """A notebook that names no kernel, as tools that strip metadata leave it."""
    cells = [
        {"cell_type": "code", "id": str(i), "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for i, source in enumerate(sources)
    ]
    cells[0]["metadata"]["tags"] = ["parameters"]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _run(*arguments: object) -> Outcome:
    return run(SCRIPT, *arguments)


@pytest.mark.slow
def test_a_notebook_runs_with_the_given_parameters_and_leaves_nothing_volatile(module: ModuleType) -> None:
    file = module.NOTEBOOKS.parent / "full.yaml"
    file.write_text("faces: 9\nrate: 2\nother: 7\n", encoding="utf-8")
    outcome = _run("1", "-p", "names", "['b', 'c']", "-f", file)
    assert outcome.code == 0, outcome
    text = (module.TABLES / "01_prints.ipynb").read_text(encoding="utf-8")
    outputs = [output for cell in json.loads(text)["cells"] for output in cell["outputs"]]
    assert [output["text"] for output in outputs] == [["9 2 ['b', 'c']\n"]]  # and no progress bar
    assert "papermill" not in json.loads(text)["metadata"]
    assert str(module.NOTEBOOKS.parent) not in text


def test_text_that_a_slow_kernel_sends_in_pieces_is_one_piece() -> None:
    def printed(text: str, name: str = "stdout") -> dict:
        return {"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}

    table = {"output_type": "display_data", "data": {}, "metadata": {}}
    outputs = [printed("a\nb"), printed("bar", "stderr"), printed("c\n"), table, printed("d\n")]
    notebook = {"metadata": {}, "cells": [{"metadata": {}, "outputs": outputs}]}
    (cell,) = json.loads(load(SCRIPT).strip_volatile(json.dumps(notebook)))["cells"]
    assert cell["outputs"] == [printed("a\nbc\n"), table, printed("d\n")]


def test_a_report_names_the_command(module: ModuleType, tmp_path: Path) -> None:
    outcome = _run("1", "-p", "faces", 3, "--report", tmp_path / "pages")
    assert outcome.code == 0, outcome
    text = (tmp_path / "pages" / "01_prints.md").read_text(encoding="utf-8")
    assert "python3 -m src.notebook 1 -p faces 3" in text
    assert "3 0.5 ['a']" in text


def test_update_keeps_the_outputs_in_the_notebook_itself(module: ModuleType) -> None:
    assert _run("01_prints", "--update").code == 0
    cells = json.loads((module.NOTEBOOKS / "01_prints.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [cell["execution_count"] for cell in cells] == [1, 2]
    assert_refused(_run("01", "--update", "-p", "faces", 3), "--update")


def test_a_failing_cell_is_one_line_and_leaves_the_notebook_to_look_at(module: ModuleType) -> None:
    assert_refused(_run("02"), "02_fails", "ZeroDivisionError", "02_fails_failed.ipynb")
    assert (module.TABLES / "02_fails_failed.ipynb").is_file()
    assert not (module.TABLES / "02_fails.ipynb").exists()


@pytest.mark.slow
def test_after_ctrl_c_a_kernel_that_missed_it_begins_no_further_cell(module: ModuleType, tmp_path: Path) -> None:
    """As one does that is still starting, or rests between two cells."""
    started, second = tmp_path / "started", tmp_path / "second"
    deaf = "import pathlib, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)"
    _write_notebook(
        module.NOTEBOOKS / "03_deaf.ipynb",
        "number: int = 1",
        f"{deaf}\npathlib.Path({str(started)!r}).touch()\ntime.sleep(2)",
        f"pathlib.Path({str(second)!r}).touch()",
    )

    def press_ctrl_c() -> None:
        while not started.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    outcome = _run("03")
    logging.disable(logging.NOTSET)  # as it is in the next process
    assert (outcome.code, outcome.err) == (130, "interrupted\n")
    assert not second.exists()
    assert not (module.TABLES / "03_deaf.ipynb").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("01", "-p", "face", 3), ("01_prints", "face", "faces")),
        (("01", "-p", "faces", "many"), ("faces", "int", "'many'")),
        (("01", "-p", "faces", "2.5"), ("faces", "int", "2.5")),
        (("01", "-p", "names", "b"), ("names", "list")),
        (("03",), ("01_prints", "'03'")),
        (("nothing",), ("01_prints", "'nothing'")),
        ((), ("--all",)),
        (("01", "--all"), ("--all",)),
        (("01", "-f", "nowhere.yaml"), ("nowhere.yaml",)),
    ],
)
@pytest.mark.usefixtures("module")
def test_wrong_arguments_are_refused(arguments: tuple[object, ...], words: tuple[str, ...]) -> None:
    assert_refused(_run(*arguments), *words)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("fases: 3", "fases"),
        ("- 3", "name: value"),
        ("a: [", "YAML"),
        ("other: 7", "expected parameters of 01_prints, found other"),  # those of another notebook
    ],
)
def test_wrong_parameter_files_are_refused(module: ModuleType, text: str, word: str) -> None:
    file = module.NOTEBOOKS.parent / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    assert_refused(_run("01", "-f", file), "wrong.yaml", word)


def test_a_notebook_without_one_parameters_cell_is_refused(module: ModuleType) -> None:
    path = module.NOTEBOOKS / "01_prints.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace('"tags": ["parameters"]', '"tags": []'), encoding="utf-8")
    assert_refused(_run("01"), "found 0")
    path.write_text("{", encoding="utf-8")
    assert_refused(_run("01"), "not a readable notebook")
    for cell, word in (("faces: int = 2 * 3", "plain values"), ("faces: int =", "not Python")):
        _write_notebook(path, cell)
        assert_refused(_run("01"), "01_prints.ipynb", word)


@pytest.mark.usefixtures("module")
def test_a_value_of_the_right_kind_may_be_a_whole_number() -> None:
    path = parameters.find_notebook("01")
    assert parameters.choose_parameters(path, {"rate": 1}, {"faces": 3, "unknown here": 0}) == {"rate": 1, "faces": 3}


def test_the_notebooks_themselves_are_replaced_by_update_alone(module: ModuleType) -> None:
    before = (module.NOTEBOOKS / "01_prints.ipynb").read_bytes()
    assert_refused(_run("01", "--out_dir", module.NOTEBOOKS / ".." / "notebooks"), "would replace the notebooks")
    assert (module.NOTEBOOKS / "01_prints.ipynb").read_bytes() == before
