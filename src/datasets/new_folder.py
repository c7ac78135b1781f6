"""A folder that appears whole or not at all, and that is recognized when its command runs again.

It is made under a hidden name next to its destination. A hidden file in it records its input and the files it was left
with: the same command keeps an unchanged folder, and other people's files are never removed or mixed with ours.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import InputError
from src.files import alone_in, check_unused, check_writable, write_text
from src.reading import read_json

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MARKER = ".made_by.json"
_MOST_BYTES = 1_000_000
_COUNTS = ("faces", "broken", "outside", "left_out")
Counts = dict[str, int | str]


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder under a temporary name, renamed to `out` on success and removed otherwise.

    Raises InputError if `out` holds anything, or if the temporary name is taken by something else.
    """
    out = out.resolve()  # so that a link or "." has a parent
    check_writable(out)
    check_writable(out.parent)
    if os.path.ismount(out):  # renaming a folder to it would fail after the work
        raise InputError(f"{out}: expected a folder, found the mount point of a disk; name a folder on it")
    temporary = out.with_name(f".{out.name}.partial")
    with alone_in(out):
        check_unused(out)
        _remove(temporary)  # of a run that was killed
        temporary.mkdir(parents=True)
        (temporary / _MARKER).touch()
        try:
            yield temporary
            os.replace(temporary, out)  # over the empty folder
        except OSError as error:
            if error.filename is None or error.errno in _FULL:  # these name the file that was copied, or none
                error.filename = str(out)
            raise
        finally:
            _remove(temporary)


def note_made(folder: Path, fingerprint: str, counts: Counts) -> None:
    """Record in a finished folder what it was made from. counts: what `made_before` will return."""
    marker = {"fingerprint": fingerprint, "counts": counts, "files": _digest(folder)}
    write_text(folder / _MARKER, json.dumps(marker, indent=2) + "\n")


def made_before(folder: Path, fingerprint: str) -> Counts | None:
    """The counts of a folder made from the same input that still holds the same files, else None."""
    try:
        marker = read_json(folder / _MARKER, most=_MOST_BYTES)
        is_same = marker["fingerprint"] == fingerprint and marker["files"] == _digest(folder)
        counts = {name: marker["counts"][name] for name in _COUNTS}
    except (OSError, ValueError, LookupError, TypeError):  # there is no marker, or it is not ours
        return None
    return counts if is_same else None


def _digest(folder: Path) -> str:
    """A digest that changes when a file is added, removed or rewritten; files are not read."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / _MARKER:
            status = path.stat()
            told = f"{path.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n"
            digest.update(told.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _remove(folder: Path) -> None:
    """Remove a folder that `new_folder` began, its marker last. Raises InputError for anything else in its place."""
    if not os.path.lexists(folder):
        return
    is_empty = folder.is_dir() and not any(folder.iterdir())
    if folder.is_symlink() or not (is_empty or (folder / _MARKER).is_file()):
        raise InputError(f"{folder}: expected this name free for work that is under way; move what is there away")
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry)
        elif entry.name != _MARKER:
            os.unlink(entry)
    shutil.rmtree(folder)
