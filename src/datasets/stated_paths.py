"""The pictures that annotation files call by path: relative to another folder, absolute, or from another computer.

A label on the wrong picture is worse than a missing picture. So a path that is not found as it stands is matched by
its end only where nothing speaks against it: not the part (train, val, test) that the file or path names, not a folder
numbered otherwise, not another path that claims the same picture, not other paths that are found with their folders.
And two folders of different names are one only where a name says no more than "images", or below a foreign root.
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from src.datasets.folder import Folder
from src.datasets.listing import part_words, spell_out
from src.errors import InputError

_DIGITS = re.compile(r"\d+")
# Names of folders that say nothing about which pictures they hold.
_ANY_PICTURES = {"image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos", "jpg",
                 "jpeg", "jpegs", "jpegimages", "png", "pngs", "face", "faces", "crop", "crops", "frame", "frames",
                 "file", "files", "data", "dataset", "set", "upload", "uploads", "export", "raw", "input"}  # fmt: skip


class Statement(NamedTuple):
    """A picture's path as a label file gives it."""

    file: str
    path: str


class _Match(NamedTuple):
    name: str
    is_exact: bool = False
    is_missing: bool = False


class PictureFinder:
    """Finds a folder's pictures by stated paths."""

    def __init__(self, folder: Folder) -> None:
        self.root = folder.root
        self._files: set[str] = set()  # the label files' own names: a folder called like another file is not ours
        self._exact: dict[str, str] = {}
        for name in folder.pictures:
            other = self._exact.setdefault(unicodedata.normalize("NFC", name), name)
            if other != name:
                raise InputError(f"{self.root}: expected names that differ to the eye, found {name!a} and {other!a}")
        self._by_file: dict[str, list[str]] = defaultdict(list)
        for name in self._exact:
            self._by_file[PurePosixPath(name).name].append(name)

    def locate_all(self, statements: Sequence[Statement]) -> tuple[list[str], tuple[str, ...]]:
        """The picture of each statement, and what to remark; an absent picture keeps its stated path, and is missed
        when decoded.

        Raises InputError for a statement that several pictures fit, and where a picture serves two different paths.
        """
        distinct = list(dict.fromkeys(statements))
        self._files = {PurePosixPath(statement.file).stem for statement in distinct}
        found = {statement: self._match(statement) for statement in distinct}
        strays = self._strays(found)
        found |= dict.fromkeys(strays)
        is_foreign = all(match is None for match in found.values())
        renamed, namesakes = [], []
        for statement, match in found.items():
            if match is None:
                found[statement] = self._match(statement, by_name=True) if is_foreign and not strays else None
                if found[statement] is not None:
                    renamed.append(f"{statement.path} -> {found[statement].name}")
            if found[statement] is None:
                found[statement] = _Match(_inside(statement.path), is_missing=True)
                if others := self._by_file.get(_normal(statement.path)[-1]):
                    namesakes.append(f"{statement.path}, not {others[0]}")
        self._check_claims(found)
        names = [self._exact.get(found[statement].name, found[statement].name) for statement in statements]
        remarks = [
            f"{len(paths)} {what} ({spell_out(paths)})"
            for paths, what in (
                (self._far(found), "pictures stated without a folder, found in one"),
                (renamed, "pictures found by their file name alone, in another folder"),
                (namesakes, "stated pictures are absent, those of that name lie elsewhere"),
            )
            if paths
        ]
        return names, tuple(remarks)

    def _strays(self, found: dict[Statement, _Match | None]) -> list[Statement]:
        """Names without a folder that are found in some folder, although others of such files lie where they say."""
        bare = {statement: match for statement, match in found.items() if match and len(_normal(statement.path)) == 1}
        beside = {PurePosixPath(statement.file).parent for statement, match in bare.items() if match.is_exact}
        return [
            statement
            for statement, match in bare.items()
            if not match.is_exact and PurePosixPath(statement.file).parent in beside
        ]

    def _far(self, found: dict[Statement, _Match]) -> list[str]:
        """Names without a folder and the pictures they are taken for, where these lie in a folder with a meaning."""
        return [
            f"{statement.path} -> {match.name}"
            for statement, match in found.items()
            if len(_normal(statement.path)) == 1
            and not (match.is_exact or match.is_missing)
            and not all(_says_nothing(part) or part_words(part) for part in PurePosixPath(match.name).parts[:-1])
        ]

    def is_known(self, path: str) -> bool:
        """Whether some picture has this path's file name."""
        return _normal(path)[-1] in self._by_file

    def _match(self, statement: Statement, *, by_name: bool = False) -> _Match | None:
        """by_name: let a picture fit of which no folder agrees, if one of the two folders may hold any pictures."""
        parts = _normal(statement.path)
        beside = PurePosixPath(statement.file).parent / PurePosixPath(*parts)
        for exact in (os.path.normpath(beside), os.path.normpath(PurePosixPath(*parts))):
            if exact in self._exact:
                return _Match(exact, is_exact=True)
        own_file = PurePosixPath(statement.file).stem
        stated_parts = {own_file} | part_words(f"{statement.file}/{statement.path}")
        fitting = []
        for name in self._by_file.get(parts[-1], []):
            own = PurePosixPath(name).parts
            agreement = _common_ending(parts, own)
            own_parts = part_words(os.path.dirname(name)) | self._files.intersection(own[:-1])
            contradicts = own_parts and not stated_parts & own_parts
            contradicts = contradicts or _are_siblings(own_file, *own[-2:-1])
            is_ending = agreement in (len(parts), len(own))
            if not contradicts and (is_ending or (by_name and _may_be_one(parts, own, agreement))):
                fitting.append((agreement, bool(stated_parts & own_parts), name))
        best = [name for *rank, name in fitting if rank == max(rank for *rank, _ in fitting)]
        if len(best) > 1:
            raise InputError(
                f"{self.root}: {statement.file}: expected one picture {statement.path!r}, found {best[0]} and {best[1]}"
            )
        return _Match(best[0]) if best else None

    def _check_claims(self, found: dict[Statement, _Match]) -> None:
        claims: dict[str, list[tuple[Statement, _Match]]] = defaultdict(list)
        for statement, match in found.items():
            if not match.is_missing:
                claims[match.name].append((statement, match))
        for name, claimants in claims.items():
            paths = list(dict.fromkeys(str(PurePosixPath(*_normal(statement.path))) for statement, _ in claimants))
            if len(paths) > 1 and not all(match.is_exact for _, match in claimants):
                raise InputError(
                    f"{self.root}: expected a picture for each path, found {name} for both {paths[0]!r} and "
                    f"{paths[1]!r}; add the missing one, or write both paths alike"
                )


