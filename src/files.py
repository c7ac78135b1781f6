"""Files that appear whole or not at all, and one writer per folder.

Files are written under a temporary name next to the target, then renamed; locks are the operating system's, so that
they end with the process that holds them.
"""

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from src.errors import InputError

_LONGEST_NAME = 60  # characters of a target that its temporary name repeats
_WITHOUT_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EBADF)


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; on success it replaces the target, on failure it is removed.

    The old target stays untouched until the new bytes are on disk, so that a full disk or a kill at any moment leaves
    either the old file or the new one.
    """
    target = Path(target)
    _refuse_device(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A random name, so that two writers do not share it; O_EXCL never follows an existing link.
    temporary = target.with_name(f".{target.name[:_LONGEST_NAME]}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with naming(target, instead_of=temporary):
            _take_lock(descriptor)  # shows that its writer is alive
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


def _refuse_device(target: Path) -> None:
    """Raise InputError for a device, pipe or socket: a file renamed to it would take its place, even that of /dev/null.

    Links in /dev lead to open files (/dev/stdout), so nothing is written there at all.
    """
    is_special = target.exists() and not (target.is_file() or target.is_dir())
    if is_special or os.path.realpath(target.parent) == "/dev":
        raise InputError(f"{target}: expected a file to write, found a device or pipe; name a file")


@contextlib.contextmanager
def naming(path: str | os.PathLike, *, instead_of: str | os.PathLike | None = None) -> Iterator[None]:
    """Put a file's name into an OSError that has none, such as a full disk's, or that names a temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a library's own message, which a name would replace
            raise OSError(errno.EIO, str(error), str(path)) from error
        if not error.filename or str(error.filename) == str(instead_of):
            error.filename = str(path)
        raise


def write_text(target: str | os.PathLike, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")  # paths may hold other bytes than text


@contextlib.contextmanager
def alone_in(*folders: str | os.PathLike, wait: bool = False) -> Iterator[None]:
    """Make folders and be the only run that writes there, until the end of the block or of the process.

    Removes what killed writers left half-written and, at the end, folders that it made and that are still empty.
    Raises InputError if another run is writing there; with `wait`, its end is awaited instead.
    """
    with contextlib.ExitStack() as held:
        for folder in sorted({Path(folder).resolve() for folder in folders}):
            held.callback(_remove_empty, [place for place in (folder, *folder.parents) if not place.exists()])
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
            held.callback(os.close, descriptor)
            if not _take_lock(descriptor, wait=wait):
                raise InputError(f"{folder}: another run is writing here; wait for its end or name another folder")
            remove_left_over(folder)
        yield


def _take_lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder; False if another process (or another descriptor of it) holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:  # some network drives: then nobody is kept out
            raise
    return True


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):  # a folder that is not empty, and so are those around it
        for folder in folders:
            folder.rmdir()


def remove_left_over(folder: str | os.PathLike) -> None:
    """Remove what killed writers left half-written in a folder; files being written stay."""
    for path in Path(folder).glob(".*.partial"):
        if not path.is_file() or path.is_symlink():
            continue
        descriptor = os.open(path, os.O_RDONLY)
        if _take_lock(descriptor):  # its writer is gone
            path.unlink(missing_ok=True)
        os.close(descriptor)


def check_writable(folder: str | os.PathLike) -> None:
    """Raise OSError if a folder cannot be made or written to; makes nothing."""
    existing = _existing(folder)
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "expected a folder, found a file", str(existing))
    if not os.access(existing, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to write there", str(existing))


def _existing(folder: str | os.PathLike) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = Path(folder).absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def check_unused(folder: str | os.PathLike) -> None:
    """Raise InputError if a folder holds anything, or is a file: other people's files are never replaced or mixed with
    ours. Callers that go on from their own earlier folder recognize it before this check."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder}: expected a new or empty folder, found files in it; name another folder or move them away"
        )


def check_target(path: str | os.PathLike, *, ending: str = "") -> None:
    """Raise OSError if a file cannot be written, InputError for a device or another ending; makes nothing."""
    if ending and Path(path).suffix != ending:
        raise InputError(f"{path}: expected a name that ends with {ending}")
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, "expected a file, found a folder", str(path))
    _refuse_device(Path(path))
    check_writable(Path(path).parent)
    with contextlib.suppress(FileNotFoundError):
        os.lstat(_existing(Path(path).parent) / Path(path).name)  # raises OSError for a name that is too long
