"""A few seconds of tests/fuzz.py, and that it would notice what it looks for."""

import os
import random
import signal
from pathlib import Path

import fuzz
import pytest

SECONDS = 10
OURS = ["annotations", "model", "solution", "solution_zip", "prepared", "picture_jpg", "picture_png"]


@pytest.mark.slow
def test_damaged_files_are_read_or_refused() -> None:
    count, problems = fuzz.run(OURS, seconds=SECONDS, seed=0)
    assert count > 0
    assert problems == []


def _raise(_: Path) -> None:
    raise ZeroDivisionError("a defect")


def _crash(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(("read", "words"), [(_raise, "a defect"), (_crash, "ended with status")])
def test_a_defect_and_a_crash_are_found_and_their_file_is_kept(
    read: object, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fuzz.Target(lambda folder: (folder / "file").write_bytes(b"1 2 3" * 20), "*", read)
    monkeypatch.setitem(fuzz.TARGETS, "toy", target)
    _, problems = fuzz.run(["toy"], seconds=0.01, seed=3, keep=tmp_path)
    assert problems
    assert all(problem.startswith("toy 3") and words in problem for problem in problems)
    assert list(tmp_path.glob("toy_3*/file"))


def test_the_same_number_damages_in_the_same_way() -> None:
    content = b"0123456789 " * 20
    damaged = [fuzz.damage(content, random.Random(number)) for number in range(50)]
    assert damaged == [fuzz.damage(content, random.Random(number)) for number in range(50)]
    assert sum(found != content for found in damaged) > 40
