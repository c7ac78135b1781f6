"""The pages tell the truth about names: every path, module, flag, choice, target and link in them exists."""

import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from commands import ROOT, parser_of

from src.training.flags import build_parser

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*PAGES, ROOT / "LOG.md", *sorted((ROOT / "docs" / "results").glob("*.md"))]
SCRIPTS = ("preparation.py", "train.py", "test.py", "bench.py")
OTHER_PROGRAMS_FLAGS = {
    "--exclude",
    "--help",
    "--nnodes",
    "--nproc_per_node",
    "--directory",
    "--prefix",
}  # argparse, torchrun, http.server, npm

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _known_flags() -> set[str]:
    sources = [ROOT / script for script in SCRIPTS] + sorted((ROOT / "src").rglob("*.py"))
    flags = set(chain.from_iterable(re.findall(r'"(--[\w-]+)"', path.read_text(encoding="utf-8")) for path in sources))
    return flags | {flag.replace("--", "--no-", 1) for flag in flags}  # argparse.BooleanOptionalAction


@every_page
def test_every_path_of_the_sources_in_a_page_exists(page: Path) -> None:
    named = re.findall(r"(?<![\w/])(?:src|tests|docs|notebooks)/[\w/]*(?:\.\w+)?", page.read_text(encoding="utf-8"))
    assert [name for name in sorted(set(named)) if not (ROOT / name).exists()] == []


@every_page
def test_every_module_in_a_page_exists(page: Path) -> None:
    for name in set(re.findall(r"python3? -m (src[\w.]*)", page.read_text(encoding="utf-8"))):
        path = ROOT / name.rstrip(".").replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


@every_page
def test_every_flag_in_a_page_is_one_of_some_command(page: Path) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text(encoding="utf-8"))) - OTHER_PROGRAMS_FLAGS
    assert sorted(named - _known_flags()) == []


def _commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The commands in a page's shell blocks that name all their arguments: script, words."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"(?:\S*python3?|torchrun) (?:-\S+ )*?(?:-m (src[\w.]*)|(\w+\.py))(.*)", line)
            if found and "..." not in line and "[" not in line:
                path = (found[1] or "").replace(".", "/")
                module = f"{path}/__main__.py" if (ROOT / path).is_dir() else f"{path}.py"
                yield found[2] or module, shlex.split(found[3], comments=True)


@every_page
def test_every_command_in_a_page_is_understood(page: Path) -> None:
    for script, words in _commands(page):
        if script == "src/autolabel/__main__.py":
            _, words = parser_of(script).parse_known_args(words)
            build_parser().parse_args(words)
        else:
            parser_of(script).parse_args(words)


@pytest.mark.parametrize("flag", ["--backbone", "--head", "--loss"])
def test_the_choices_in_the_page_of_networks_exist(flag: str) -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{flag}` |"))
    choices = next(action.choices for action in build_parser()._actions if flag in action.option_strings)
    named = set(re.findall(r"`(\w+)`", row.split(f"`{flag}`")[1]))
    assert named
    assert named <= set(choices)


@every_page
def test_every_make_target_in_a_page_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|^)make ([\w-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert names == {link for link in re.findall(r"\]\(([^)]+)\)", index) if "/" not in link}


def test_the_readme_names_every_notebook_and_every_room() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{path.name})" in readme
    for path in (ROOT / "src").glob("*/__init__.py"):
        assert f"src/{path.parent.name}/" in readme
