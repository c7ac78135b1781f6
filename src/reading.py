"""Reading of bounded size: text, lines, JSON and zip archives from regular files. Devices and pipes have no end."""

import contextlib
import io
import json
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from src.errors import InputError

MOST_LABELS = 512_000_000  # bytes of one file of labels: 200,000 faces
MOST_OF_A_PICTURE = 4_000_000  # bytes of the labels of one picture
_LINE_TEXT = re.compile(r"\S[^\n]*")  # a line from its first visible character on; blank lines have none
_LONGEST_LINE, _MOST_LINES = 100_000, 1_000_000
_PART = 1_000_000  # characters of a text that is read a line at a time
_MARK = 4  # bytes that show a text's encoding
_JSON_BYTES = {b"[": 64, b"{": 232, b",": 40}  # of Python's objects for a list, a dictionary, one more value
_MOST_JSON = 2_500_000_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LONGEST_LIST = 1_000_000  # bytes of an archive's list: 12,000 entries; a snapshot has 1,300


def check_regular(path: str | os.PathLike, *, most: int | None = None) -> None:
    """Raise InputError for anything but a regular file (a pipe would block) and for one of more than `most` bytes.

    A missing file raises FileNotFoundError.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
        raise InputError(f"expected a file, found {kind}")
    if most is not None and status.st_size > most:
        raise InputError(f"expected at most {most / 1e6:g} MB, found {status.st_size / 1e6:.0f}")


def read_bytes(path: str | os.PathLike, *, most: int = 64_000_000) -> bytes:
    """A regular file's content. Raises errors as `check_regular` does."""
    check_regular(path, most=most)
    return Path(path).read_bytes()


def read_head(path: str | os.PathLike, count: int) -> bytes:
    """The first bytes of a regular file of any size. Raises errors as `check_regular` does."""
    check_regular(path)
    with open(path, "rb") as file:
        return file.read(count)


def read_text(path: str | os.PathLike, *, most: int = MOST_LABELS) -> str:
    """A text file in an encoding of `encoding_of`, with any line ending.

    Raises errors as `check_regular` does, and InputError if it is not text.
    """
    content = read_bytes(path, most=most)
    with as_text():
        text = content.decode(encoding_of(content))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(head: bytes) -> str:
    """The encoding of a text by its first bytes: UTF-16, as Windows' tools write it, or UTF-32 if there is a byte-order
    mark or if the first character has zero bytes, else UTF-8."""
    return json.detect_encoding(head)


def encoding_of_file(path: str | os.PathLike) -> str:
    """`encoding_of` a regular file of any size. Raises errors as `check_regular` does."""
    return encoding_of(read_head(path, _MARK))


@contextlib.contextmanager
def as_text() -> Iterator[None]:
    """Turn a failure to decode text into an InputError."""
    try:
        yield
    except UnicodeError:
        raise InputError("expected text in UTF-8, found other bytes; save it as UTF-8") from None


def read_lines(path: str | os.PathLike, *, most: int = MOST_LABELS) -> Iterator[tuple[int, str]]:
    """The lines of a label file that are not blank, one face each, with their numbers from 1, read one at a time.

    Raises errors as `read_text` does, and InputError for a line too long for a face and for too many faces.
    """
    number, count = 1, 0
    for text in _whole_lines(path, most=most):
        place = 0
        for match in _LINE_TEXT.finditer(text):  # splitting would take long for millions of empty lines
            start = text.rfind("\n", 0, match.start()) + 1
            number, place, count = number + text.count("\n", place, start), start, count + 1
            if match.end() - start > _LONGEST_LINE:
                raise InputError(f"line {number}: expected at most {_LONGEST_LINE} characters, found more")
            if count > _MOST_LINES:
                raise InputError(f"expected at most {_MOST_LINES:,} faces, found more; divide the file")
            yield number, text[start : match.end()]
        number += text.count("\n", place)


def _whole_lines(path: str | os.PathLike, *, most: int) -> Iterator[str]:
    """A text in parts of whole lines, so that a file is never in memory as a whole; a line too long may be cut."""
    check_regular(path, most=most)
    rest = ""
    with as_text(), open(path, encoding=encoding_of_file(path)) as file:
        while part := file.read(_PART):
            lines, sign, rest = (rest + part).rpartition("\n")
            if len(rest) > _LONGEST_LINE:
                lines, sign, rest = lines + sign, rest, ""
            yield lines + sign
    yield rest


def read_json(path: str | os.PathLike, *, most: int = MOST_LABELS) -> object:
    """A JSON file's content. Raises errors as `read_text` does, and InputError if it is not JSON or is too large."""
    content = read_bytes(path, most=most)
    needed = len(content) + sum(size * content.count(sign) for sign, size in _JSON_BYTES.items())
    if needed > _MOST_JSON:
        raise InputError(f"expected JSON that takes at most {_MOST_JSON / 1e9:g} GB, found {needed / 1e9:.1f}")
    with as_text():
        content = content.decode(encoding_of(content))
    try:
        return json.loads(content, object_pairs_hook=_distinct)
    except RecursionError:
        raise InputError("expected JSON of a few levels, found a deeper nesting") from None
    except json.JSONDecodeError as error:
        raise InputError(f"not readable JSON ({error}); it may be truncated") from None
    except InputError:
        raise
    except ValueError:  # of int(), which refuses thousands of digits
        raise InputError("not readable JSON: expected numbers of a sane length") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise InputError(f"not readable JSON: expected each key once, found {twice[:60]!r} more than once")
    return content


class _Listed(io.BufferedReader):
    """An archive whose list, which zipfile reads at once and keeps as objects, may only have a sane length."""

    most: int | None = _LONGEST_LIST

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and (size or 0) > self.most:
            raise InputError(f"expected an archive whose list of entries takes at most 1 MB, found {size / 1e6:.1f}")
        return super().read(size)


@contextlib.contextmanager
def open_zip(path: str | os.PathLike, *, most: int, only_stored: bool = False) -> Iterator[zipfile.ZipFile]:
    """Yield an archive whose stated sizes add up to at most `most` bytes and whose checksums are right.

    only_stored: refuse compressed entries. Raises InputError for a damaged, encrypted or too large archive.
    """
    check_regular(path)
    try:
        with _Listed(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            file.most = None
            _check_entries(archive.infolist(), most, (zipfile.ZIP_STORED,) if only_stored else _METHODS)
            damaged = archive.testzip()
            if damaged is not None:
                raise InputError(f"the checksum of {damaged[:60]!r} is wrong; the file is damaged")
            yield archive
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError) as error:
        raise InputError(f"no readable zip archive ({error})") from None


def _check_entries(entries: list[zipfile.ZipInfo], most: int, methods: tuple[int, ...]) -> None:
    for entry in entries:
        if entry.flag_bits & 1:
            raise InputError(f"expected entries without a password, found {entry.filename[:60]!r}")
        if entry.compress_type not in methods:
            raise InputError(f"expected another way of compression, found method {entry.compress_type}")
    size = sum(entry.file_size for entry in entries)
    if size > most:
        raise InputError(f"expected at most {most / 1e6:g} MB in the archive, found {size / 1e6:.0f}")
