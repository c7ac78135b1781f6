"""README tells the truth about names: every path, flag and choice in it exists."""

import re
from itertools import chain
from pathlib import Path

import pytest
from commands import ROOT

from src.training.options import build_parser

README = (ROOT / "README.md").read_text(encoding="utf-8")
LONGEST_FILE = 350  # lines
SCRIPTS = ("preparation.py", "train.py", "test.py", "bench.py")
OTHER_PROGRAMS_FLAGS = {"--help", "--nproc_per_node", "--directory"}  # argparse's, torchrun's and http.server's


def _sources() -> list[Path]:
    return [path for folder in ("src", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_every_path_of_the_sources_in_the_readme_exists() -> None:
    named = set(re.findall(r"\b(?:src|tests|docs|notebooks)/[\w/]*(?:\.\w+)?", README))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_flag_in_the_readme_is_one_of_some_command() -> None:
    commands = [ROOT / script for script in SCRIPTS] + sorted((ROOT / "src").rglob("*.py"))
    known = set(chain.from_iterable(re.findall(r'"(--[\w-]+)"', path.read_text(encoding="utf-8")) for path in commands))
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", README)) - OTHER_PROGRAMS_FLAGS
    assert named
    assert sorted(named - known) == []


@pytest.mark.parametrize("flag", ["--backbone", "--head"])
def test_the_choices_in_the_readme_exist(flag: str) -> None:
    row = next(line for line in README.splitlines() if f"`{flag}`" in line)
    choices = next(action.choices for action in build_parser()._actions if flag in action.option_strings)
    named = set(re.findall(r"`(\w+)`", row.split(f"`{flag}`")[1]))
    assert named
    assert named <= set(choices)


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|^)make ([\w-]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_in_the_readme_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_files_of_the_library_are_short_and_say_what_they_are() -> None:
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path
        assert text.count("\n") <= LONGEST_FILE, path


def test_nothing_in_the_repository_names_a_place_on_one_machine() -> None:
    absolute = re.compile(r"[\"'` (](?:/home/|/work/|/Users/|/mnt/)\w")
    for path in (*_sources(), ROOT / "README.md", ROOT / "Makefile"):
        if path != Path(__file__):
            assert not absolute.search(path.read_text(encoding="utf-8")), path
