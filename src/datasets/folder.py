"""A data set's folder, walked once: finds files by their ending and pictures by their labels, and parses many files."""

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from src.datasets.listing import is_picture
from src.datasets.names import composed, part_words
from src.errors import InputError
from src.parallel import in_threads
from src.reading import encoding_of, read_head

UNLABELED = "pictures without labels"
Parsed = TypeVar("Parsed")
_ODD = (ValueError, LookupError, TypeError, AttributeError, OverflowError)  # what parsers raise for odd content
_PEEKED, _HEAD = 10, 65536  # files, and bytes of each: enough to recognize the kind of most
_MOST_LINKED = 100_000  # folders


class _Broken(NamedTuple):
    reason: str


class Folder:
    """All files below `root` except hidden ones, following links. Names are relative to `root`, sorted, with forward
    slashes. A label file reachable twice through links is listed once. Raises InputError for a missing folder."""

    def __init__(self, root: str | Path, *, skip_broken: bool = False) -> None:
        self.root, self.skip_broken = Path(root), skip_broken
        self.broken: list[str] = []  # label files that `parse_each` left out, and why
        if self.root.is_file():
            raise InputError(f"{self.root}: expected a folder of annotated pictures, found a file; name its folder")
        if not self.root.is_dir():
            raise InputError(f"{self.root}: no such folder; expected annotated pictures there")
        self.names = sorted(_walk(self.root))
        self.pictures = [name for name in self.names if is_picture(name)]
        self._by_extension: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_bare_stem: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            self._by_extension[os.path.splitext(name)[1].lower()].append(name)
        for name in self.pictures:
            stem = os.path.splitext(name)[0]
            self._by_stem[composed(stem)].append(name)
            self._by_bare_stem[PurePosixPath(stem).name].append(name)

    def ending(self, ending: str, *, inside: str = "") -> list[str]:
        """Names with an ending such as "_ldmks.txt", in upper or lower case, of files in a folder called `inside`."""
        candidates = self._by_extension[os.path.splitext(ending)[1].lower() or ending.lower()]
        return [
            name
            for name in candidates
            if name.lower().endswith(ending.lower()) and (not inside or inside in PurePosixPath(name).parts[:-1])
        ]

    def pictures_without(self, labeled: Iterable[str]) -> list[str]:
        """The pictures that are not among the labeled ones."""
        known = set(labeled)
        return [name for name in self.pictures if name not in known]

    def peek(self, ending: str) -> Iterator[tuple[str, str]]:
        """Names and beginnings of the first files with an ending; a file that cannot be read begins with ""."""
        for name in self.ending(ending)[:_PEEKED]:
            try:
                head = read_head(self.root / name, _HEAD)
            except (InputError, OSError):
                head = b""
            yield name, head.decode(encoding_of(head), errors="replace")

    def picture(self, stem: str) -> str:
        """The picture with this path apart from its extension and the form of its accents (`composed`), or else the one
        with exactly this path, for labels named like `a.jpg.pts`.

        An absent one is called .jpg and found missing later. Raises InputError if two pictures differ only in their
        extension.
        """
        candidates = self._labeled_by(stem)
        exact = [name for name in candidates if os.path.splitext(name)[0] == stem]
        return self._only(exact or candidates, stem)

    def has_picture(self, stem: str) -> bool:
        return bool(self._labeled_by(stem))

    def _labeled_by(self, stem: str) -> list[str]:
        named = composed(stem)
        whole = self._by_stem.get(os.path.splitext(named)[0], [])
        return self._by_stem.get(named) or [name for name in whole if composed(name) == named]

    def locate_stem(self, stem: str, *, part: str) -> str:
        """The picture with the file name `stem` apart from its extension, in any folder except those of another part of
        the data set; otherwise like `picture`."""
        candidates = self._by_bare_stem.get(stem, [])
        return self._only([name for name in candidates if part_words(os.path.dirname(name)) <= {part}], stem)

    def _only(self, candidates: list[str], stem: str) -> str:
        if len(candidates) > 1:
            raise InputError(
                f"{self.root}: expected one picture for the labels of {stem}, found {candidates[0]} and "
                f"{candidates[1]}; move one of them away"
            )
        return candidates[0] if candidates else f"{stem}.jpg"

    def parse(self, names: list[str], parse_one: Callable[[Path], Parsed]) -> list[Parsed]:
        """parse_one(path) of every file, in order, on all cores; errors become an InputError that names the file."""

        def parse_named(name: str) -> Parsed:
            try:
                return parse_one(self.root / name)
            except _ODD as error:
                raise InputError(f"{self.root / name}: {_describe(error)}") from error

        return in_threads(parse_named, names, desc="labels", unit="file")

    def parse_each(self, names: list[str], parse_one: Callable[[Path], Parsed]) -> tuple[list[str], list[Parsed]]:
        """Like `parse`, for files about one picture each: the names of the files parsed, and what they hold.

        With `skip_broken` a file that cannot be parsed is left out; `broken` says why.
        """
        if not self.skip_broken:
            return names, self.parse(names, parse_one)

        def attempt(path: Path) -> Parsed | _Broken:
            try:
                return parse_one(path)
            except _ODD as error:
                return _Broken(_describe(error))
            except OSError as error:
                return _Broken(str(error.strerror))

        found = dict(zip(names, self.parse(names, attempt), strict=True))
        self.broken += [f"{name}: {value.reason}" for name, value in found.items() if isinstance(value, _Broken)]
        sound = {name: value for name, value in found.items() if not isinstance(value, _Broken)}
        return list(sound), list(sound.values())

    def parse_kind(
        self, names: list[str], parse_one: Callable[[Path], Parsed | None], *, each: bool = False
    ) -> tuple[dict[str, Parsed], list[str]]:
        """parse_one(path) of every file of a kind, by its name, and the names of files of another one: None.

        each: files are about one picture each, as for `parse_each`.
        """
        names, contents = self.parse_each(names, parse_one) if each else (names, self.parse(names, parse_one))
        parsed = dict(zip(names, contents, strict=True))
        own = {name: content for name, content in parsed.items() if content is not None}
        return own, [name for name in parsed if name not in own]


