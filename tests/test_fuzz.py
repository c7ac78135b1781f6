"""Two minutes of tests/fuzz.py, and that it would notice what it looks for."""

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import fuzz
import pytest
from fuzz_damage import damage_bytes, damage_value
from fuzz_forms import damage
from fuzz_targets import Target

from src.errors import InputError

SECONDS = 120


@pytest.mark.slow
def test_damaged_files_are_read_or_refused() -> None:
    found = fuzz.run(list(fuzz.TARGETS), seconds=SECONDS, seed=0)
    assert len(found.counts) > 10  # a slow machine does not come to the last ones
    assert found.problems == []


def _raise() -> None:
    raise ZeroDivisionError("a defect")


def _speak() -> None:
    os.write(2, b"a library's warning")


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse() -> None:
    raise InputError("right")


_WHOLE = b"1 2 3" * 20


def _toy(monkeypatch: pytest.MonkeyPatch, react: Callable[[], None], *, is_read: bool = True) -> None:
    """A target that reacts so to a damaged file, and to a whole one if it does not read that."""

    def read(folder: Path) -> None:
        if not is_read or (folder / "file").read_bytes() != _WHOLE:
            react()

    monkeypatch.setitem(fuzz.TARGETS, "toy", Target(lambda folder: (folder / "file").write_bytes(_WHOLE), "*", read))


@pytest.mark.parametrize(
    ("react", "words"), [(_raise, "a defect"), (_crash, "ended with status"), (_speak, "a library's warning")]
)
def test_a_defect_and_a_crash_are_found_and_their_file_is_kept(
    react: Callable[[], None], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _toy(monkeypatch, react)
    problems = fuzz.run(["toy"], files=1, seed=3, keep=tmp_path).problems
    assert problems
    assert all(problem.startswith("toy 3") and words in problem for problem in problems)
    assert list(tmp_path.glob("toy_3*/file"))


def test_refusals_are_right_but_not_of_whole_files(monkeypatch: pytest.MonkeyPatch) -> None:
    _toy(monkeypatch, _refuse)
    assert fuzz.run(["toy"], files=1, seed=0).problems == []
    _toy(monkeypatch, _refuse, is_read=False)
    assert fuzz.run(["toy"], files=1, seed=0).problems == ["toy whole: files are refused: InputError('right')"]


def test_the_same_number_damages_in_the_same_way() -> None:
    content = b"0123456789 " * 20
    damaged = [damage_bytes(content, random.Random(number)) for number in range(50)]
    assert damaged == [damage_bytes(content, random.Random(number)) for number in range(50)]
    assert sum(found != content for found in damaged) > 40


def test_values_are_damaged_in_files_that_stay_whole(tmp_path: Path) -> None:
    whole = {"a": [1, 2, {"b": None}], "c": "text"}
    assert all(damage_value(whole, random.Random(number)) != whole for number in range(50))
    found = set()
    for number in range(50):
        (tmp_path / "a.json").write_text(json.dumps(whole))
        damage(tmp_path / "a.json", random.Random(number))
        found.add((tmp_path / "a.json").read_bytes())
    assert len(found) > 30
