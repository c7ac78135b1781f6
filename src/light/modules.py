"""The modules of `src` that a package needs, found by following imports, and their text under the package's name.

Imports inside functions are not followed: code imports there what it can do without, such as PyTorch.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_IMPORT = re.compile(r"^(\s*(?:from|import) )src\b", re.MULTILINE)


def needed_modules(starts: list[Path], source: Path) -> list[Path]:
    """Files below the folder `source` (the package src) that `starts` import, directly or indirectly, including the
    packages around them but not `starts` themselves; sorted."""
    found: set[Path] = set()
    waiting = list(starts)
    while waiting:
        new = {file for name in _at_import(waiting.pop()) for file in _files(name, source)} - found - set(starts)
        found |= new
        waiting += new
    return sorted(found - {source / "__init__.py"})


def renamed(text: str, package: str) -> str:
    """A module's text, with imports from `src` changed to imports from the package."""
    return _IMPORT.sub(rf"\g<1>{package}", text)


def imported(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ...]]:
    """The names below src that these nodes of a module import, each as its parts, such as ("network", "heads")."""
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (tuple(name.split(".")[1:]) for name in names if name.split(".")[0] == "src")


def _at_import(file: Path) -> Iterator[tuple[str, ...]]:
    """The names below src that a module imports at its top level."""
    return imported(ast.parse(file.read_text(encoding="utf-8")).body)


def _files(name: tuple[str, ...], source: Path) -> Iterator[Path]:
    """The module of a name, which may end with something inside that module, and the packages around it."""
    place = source
    for part in name:
        place = place / part
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file
