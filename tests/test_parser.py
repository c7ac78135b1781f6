"""Flags: numbers of a sane size, no empty values, and what a refusal says."""

import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT

from src.errors import InputError
from src.parser import Parser, at_least, title


def test_a_module_says_how_it_is_called_again() -> None:
    outcome = subprocess.run([sys.executable, "-m", "src.hygiene", "--nonsense"], cwd=ROOT, capture_output=True)
    assert outcome.stderr.endswith(b"see python3 -m src.hygiene --help\n")


def test_numbers_of_flags_are_finite_and_of_a_sane_size() -> None:
    parser = Parser()
    parser.add_argument("--share", type=float, default=0.5, help="of something")
    parser.add_argument("--count", type=int)
    assert vars(parser.parse_args(["--share", "-1.5", "--count", "4294967295"])) == {"share": -1.5, "count": 2**32 - 1}
    assert "(default: 0.5)" in parser.format_help()
    for words in (["--share", "nan"], ["--share", "inf"], ["--share", "1e300"], ["--count", "9" * 400]):
        with pytest.raises(InputError, match=f"argument {words[0]}: expected a number from .* --help"):
            parser.parse_args(words)


@pytest.mark.parametrize("text", ["", " "])
def test_empty_text_is_no_value_but_where_it_is_meant(text: str) -> None:
    parser = Parser()
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--out", type=Path, default="output")
    parser.add_argument("--resume", nargs="?", const="latest")
    parser.add_argument("--pattern", type=str)
    assert parser.parse_args(["--pattern", text]).pattern == text
    for words in ([text], ["a", text], ["--out", text], ["--resume", text], [f"--out={text}"]):
        with pytest.raises(InputError, match="expected a value, found "):
            parser.parse_args(words)


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/folder/of/ada")
    parser = Parser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pattern", type=str)
    assert parser.parse_args(["--out=~/faces"]).out == Path("/folder/of/ada/faces")
    for own in ("./~/faces", "~ada", "a/~/b"):
        assert parser.parse_args(["--out", own]).out == Path(own)
    assert parser.parse_args(["--pattern", "~/x"]).pattern == "~/x"


def test_a_whole_number_lies_in_its_range() -> None:
    parser = Parser()
    parser.add_argument("--seed", type=at_least(0), default=3)
    parser.add_argument("--faces", type=at_least(1, 9))
    assert vars(parser.parse_args(["--seed", "0", "--faces", "9"])) == {"seed": 0, "faces": 9}
    for flag, most, value in (("--seed", 2**32 - 1, "-1"), *(("--faces", 9, text) for text in ("0", "10", "1.5", "x"))):
        words = rf"argument {flag}: expected a whole number from . to {most}, found {value}"
        with pytest.raises(InputError, match=words):
            parser.parse_args([flag, value])


def test_a_module_without_documentation_has_no_title() -> None:
    assert title("What it is.\n\nMore.") == "What it is."
    assert title(None) == ""  # python -OO
