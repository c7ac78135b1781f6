"""Folders of rendered or turned faces: a marker file says that a folder is ours, and when it is finished."""

import json
from pathlib import Path

from src.datasets.challenge import ANNOTATIONS
from src.files import check_unused, write_text
from src.reading import read_json

MARKER = "made_by.json"
_MOST_BYTES = 1_000_000


def claim(folder: Path, marker: dict) -> None:
    """Make the folder ours and empty it; the marker comes first, so that an interrupted run can be repeated.

    marker: what makes the folder (`made_by`) and its settings. Raises InputError if the folder holds anything that
    `made_by` did not write.
    """
    if not is_owned(folder, marker):
        check_unused(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write_marker(folder, marker)
    for old in (folder / ANNOTATIONS, *folder.glob("*.jpg")):
        old.unlink(missing_ok=True)


def is_owned(folder: Path, marker: dict) -> bool:
    """Whether an earlier run of the same maker wrote the folder, with any settings."""
    found = _read_marker(folder)
    return found.get("made_by", found.get("maker")) == marker["made_by"]  # "maker": rendered faces of older versions


def is_begun(folders: list[Path], marker: dict) -> bool:
    """Whether an earlier run with the same marker was interrupted while it wrote these folders."""
    return all(_read_marker(folder) == marker for folder in folders)


def mark_finished(folder: Path, marker: dict, counts: dict[str, int]) -> None:
    """Record that the folder is complete, and how many faces it has of each kind."""
    _write_marker(folder, marker | {"counts": counts})


def finished_counts(folders: list[Path], marker: dict) -> dict[str, int] | None:
    """The counts of an earlier run with the same marker that finished all folders, else None."""
    found = [_read_marker(folder) for folder in folders]
    counts = found[0].get("counts")
    return counts if counts and all(other == marker | {"counts": counts} for other in found) else None


def _write_marker(folder: Path, marker: dict) -> None:
    write_text(folder / MARKER, json.dumps(marker, indent=2) + "\n")


def _read_marker(folder: Path) -> dict:
    """The marker's content; empty if there is none, or one that is not ours."""
    try:
        content = read_json(folder / MARKER, most=_MOST_BYTES)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
