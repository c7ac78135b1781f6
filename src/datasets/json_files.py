"""A folder's .json files by their kind: COCO's lists, X-AnyLabeling's shapes, or something else."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from src.datasets.folder import Folder
from src.errors import InputError
from src.files import encoding_of, read_head, read_json

Parsed = TypeVar("Parsed")

COCO, SHAPES = "coco", "shapes"
PEEKED = 10  # files opened to detect a folder's format
_HEAD = 65536  # bytes, enough to tell the kind of most files
_COCO_KEYS = ("images", "annotations", "categories")


def has_kind(folder: Folder, kind: str) -> bool:
    """Whether any of the folder's first files is of a kind; a damaged file is judged by its beginning."""
    return any(_peek(folder.root / name) == kind for name in folder.ending(".json")[:PEEKED])


def read_kind(
    folder: Folder, kind: str, parse: Callable[[dict], Parsed], *, each: bool = False
) -> tuple[dict[str, Parsed], list[str]]:
    """parse(content) of every file of a kind, by its name, and the names of all other .json files.

    Contents are dropped once parsed, as some embed their whole picture. each: files are about one picture each, as for
    `Folder.parse_each`. Raises InputError for a damaged file.
    """
    names = folder.ending(".json")

    def parse_one(path: Path) -> Parsed | None:
        content = read_json(path)
        return parse(content) if _kind(content) == kind else None

    names, contents = folder.parse_each(names, parse_one) if each else (names, folder.parse(names, parse_one))
    parsed = dict(zip(names, contents, strict=True))
    return (
        {name: value for name, value in parsed.items() if value is not None},
        [name for name, value in parsed.items() if value is None],
    )


def _peek(path: Path) -> str | None:
    try:
        head = read_head(path, _HEAD)
    except (InputError, OSError):
        return None
    head = head.decode(encoding_of(head), errors="replace")
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
