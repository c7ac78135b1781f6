"""Commands begin without importing what takes seconds and what they do not need."""

from pathlib import Path

import pytest
from commands import run_process
from stand_in import write_faces

pytestmark = pytest.mark.slow  # starts processes

_NOT_FOR_NETWORKS = {"torchvision", "torch._dynamo", "pandas"}


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (("preparation.py", "--help"), {"torch"}),
        (("-m", "src.predict", "--help"), {"torch"}),
        (("-m", "src.demo", "--help"), {"torch"}),
        (("train.py", "--help"), _NOT_FOR_NETWORKS),
    ],
)
def test_help_comes_without(arguments: tuple[str, ...], absent: set[str]) -> None:
    assert not _imported(*arguments) & absent


def test_a_test_of_the_shipped_model_goes_without_torchvision_and_the_compiler(tmp_path: Path) -> None:
    write_faces(tmp_path / "pictures", 2, annotated=False)
    found = _imported("test.py", "--test_dataroot", tmp_path / "pictures", "--out_dir", tmp_path)
    assert "torch" in found
    assert not found & _NOT_FOR_NETWORKS


def _imported(*arguments: object) -> set[str]:
    """The modules that a command imports."""
    outcome = run_process("-X", "importtime", *arguments)
    assert outcome.code == 0, outcome.err
    return {line.rpartition("|")[2].strip() for line in outcome.err.splitlines() if line.startswith("import time:")}
