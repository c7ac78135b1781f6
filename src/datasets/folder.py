"""A data set's folder, walked once: find its files by ending, the picture of an annotation, and parse many files."""

import json
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tqdm import tqdm

from src.datasets.pictures import EXTENSIONS
from src.errors import InputError

PEEKED = 10  # files that are opened to tell a folder's format

Parsed = TypeVar("Parsed")


class Folder:
    """All files below `root`, hidden ones left out; names are relative to it, sorted, with forward slashes."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(f"{self.root}: no such folder; expected annotated pictures there")
        self.names = sorted(_walk(self.root))
        self._by_extension: dict[str, list[str]] = defaultdict(list)
        self._pictures_by_stem: dict[str, str] = {}
        self._pictures_by_bare_stem: dict[str, str] = {}
        self._pictures_by_file: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            stem, extension = os.path.splitext(name)
            self._by_extension[extension.lower()].append(name)
            if extension.lower() in EXTENSIONS:
                self._pictures_by_stem.setdefault(stem, name)
                self._pictures_by_bare_stem.setdefault(PurePosixPath(stem).name, name)
                self._pictures_by_file[PurePosixPath(name).name].append(name)

    def ending(self, ending: str, *, inside: str = "") -> list[str]:
        """Names with an ending such as "_ldmks.txt", in any case, of files that lie in a folder called `inside`."""
        candidates = self._by_extension[os.path.splitext(ending)[1].lower() or ending.lower()]
        return [
            name
            for name in candidates
            if name.lower().endswith(ending.lower()) and (not inside or inside in PurePosixPath(name).parts[:-1])
        ]

    def picture(self, stem: str) -> str:
        """The picture with this path less its extension; an absent one is called .jpg, and missed when decoded."""
        return self._pictures_by_stem.get(stem, f"{stem}.jpg")

    def locate_stem(self, stem: str) -> str:
        """The picture whose file name less its extension is `stem`, in whichever folder; an absent one as above."""
        return self._pictures_by_bare_stem.get(stem, f"{stem}.jpg")

    def locate(self, stated: str) -> str:
        """The picture that an annotation file calls `stated`, which may be relative to another folder or absolute.

        Among pictures of that file name, the one whose path agrees longest from its end. Raises InputError for a tie.
        """
        parts = PurePosixPath(stated.replace("\\", "/")).parts
        if not parts:
            raise InputError(f"expected a picture's name, found {stated!r}")
        candidates = self._pictures_by_file.get(parts[-1], [])
        if not candidates:
            return parts[-1]
        agreement = [_common_ending(parts, PurePosixPath(name).parts) for name in candidates]
        best = [name for name, length in zip(candidates, agreement, strict=True) if length == max(agreement)]
        exact = str(PurePosixPath(*parts))
        if exact in best:
            return exact
        if len(best) > 1:
            raise InputError(f"{self.root}: expected one picture {stated!r}, found {best[0]} and {best[1]}")
        return best[0]

    def parse(self, names: list[str], parse_one: Callable[[Path], Parsed]) -> list[Parsed]:
        """parse_one(path) of every file, in order, on all cores; what goes wrong becomes an InputError naming it."""

        def parse_named(name: str) -> Parsed:
            try:
                return parse_one(self.root / name)
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{self.root / name}: {_describe(error)}") from error

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            progress = tqdm(pool.map(parse_named, names), total=len(names), desc="labels", unit="file", disable=None)
            try:
                return list(progress)
            except InputError:
                pool.shutdown(cancel_futures=True)
                raise


def read_text(path: Path) -> str:
    """A small text file, with any of the line ends in use. Raises InputError where it is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("expected text in UTF-8, found other bytes") from None


def read_json(path: Path) -> dict:
    """A .json that holds an object. Raises InputError for any other file."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"not readable JSON ({error}); it may be truncated") from None
    if not isinstance(content, dict):
        raise InputError(f"expected a JSON object, found {type(content).__name__}")
    return content


def json_head(path: Path) -> str:
    """The beginning of a .json, whose keys tell its kind."""
    with open(path, "rb") as file:
        return file.read(65536).decode("utf-8", errors="replace")


def _describe(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, KeyError):
        return f"expected an entry {error}, found none"
    return f"not in the expected form ({error})"


def _walk(root: Path) -> list[str]:
    names = []
    for place, folders, files in os.walk(root):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        relative = Path(place).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        names += [prefix + file for file in files if not file.startswith(".")]
    return names


def _common_ending(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    length = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        length += 1
    return length
