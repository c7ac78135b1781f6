"""The beginnings of a folder's first label files, which tell their kind cheaply."""

from collections.abc import Iterator

from src.datasets.folder import Folder
from src.errors import InputError
from src.reading import encoding_of, read_head

_FILES = 10
_BYTES = 65536  # enough to tell the kind of most files


def peek(folder: Folder, ending: str) -> Iterator[tuple[str, str]]:
    """Names and beginnings of the first files with an ending; a file that cannot be read begins with ""."""
    for name in folder.ending(ending)[:_FILES]:
        try:
            head = read_head(folder.root / name, _BYTES)
        except (InputError, OSError):
            head = b""
        yield name, head.decode(encoding_of(head), errors="replace")
