"""The error that every room raises for a wrong input, also for one that needs a package which is not installed."""

import contextlib
import importlib
from collections.abc import Iterator
from types import ModuleType

_INSTALL = "run python3 -m pip install -r requirements-export.txt"


class InputError(ValueError):
    """A file, flag or folder that a user gave is not what was expected.

    The message names what was expected, what was found and what to do, in one line.
    """


@contextlib.contextmanager
def about(place: object) -> Iterator[None]:
    """Put a file's name or another place in front of an InputError's message."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def needed(name: str, *, remedy: str = _INSTALL) -> ModuleType:
    """Import an optional module. If it is missing, raises InputError with the command that installs it."""
    package = name.split(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != package:  # it is installed, but one of its own dependencies is not
            raise
        raise InputError(f"this needs the package {package}, which is not installed; {remedy}") from None
