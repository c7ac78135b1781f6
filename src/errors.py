"""Errors: the one that every room raises for a wrong input, and how foreseeable ones are told in one line."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

_INSTALL = "run python3 -m pip install -r requirements-export.txt"
# How RuntimeErrors say that memory is short: PyTorch's on CPUs, on GPUs and in oneDNN, and Python's own.
_NO_MEMORY = ("allocate memory", "out of memory", "could not create a primitive", "start new thread")
_LOOP = "Symlink loop"  # how pathlib's RuntimeError begins, before Python 3.13
_LONG_NUMBER = "integer string conversion"  # Python's words for one of more than 4,300 digits
_PEER_IS_GONE = ("Connection closed by peer", "Connection reset by peer")  # gloo's words
_LONGEST, _LEFT_OUT = 300, " ... "  # characters of an error; what replaces the middle of a longer one


class InputError(ValueError):
    """A file, flag or folder that a user gave is not what was expected.

    The message names what was expected, what was found and what to do, in one line.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: a notebook's cell also tells the error in one line."""
        return [f"{type(self).__name__}: {self}"]


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


def describe_error(error: Exception) -> str | None:
    """What a wrong input, a failing disk or too little memory is told as; None for a defect of this software."""
    text = str(error)
    if isinstance(error, InputError):
        return text
    if isinstance(error, OSError):
        place = error.filename or ("standard output" if isinstance(error, BrokenPipeError) else "")
        return f"{place}{': ' if place else ''}{error.strerror or text}"
    if isinstance(error, UnicodeEncodeError) and sys.getfilesystemencoding() != "utf-8":
        return f"the locale's {error.encoding} lacks letters of {error.object!r}; set PYTHONUTF8=1"
    if isinstance(error, ValueError) and _LONG_NUMBER in text:
        return "expected numbers of a sane length, found one of thousands of digits"
    if isinstance(error, RuntimeError) and any(words in text for words in _PEER_IS_GONE):
        return "another process of this run has ended; its own line, if it left one, says why"
    if isinstance(error, RuntimeError) and text.startswith(_LOOP):
        return f"expected files and folders, found a link that leads back to itself ({text})"
    is_short = isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY)
    if is_short or isinstance(error, MemoryError):
        return f"not enough memory ({text or 'no more could be had'}); give a smaller batch or file"
    return None


def one_line(message: str) -> str:
    """A message as one line of at most 300 characters, without any that a terminal would take for a command."""
    message = " ".join(message.split())
    message = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    if len(message) <= _LONGEST:
        return message
    half = (_LONGEST - len(_LEFT_OUT)) // 2
    return message[:half] + _LEFT_OUT + message[-half:]  # what was wrong comes first, what to do last
