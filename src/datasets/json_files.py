"""A folder's .json files by their kind: COCO's lists, X-AnyLabeling's shapes, or something else."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from src.datasets.folder import Folder
from src.errors import InputError
from src.reading import read_json

Parsed = TypeVar("Parsed")

COCO, SHAPES = "coco", "shapes"
_COCO_KEYS = ("images", "annotations", "categories")


def has_kind(folder: Folder, kind: str) -> bool:
    """Whether any of the folder's first files is of a kind; a damaged file is judged by its beginning."""
    return any(_kind_of_file(folder.root / name, head) == kind for name, head in folder.peek(".json"))


def read_kind(
    folder: Folder, kind: str, parse: Callable[[dict], Parsed], *, each: bool = False
) -> tuple[dict[str, Parsed], list[str]]:
    """parse(content) of every file of a kind, by its name, and the names of all other .json files.

    Contents are dropped once parsed, as some embed their whole picture. each: as for `Folder.parse_kind`. Raises
    InputError for a damaged file.
    """

    def parse_one(path: Path) -> Parsed | None:
        content = read_json(path)
        return parse(content) if _kind(content) == kind else None

    return folder.parse_kind(folder.ending(".json"), parse_one, each=each)


def _kind_of_file(path: Path, head: str) -> str | None:
    if '"shapes"' in head:
        return SHAPES
    if sum(f'"{key}"' in head for key in _COCO_KEYS) > 1:
        return COCO
    try:
        return _kind(read_json(path))  # the keys may come late, as JSON has no order
    except (InputError, OSError):
        return None


def _kind(content: object) -> str | None:
    if not isinstance(content, dict):
        return None
    if "shapes" in content:
        return SHAPES
    return COCO if sum(key in content for key in _COCO_KEYS) > 1 else None


def stated_path(value: object) -> str:
    """A picture's path as a label file states it. Raises InputError for anything but text."""
    if not isinstance(value, str):
        raise InputError(f"expected a picture's path as text, found {value!r:.60}")
    return value


def stated_size(width: object, height: object) -> np.ndarray:
    """(2,) width and height of the picture as a label file states them, NaN if it states none or nonsense."""
    try:
        size = np.array([width, height], np.float64)
    except (TypeError, ValueError):
        return np.full(2, np.nan)
    return size if size.shape == (2,) and (size > 0).all() else np.full(2, np.nan)
