"""A few kills of every command (tests/kills.py, by hand with hundreds of them), and that damage would be noticed."""

import random
from pathlib import Path

import kills
import pytest
from commands import ROOT, run_process
from conftest import Run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_commands_leave_whole_files_and_go_on() -> None:
    outcome = run_process(ROOT / "tests" / "kills.py", "--kills", 5, "--only", "training", "test", timeout=600)
    assert outcome.code == 0, outcome


def test_a_file_cut_short_is_damage(trained: Run, tmp_path: Path) -> None:
    assert kills.damaged(trained.folder) == []
    content = trained.best.read_bytes()
    for name in ("best.pth.tar", "summary.csv", "solution.txt", "preview.png", "round.json"):
        (tmp_path / name).write_bytes(content[: random.Random(0).randrange(1, 1000)])
        (tmp_path / f".{name}.partial").write_bytes(b"")  # half-written, and hidden
    assert len(kills.damaged(tmp_path)) == 5


def test_other_weights_and_other_files_are_a_difference(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "best_model").mkdir()
    (tmp_path / "best_model" / "best.pth.tar").write_bytes((ROOT / "small.pth.tar").read_bytes())
    found = kills.different(tmp_path, trained.folder)
    assert "best_model/best.pth.tar differs" in found
    assert any("is in one of them only" in line for line in found)
