"""The error that every room raises for a wrong input."""

import contextlib
from collections.abc import Iterator


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
