"""Files that appear whole or not at all: written to a temporary name beside the target, then renamed."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; on success it replaces the target, on failure it is removed.

    The old target stays untouched until the new bytes are on disk, so that a full disk or a kill at any moment leaves
    either the old file or the new one.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.partial")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        error.filename = error.filename or str(target)  # a full disk's error names no file
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: str | os.PathLike, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8")


def check_writable(folder: str | os.PathLike) -> None:
    """Raise OSError where a folder could not be made or written in; makes nothing."""
    folder = Path(folder).absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "expected a folder, found a file", str(existing))
    if not os.access(existing, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to write there", str(existing))