def own_spellings(root: Path, names: Sequence[str]) -> list[str]:
    """The names as the folder's pictures have them, if these differ in the form of their accents (`composed`) alone."""
    absent = {name for name in names if not (name.isascii() or (root / name).exists())}
    free = set(Folder(root).pictures).difference(names) if absent else ()
    pictures = {composed(name): name for name in free}
    return [pictures.get(composed(name), name) if name in absent else name for name in names]


def swap_folder(stem: str, folder: str, other: str) -> str:
    """A path with the last `folder` in it replaced by `other`: from labels/ to images/, and back.

    Raises ValueError if it has no such folder.
    """
    parts = list(PurePosixPath(stem).parts)
    last = len(parts) - 1 - parts[::-1].index(folder)
    return str(PurePosixPath(*parts[:last], other, *parts[last + 1 :]))


def _describe(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, KeyError):
        return f"expected an entry {error}, found none"
    return f"not in the expected form ({error})"


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; the error comes when it is read as a file
        return False


def _walk(root: Path) -> list[str]:
    """Names of all files below a folder. Links are followed unless they lead back to an enclosing folder."""
    names, visited, linked = [], set(), 0
    # Linked folders come last, so that labels reached twice keep the name without a link.
    pending = deque([(root, "", frozenset())])
    while pending:
        place, prefix, around = pending.popleft()
        real = os.path.realpath(place)
        if real in around:
            continue
        if linked > _MOST_LINKED:  # each of n folders may link to all others: n! ways through them
            raise InputError(f"{root}: expected at most {_MOST_LINKED:,} linked folders, found more; unlink some")
        is_new = real not in visited
        visited.add(real)
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                if _is_folder(entry):
                    inner = (Path(entry.path), f"{prefix}{entry.name}/", around | {real})
                    if entry.is_symlink():
                        pending.append(inner)
                        linked += 1
                    else:
                        pending.appendleft(inner)
                elif is_new or is_picture(entry.name):
                    names.append(prefix + entry.name)
    return names
