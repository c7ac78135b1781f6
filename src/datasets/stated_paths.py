"""Finds the pictures that label files state by path: relative to another folder, absolute, or on another computer.

The first rule that finds a picture decides:

1. `_as_stated`: the picture lies where the path says.
2. `is_ending`: one of the two paths ends with the other. `_without_strays` drops some of these matches again.
3. `may_be_renamed`: the file names agree, and a folder may have two names. Only if 1 and 2 find none of the paths.

A label on the wrong picture is worse than a missing picture. So rules 2 and 3 pass over pictures of another part of the
data set, and `_check_claims` refuses a picture that they find for one path while it is found for another path, too.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import dropwhile
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from src.datasets.folder import Folder
from src.datasets.names import common_ending, composed, counted_names, is_ending, part_words
from src.datasets.path_rules import (
    Labels,
    Statement,
    is_generic,
    is_numbered_otherwise,
    is_of_another_folder,
    is_of_another_part,
    is_root,
    may_be_renamed,
    split_path,
    words_of,
)
from src.errors import InputError


class PictureFinder:
    """Finds a folder's pictures by stated paths."""

    def __init__(self, folder: Folder) -> None:
        self.root = folder.root
        self._exact: dict[str, str] = {}
        for name in folder.pictures:
            other = self._exact.setdefault(composed(name), name)
            if other != name:
                raise InputError(f"{self.root}: expected names that differ to the eye, found {name!a} and {other!a}")
        self._by_file: dict[str, list[str]] = defaultdict(list)
        for name in self._exact:
            self._by_file[PurePosixPath(name).name].append(name)

    def locate_all(self, statements: Sequence[Statement]) -> tuple[list[str], tuple[str, ...]]:
        """The picture of each statement, and what to remark; an absent picture keeps its stated path, and is missed
        when decoded.

        Raises InputError for a statement that several pictures fit, and if a picture serves two different paths.
        """
        statements = [statement._replace(path=self._decoded(statement.path)) for statement in statements]
        distinct = list(dict.fromkeys(statements))
        as_stated, by_ending, renamed = self._apply_rules(distinct)
        found = as_stated | by_ending | renamed
        self._check_claims({statement: found[statement] for statement in distinct if statement in found}, as_stated)
        names = [found.get(statement) or _below_root(statement.path) for statement in statements]
        absent = [statement.path for statement in distinct if statement not in found]
        remarks = {
            "pictures stated without a folder, found in one": [
                f"{statement.path} -> {name}" for statement, name in by_ending.items() if _is_guess(statement, name)
            ],
            "pictures found by their file name alone, in another folder": [
                f"{statement.path} -> {name}" for statement, name in renamed.items()
            ],
            "stated pictures absent, others of that name elsewhere": [
                f"{path}, not {self._by_file[split_path(path)[-1]][0]}" for path in absent if self.is_known(path)
            ],
        }
        return (
            [self._exact.get(name, name) for name in names],
            tuple(counted_names(paths, what) for what, paths in remarks.items() if paths),
        )

    def is_known(self, path: str) -> bool:
        """Whether some picture has this path's file name."""
        return split_path(self._decoded(path))[-1] in self._by_file

    def _decoded(self, path: str) -> str:
        """The path itself or, if no picture has its file name, what it says as a URL or with its %20 decoded."""
        if split_path(path)[-1] in self._by_file:
            return path
        return next((other for other in _url_paths(path) if split_path(other)[-1] in self._by_file), path)

    def _apply_rules(self, statements: list[Statement]) -> tuple[dict[Statement, str], ...]:
        """What each of the three rules finds."""
        files = {statement.file for statement in statements}
        labels = Labels(
            set().union(*map(words_of, statements)),
            {part for file in files for part in PurePosixPath(file).parts[:-1]},
        )
        as_stated, by_ending = {}, {}
        for statement in statements:
            if name := self._as_stated(statement):
                as_stated[statement] = name
            elif name := self._best_match(statement, is_ending, labels):
                by_ending[statement] = name
        by_ending = _without_strays(by_ending, as_stated)
        if as_stated or by_ending:
            return as_stated, by_ending, {}
        renamed = {statement: self._best_match(statement, may_be_renamed, labels) for statement in statements}
        return {}, {}, {statement: name for statement, name in renamed.items() if name}

    def _as_stated(self, statement: Statement) -> str | None:
        """a/1.jpg of sets/faces.json is sets/a/1.jpg, else a/1.jpg."""
        stated = PurePosixPath(*split_path(statement.path))
        beside_file = PurePosixPath(statement.file).parent / stated
        return next((name for name in map(os.path.normpath, (beside_file, stated)) if name in self._exact), None)

    def _best_match(self, statement: Statement, fits: Callable[..., bool], labels: Labels) -> str | None:
        """The fitting picture with most folders in common with the stated path.

        Among equals, it is the one whose folders name the statement's part, then the one whose folders are called like
        its label file's: images/a/1.jpg for json/a/1.json. Raises InputError if two are equal in this, too.
        """
        stated = split_path(statement.path)
        ranks = {}
        for name in self._by_file.get(stated[-1], []):
            picture = tuple(name.split("/"))
            if not fits(stated, picture):  # before the costly rules: of a thousand clips, each has a 000001.jpg
                continue
            named_parts = part_words(os.path.dirname(name)) | labels.words.intersection(picture[:-1])
            is_other = (
                is_of_another_part(statement, named_parts)
                or is_numbered_otherwise(statement, picture)
                or is_of_another_folder(statement, picture, labels.folders)
            )
            if not is_other:
                own_folder = PurePosixPath(statement.file).parts[:-1]
                ranks[name] = (
                    common_ending(stated, picture),
                    bool(named_parts),
                    common_ending(own_folder, picture[:-1]),
                )
        highest = max(ranks.values(), default=None)
        best = [name for name, rank in ranks.items() if rank == highest]
        if len(best) > 1:
            raise InputError(
                f"{self.root}: {statement.file}: expected one picture {statement.path!r}, found {best[0]} and {best[1]}"
            )
        return best[0] if best else None

    def _check_claims(self, found: dict[Statement, str], as_stated: dict[Statement, str]) -> None:
        """Refuse left/1.jpg and right/1.jpg if both are found as 1.jpg."""
        claims: dict[str, list[Statement]] = defaultdict(list)
        for statement, name in found.items():
            claims[name].append(statement)
        for name, claimants in claims.items():
            paths = list(dict.fromkeys(str(PurePosixPath(*split_path(statement.path))) for statement in claimants))
            if len(paths) > 1 and not as_stated.keys() >= set(claimants):
                raise InputError(
                    f"{self.root}: expected a picture for each path, found {name} for both {paths[0]!r} and "
                    f"{paths[1]!r}; add the missing one, or write both paths alike"
                )


