"""The rooms of src/ lie in layers: a module imports from its own room and from rooms below it, never from above."""

import ast
from pathlib import Path

import pytest
from commands import ROOT

from src.light.modules import imported

# From the ground up. Modules that lie in src/ itself are the ground: facts and tools that everything may use.
LAYERS = (
    ("ground",),
    ("network", "datasets", "augmentation"),
    ("predict", "synthesis"),
    ("visualization", "export"),
    ("hygiene", "demo"),
    ("evaluation",),
    ("training", "light"),
    ("autolabel", "notebook", "benchmark"),
    ("compression",),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
SOURCE = ROOT / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
_MOST_FILES = 13  # on the ground, next to the rooms


def _room(parts: tuple[str, ...]) -> str:
    """The room of a dotted name below src, such as ("network", "heads", "pip")."""
    return parts[0] if parts and (SOURCE / parts[0]).is_dir() else "ground"


def test_every_room_has_its_layer() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms == LEVEL.keys() - {"ground"}


def test_the_ground_stays_small() -> None:
    assert len([path for path in SOURCE.glob("*.py") if path.name != "__init__.py"]) <= _MOST_FILES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_downward(path: Path) -> None:
    own = _room(path.relative_to(SOURCE).with_suffix("").parts)
    for name in imported(ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
        room = _room(name)
        assert room == own or LEVEL[room] < LEVEL[own], f"{own} may not import src.{'.'.join(name)}"


@pytest.mark.parametrize(
    ("room", "imported", "allowed"),
    [("predict", "network", True), ("network", "predict", False), ("datasets", "network", False)],
)
def test_the_rule_itself(room: str, imported: str, allowed: bool) -> None:
    assert (LEVEL[imported] < LEVEL[room]) == allowed


def test_every_room_has_tests_of_its_own() -> None:
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} >= LEVEL.keys() - {"ground"}
