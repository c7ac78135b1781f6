"""Habits that a machine can check: short files and pages, few parameters, no place of one machine."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from commands import ROOT

SOURCES = [*sorted(ROOT.glob("*.py")), *sorted((ROOT / "src").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MOST_LINES = 300  # of a file
MOST_PARAMETERS = 8  # of a function, without self
MOST_LINES_OF_README = 120
WIDEST_LINE_OF_LOG = 120  # characters


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _wide_functions(source: str) -> Iterator[str]:
    """The functions with more parameters than MOST_PARAMETERS, as `name (count)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > MOST_PARAMETERS:
                yield f"{node.name} ({count})"


def test_files_are_short() -> None:
    lines = {_name(path): path.read_text(encoding="utf-8").count("\n") for path in (*SOURCES, *TESTS)}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_files_say_what_they_are() -> None:
    silent = [_name(path) for path in SOURCES if not path.read_text(encoding="utf-8").startswith('"""')]
    assert silent == []


def test_functions_take_few_parameters() -> None:
    wide = {_name(path): list(_wide_functions(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert {name: functions for name, functions in wide.items() if functions} == {}


def test_a_wide_function_is_found() -> None:
    parameters = ", ".join(f"p{i}" for i in range(MOST_PARAMETERS))
    assert list(_wide_functions(f"def narrow(self, {parameters}): ...")) == []
    assert list(_wide_functions(f"def wide(q, *, {parameters}): ...")) == [f"wide ({MOST_PARAMETERS + 1})"]


def _flags_in_errors(source: str) -> Iterator[str]:
    """The flags that errors of a module speak of: callers from Python have settings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
            yield from re.findall(r"(?<![\w-])--[a-z]\w*", ast.unparse(node))


def test_errors_speak_of_flags_only_where_flags_are_read() -> None:
    sources = {_name(path): path.read_text(encoding="utf-8") for path in SOURCES}
    found = {name: list(_flags_in_errors(text)) for name, text in sources.items() if "argparse" not in text}
    assert {name: flags for name, flags in found.items() if flags} == {}
    assert list(_flags_in_errors('raise InputError(f"found {3}; give --points")')) == ["--points"]


def test_flags_and_progress_have_one_way_each() -> None:
    sources = {_name(path): path.read_text(encoding="utf-8") for path in SOURCES}
    own = {name: re.findall(r"argparse\.ArgumentParser\(|\btqdm\(", text) for name, text in sources.items()}
    assert {name: found for name, found in own.items() if found} == {"src/command_line.py": ["tqdm("]}


def test_the_readme_is_a_door() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= MOST_LINES_OF_README


def test_the_log_is_dated_newest_last_and_narrow() -> None:
    text = (ROOT / "LOG.md").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= WIDEST_LINE_OF_LOG
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    dates = [re.match(r"\d{4}-\d\d-\d\d(?=[:,])", heading).group() for heading in headings]
    assert dates == sorted(dates)


def test_nothing_in_the_repository_names_a_place_on_one_machine() -> None:
    absolute = re.compile(r"[\"'` (](?:/home/|/work/|/Users/|/mnt/)\w")
    for path in (*SOURCES, *TESTS, *PAGES, ROOT / "Makefile"):
        if path != Path(__file__):
            assert not absolute.search(path.read_text(encoding="utf-8")), path