def _without_strays(by_ending: dict[Statement, str], as_stated: dict[Statement, str]) -> dict[Statement, str]:
    """2.jpg is not old/2.jpg if 1.jpg, also stated without a folder, lies as stated."""
    settled = {PurePosixPath(statement.file).parent for statement in as_stated if statement.is_bare}
    strays = {one for one in by_ending if one.is_bare and PurePosixPath(one.file).parent in settled}
    return {statement: name for statement, name in by_ending.items() if statement not in strays}


def _is_guess(statement: Statement, name: str) -> bool:
    """1.jpg found as helen/1.jpg, not as images/1.jpg or train/1.jpg."""
    folders = PurePosixPath(name).parts[:-1]
    return statement.is_bare and not all(is_generic(folder) or part_words(folder) for folder in folders)


def _url_paths(path: str) -> list[str]:
    """The paths that a URL or a quoted path may mean; Label Studio's local files are stated as ?d=a/1.jpg."""
    try:
        url = urlsplit(path)
    except ValueError:
        return []
    return [*parse_qs(url.query).get("d", []), unquote(url.path), unquote(path)]


def _below_root(path: str) -> str:
    """../a/1.jpg, /a/1.jpg and C:\\a\\1.jpg become a/1.jpg, an end of the path: a picture there was found by rule 2."""
    return str(PurePosixPath(*dropwhile(lambda part: part == ".." or is_root(part), split_path(path))))