def _normal(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(unicodedata.normalize("NFC", path).replace("\\", "/")).parts
    if not parts:
        raise InputError(f"expected a picture's name, found {path!r}")
    return parts


def _inside(path: str) -> str:
    """The path without what leads out of a folder."""
    parts = [part for part in _normal(path) if part not in ("/", "..") and not part.endswith(":")]
    return str(PurePosixPath(*parts))


def _may_be_one(first: tuple[str, ...], second: tuple[str, ...], agreement: int) -> bool:
    """Whether a stated path and a picture's that disagree in a folder may be one: renamed, or on another computer."""
    folders = [path[-agreement - 1].lower() for path in (first, second)]
    if _are_siblings(*folders):
        return False
    is_of_elsewhere = agreement > 1 and (first[0] == "/" or first[0].endswith(":"))
    return is_of_elsewhere or any(map(_says_nothing, folders))


def _says_nothing(folder: str) -> bool:
    return _DIGITS.sub("", folder.lower()).strip("_- ") in _ANY_PICTURES


def _are_siblings(first: str, second: str = "") -> bool:
    """Whether two names differ in their numbers alone: part1 and part2."""
    first, second = first.lower(), second.lower()
    words, others = (_DIGITS.sub("0", name) for name in (first, second))
    return first != second and words == others != "0"


def _common_ending(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    length = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        length += 1
    return length
