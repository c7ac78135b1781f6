"""Finds the pictures that label files state by path: relative to another folder, absolute, or on another computer.

The first rule that finds a picture decides:

1. `_as_stated`: the picture lies where the path says.
2. `is_ending`: one of the two paths ends with the other. `_without_strays` drops some of these matches again.
3. `_may_be_renamed`: the file names agree, and a folder may have two names. Only if 1 and 2 find none of the paths.

A label on the wrong picture is worse than a missing picture. So rules 2 and 3 pass over pictures of another part of the
data set, and `_check_claims` refuses a picture that they find for one path while it is found for another path, too.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import dropwhile
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from src.datasets.folder import Folder
from src.datasets.names import common_ending, composed, counted_names, is_ending, part_words
from src.errors import InputError

_DIGITS = re.compile(r"\d+")
_SEPARATOR = re.compile(r"[_.\- ]")
# Names of folders that do not tell which pictures they hold.
_GENERIC = {"image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos", "jpg",
            "jpeg", "jpegs", "jpegimages", "png", "pngs", "face", "faces", "crop", "crops", "frame", "frames",
            "file", "files", "data", "default", "dataset", "set", "upload", "uploads", "export", "raw",
            "input"}  # fmt: skip
# Names of folders and files of labels, which do not tell of which pictures either.
_OF_LABELS = {"annotation", "annotations", "anno", "annos", "ann", "anns", "annot", "annots", "label", "labels", "json",
              "jsons", "xml", "xmls", "tsv", "landmark", "landmarks", "keypoint", "keypoints", "points", "pts", "coco",
              "cvat", "dlib", "labelme", "gt", "all", "full", "merged"}  # fmt: skip


class _Labels(NamedTuple):
    """Of all label files: `_words_of` their names, and the names of the folders around them."""

    words: set[str]
    folders: set[str]


class Statement(NamedTuple):
    """A picture's path as a label file gives it."""

    file: str
    path: str

    @property
    def is_bare(self) -> bool:
        """Whether the path is a file name without a folder."""
        return len(_split(self.path)) == 1


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
                f"{path}, not {self._by_file[_split(path)[-1]][0]}" for path in absent if self.is_known(path)
            ],
        }
        return (
            [self._exact.get(name, name) for name in names],
            tuple(counted_names(paths, what) for what, paths in remarks.items() if paths),
        )

    def is_known(self, path: str) -> bool:
        """Whether some picture has this path's file name."""
        return _split(self._decoded(path))[-1] in self._by_file

    def _decoded(self, path: str) -> str:
        """The path itself or, if no picture has its file name, what it says as a URL or with its %20 decoded."""
        if _split(path)[-1] in self._by_file:
            return path
        return next((other for other in _url_paths(path) if _split(other)[-1] in self._by_file), path)

    def _apply_rules(self, statements: list[Statement]) -> tuple[dict[Statement, str], ...]:
        """What each of the three rules finds."""
        files = {statement.file for statement in statements}
        labels = _Labels(
            set().union(*map(_words_of, statements)),
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
        renamed = {statement: self._best_match(statement, _may_be_renamed, labels) for statement in statements}
        return {}, {}, {statement: name for statement, name in renamed.items() if name}

    def _as_stated(self, statement: Statement) -> str | None:
        """a/1.jpg of sets/faces.json is sets/a/1.jpg, else a/1.jpg."""
        stated = PurePosixPath(*_split(statement.path))
        beside_file = PurePosixPath(statement.file).parent / stated
        return next((name for name in map(os.path.normpath, (beside_file, stated)) if name in self._exact), None)

    def _best_match(self, statement: Statement, fits: Callable[..., bool], labels: _Labels) -> str | None:
        """The fitting picture with most folders in common with the stated path.

        Among equals, it is the one whose folders name the statement's part, then the one whose folders are called like
        its label file's: images/a/1.jpg for json/a/1.json. Raises InputError if two are equal in this, too.
        """
        stated = _split(statement.path)
        ranks = {}
        for name in self._by_file.get(stated[-1], []):
            picture = PurePosixPath(name).parts
            named_parts = part_words(os.path.dirname(name)) | labels.words.intersection(picture[:-1])
            is_other = (
                _is_of_another_part(statement, named_parts)
                or _is_numbered_otherwise(statement, picture)
                or _is_of_another_folder(statement, picture, labels.folders)
            )
            if not is_other and fits(stated, picture):
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
            paths = list(dict.fromkeys(str(PurePosixPath(*_split(statement.path))) for statement in claimants))
            if len(paths) > 1 and not as_stated.keys() >= set(claimants):
                raise InputError(
                    f"{self.root}: expected a picture for each path, found {name} for both {paths[0]!r} and "
                    f"{paths[1]!r}; add the missing one, or write both paths alike"
                )


def _may_be_renamed(stated: tuple[str, ...], picture: tuple[str, ...]) -> bool:
    """helen/1.jpg and images/1.jpg, or /anna/helen/pics/1.jpg and afw/pics/1.jpg; not helen/1.jpg and afw/1.jpg, nor
    images1/1.jpg and images2/1.jpg. Takes paths neither of which is the other's end."""
    agreement = common_ending(stated, picture)
    folder, other = stated[-agreement - 1], picture[-agreement - 1]
    if _differ_in_number(folder, other):
        return False
    is_absolute = _is_root(stated[0])
    return (is_absolute and agreement > 1) or _is_generic(folder) or _is_generic(other)


def _is_of_another_part(statement: Statement, named_parts: set[str]) -> bool:
    """val/1.jpg is not that of train.json or train/1.jpg; if there is a one.json or faces_one.json, one/1.jpg is not
    two.json's (but /data/one/1.jpg in two.json is)."""
    stated_parts = {*_words_of(statement), *_split(statement.path)[:-1]}
    stated_parts |= part_words(f"{statement.file}/{statement.path}")
    return bool(named_parts) and not named_parts & stated_parts


def _words_of(statement: Statement) -> set[str]:
    """Folders that a label file's name may tell: one of one_faces.json and of person_keypoints_one.json, as CVAT calls
    that of images/one. A file called like its picture tells no others."""
    stem = PurePosixPath(statement.file).stem
    if stem == PurePosixPath(statement.path).stem:
        return {stem}
    parts = [part for match in _SEPARATOR.finditer(stem) for part in (stem[: match.start()], stem[match.end() :])]
    return {stem, *(part for part in parts if _is_telling(part) and not part.isdecimal())}


def _is_of_another_folder(statement: Statement, picture: tuple[str, ...], folders: set[str]) -> bool:
    """one/1.jpg and images/one/1.jpg are not those of two/faces.json if label files lie in a folder one (but
    /data/one/1.jpg in two/faces.json is, and annotations/faces.json may list both folders' pictures)."""
    own, around = PurePosixPath(statement.file).parts[:-1], set(picture[:-1])
    others = (folders & around).difference(own, _split(statement.path)[:-1])
    is_below = picture[: len(own)] == own
    return not is_below and any(map(_is_telling, others)) and any(map(_is_telling, set(own) - around))


def _is_numbered_otherwise(statement: Statement, picture: tuple[str, ...]) -> bool:
    """part1/1.jpg is not that of part2.json (but /data/part1/1.jpg in part2.json is)."""
    if len(picture) < 2 or common_ending(_split(statement.path), picture) > 1:
        return False
    return _differ_in_number(PurePosixPath(statement.file).stem, picture[-2])


def _without_strays(by_ending: dict[Statement, str], as_stated: dict[Statement, str]) -> dict[Statement, str]:
    """2.jpg is not old/2.jpg if 1.jpg, also stated without a folder, lies as stated."""
    settled = {PurePosixPath(statement.file).parent for statement in as_stated if statement.is_bare}
    strays = {one for one in by_ending if one.is_bare and PurePosixPath(one.file).parent in settled}
    return {statement: name for statement, name in by_ending.items() if statement not in strays}


def _is_guess(statement: Statement, name: str) -> bool:
    """1.jpg found as helen/1.jpg, not as images/1.jpg or train/1.jpg."""
    folders = PurePosixPath(name).parts[:-1]
    return statement.is_bare and not all(_is_generic(folder) or part_words(folder) for folder in folders)


def _split(path: str) -> tuple[str, ...]:
    """A stated path's folders and file name: a, 1.jpg of b/../a/1.jpg."""
    path = composed(path).replace("\\", "/")
    return PurePosixPath(os.path.normpath(path)).parts or (path,)


def _url_paths(path: str) -> list[str]:
    """The paths that a URL or a quoted path may mean; Label Studio's local files are stated as ?d=a/1.jpg."""
    try:
        url = urlsplit(path)
    except ValueError:
        return []
    return [*parse_qs(url.query).get("d", []), unquote(url.path), unquote(path)]


def _below_root(path: str) -> str:
    """../a/1.jpg, /a/1.jpg and C:\\a\\1.jpg become a/1.jpg, an end of the path: a picture there was found by rule 2."""
    return str(PurePosixPath(*dropwhile(lambda part: part == ".." or _is_root(part), _split(path))))


def _is_root(part: str) -> bool:
    """Whether a path's first part is / or C: or, of \\\\server\\1.jpg, //."""
    return part.startswith("/") or part.endswith(":")


def _is_generic(folder: str) -> bool:
    """Whether a folder's name does not tell which pictures it holds: images, Pics_2."""
    return _word_of(folder) in _GENERIC


def _is_telling(folder: str) -> bool:
    """Whether the name of a folder or file of labels tells which pictures these are of: not annotations."""
    return _word_of(folder) not in _GENERIC | _OF_LABELS


def _word_of(folder: str) -> str:
    return _DIGITS.sub("", folder.lower()).strip("_- ")


def _differ_in_number(first: str, second: str) -> bool:
    """Whether names that are not numbers differ in their numbers alone: part1 and part2, not 1 and 2."""
    first, second = first.lower(), second.lower()
    return first != second and _DIGITS.sub("0", first) == _DIGITS.sub("0", second) != "0"
