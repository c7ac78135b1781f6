"""Folders that this room writes: a marker file tells them from a user's own, and a finished run from a stopped one."""

import json
from pathlib import Path

from src.datasets.challenge import ANNOTATIONS
from src.errors import InputError
from src.files import write_text

MARKER = "made_by.json"


def claim(folder: Path, marker: dict) -> None:
    """Make the folder ours and empty it; the marker comes first, so that an interrupted run can be repeated.

    Raises InputError where the folder holds anything that this room did not write.
    """
    if folder.exists() and not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder}: not empty and without {MARKER}, so not written by this command; name another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write_marker(folder, marker)
    for old in (folder / ANNOTATIONS, *folder.glob("*.jpg")):
        old.unlink(missing_ok=True)


def finish(folder: Path, marker: dict, counts: dict[str, int]) -> None:
    """Say that all of the folder is written."""
    _write_marker(folder, marker | {"counts": counts})


def finished(folders: list[Path], marker: dict) -> dict[str, int] | None:
    """The counts of an earlier run with the same marker that came to its end in all folders."""
    try:
        found = [json.loads((folder / MARKER).read_text(encoding="utf-8")) for folder in folders]
    except (OSError, ValueError):
        return None
    counts = found[0].get("counts")
    return counts if counts and all(other == marker | {"counts": counts} for other in found) else None


def _write_marker(folder: Path, marker: dict) -> None:
    write_text(folder / MARKER, json.dumps(marker, indent=2) + "\n")
