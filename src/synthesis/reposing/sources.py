"""A file that says which photographs to train on, what their labels mean, and how much of each to show.

TOML, written by hand; folders are relative to the file:

    [[source]]
    folder = "photographs"   # pictures with an annot.pkl
    labels = "learned"       # what the 68 points mean, see LABELS
    turns = 3                # turned faces per photograph; 0: none
    share = 0.3              # of a training batch: the photographs themselves,
    turned_share = 0.4       # and their turned faces
    renders = 1              # full renders per photograph, in new expressions; 0: none
    rendered_share = 0.1
    covered = 0.2            # share of the turned faces that something covers

Shares count relative to each other. `preparation.py --sources FILE` reads it.
"""

import tomllib
from collections import Counter
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from src.errors import InputError, about
from src.reading import read_text
from src.synthesis.reposing.relabel import LABELS

_MOST_TURNS, _MOST_SHARE = 20, 1e6
_MOST_BYTES = 1_000_000
_KINDS = {Path: (str,), str: (str,), int: (int,), float: (float, int)}  # what TOML may hold for a field


@dataclass(frozen=True)
class Source:
    """One folder of the file; the fields are explained in the module's docstring."""

    folder: Path
    share: float
    labels: str = "learned"
    turns: int = 0
    turned_share: float = 0.0
    renders: int = 0
    rendered_share: float = 0.0
    covered: float = 0.0


def read_sources(path: str | Path) -> list[Source]:
    """The sources of a file, in its order. Raises InputError if it cannot be read or holds invalid entries."""
    path = Path(path)
    try:
        with about(path):
            content = tomllib.loads(read_text(path, most=_MOST_BYTES))
    except OSError as error:
        raise InputError(f"{path}: expected a file of training sources ({error.strerror})") from None
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # of TOML, of numbers with thousands of digits, of deep nesting
        raise InputError(f"{path}: expected TOML text ({error})") from None
    tables = content.get("source")
    if content.keys() != {"source"} or not isinstance(tables, list) or not tables:
        raise InputError(
            f"{path}: expected [[source]] tables and nothing else, found {', '.join(content) or 'nothing'}"
        )
    sources = [_read(table, f"{path}: source {number}", path.parent) for number, table in enumerate(tables, 1)]
    folders = [source.folder.resolve() for source in sources]
    for folder, count in Counter(folders).items():
        if count > 1:
            raise InputError(f"{path}: expected each folder once, found {folder} twice")
    return sources


def _read(table: object, where: str, base: Path) -> Source:
    known = {field.name: field for field in fields(Source)}
    if not isinstance(table, dict) or not table.keys() <= known.keys():
        found = ", ".join(sorted(table.keys() - known.keys())) if isinstance(table, dict) else f"{table!r:.60}"
        raise InputError(f"{where}: expected {', '.join(known)}, found {found}")
    missing = [name for name, field in known.items() if field.default is MISSING and name not in table]
    if missing:
        raise InputError(f"{where}: expected {' and '.join(missing)}, found none")
    for name, value in table.items():
        kinds = _KINDS[known[name].type]
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(
                f"{where}: {name}: expected {' or '.join(kind.__name__ for kind in kinds)}, found {value!r:.60}"
            )
    source = Source(**table | {"folder": base / table["folder"]})
    if source.labels not in LABELS:
        raise InputError(f"{where}: labels: expected one of {', '.join(LABELS)}, found {source.labels!r}")
    if not 0 <= source.covered <= 1 or not 0 <= source.share <= _MOST_SHARE:
        found = f"{source.share} and {source.covered}"
        raise InputError(f"{where}: expected a share of at least 0 and covered from 0 to 1, found {found}")
    for made, share in (("turns", "turned_share"), ("renders", "rendered_share")):
        count, weight = getattr(source, made), getattr(source, share)
        if not 0 <= count <= _MOST_TURNS or not 0 <= weight <= _MOST_SHARE:
            raise InputError(
                f"{where}: expected {made} of 0 to {_MOST_TURNS} and {share} of at least 0, found {count} and {weight}"
            )
        if (weight > 0) != (count > 0):
            raise InputError(f"{where}: expected {made} and {share}, both or neither, found {count} and {weight}")
    if source.covered and not source.turns:
        raise InputError(
            f"{where}: covered is a share of the turned faces, found {source.covered} and no turns; "
            "give turns and turned_share, or take covered out"
        )
    return source
