"""Folders of rendered or turned faces: a marker file tells whether one is ours, and whether it is finished."""

import json
from pathlib import Path

from src.datasets.challenge import ANNOTATIONS
from src.errors import InputError
from src.files import read_json, write_text

MARKER = "made_by.json"
_MOST_BYTES = 1_000_000


def claim(folder: Path, marker: dict) -> None:
    """Make the folder ours and empty it; the marker comes first, so that an interrupted run can be repeated.

    marker: what made the folder (`made_by`) and by which numbers. Raises InputError where the folder holds anything
    that `made_by` did not write.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not is_owned(folder, marker):
        raise InputError(f"{folder}: holds files that this command did not make; name another folder or move them away")
    folder.mkdir(parents=True, exist_ok=True)
    _write_marker(folder, marker)
    for old in (folder / ANNOTATIONS, *folder.glob("*.jpg")):
        old.unlink(missing_ok=True)


def is_owned(folder: Path, marker: dict) -> bool:
    """Whether an earlier run of the same maker wrote the folder, by whatever numbers."""
    found = _read_marker(folder)
    return found.get("made_by", found.get("maker")) == marker["made_by"]  # "maker": rendered faces of older versions


def finish(folder: Path, marker: dict, counts: dict[str, int]) -> None:
    """Say that all of the folder is written."""
    _write_marker(folder, marker | {"counts": counts})


def finished(folders: list[Path], marker: dict) -> dict[str, int] | None:
    """The counts of an earlier run with the same marker that came to its end in all folders."""
    found = [_read_marker(folder) for folder in folders]
    counts = found[0].get("counts")
    return counts if counts and all(other == marker | {"counts": counts} for other in found) else None


def _write_marker(folder: Path, marker: dict) -> None:
    write_text(folder / MARKER, json.dumps(marker, indent=2) + "\n")


def _read_marker(folder: Path) -> dict:
    """What the marker says; nothing where there is none, or one that is not ours."""
    try:
        content = read_json(folder / MARKER, most=_MOST_BYTES)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
