"""Small results as JSON: a file that is there stands for finished work."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

from src.errors import InputError
from src.files import write_text

Record = TypeVar("Record")


def save_record(path: Path, record: object) -> None:
    """Write a dataclass of plain values atomically."""
    write_text(path, json.dumps(asdict(record), indent=1) + "\n")


def load_record(path: Path, cls: type[Record]) -> Record | None:
    """Read what `save_record` wrote; None where the work is not finished. Raises InputError for a damaged file."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{field.name: content[field.name] for field in fields(cls)})
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: expected a finished result, found something else; delete its folder") from None
