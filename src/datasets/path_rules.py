"""What the names of folders and label files say about which pictures are meant, for `src.datasets.stated_paths`."""

import os
import re
from pathlib import PurePosixPath
from typing import NamedTuple

from src.datasets.names import common_ending, composed, part_words

_DIGITS = re.compile(r"\d+")
_SEPARATOR = re.compile(r"[_.\- ]")
# Names of folders that do not say which pictures they hold.
_GENERIC = {"image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos", "jpg",
            "jpeg", "jpegs", "jpegimages", "png", "pngs", "face", "faces", "crop", "crops", "frame", "frames",
            "file", "files", "data", "default", "dataset", "set", "upload", "uploads", "export", "raw",
            "input"}  # fmt: skip
# Names of folders and files of labels, which do not say it either.
_OF_LABELS = {"annotation", "annotations", "anno", "annos", "ann", "anns", "annot", "annots", "label", "labels", "json",
              "jsons", "xml", "xmls", "tsv", "landmark", "landmarks", "keypoint", "keypoints", "points", "pts", "coco",
              "cvat", "dlib", "labelme", "gt", "all", "full", "merged"}  # fmt: skip


class Statement(NamedTuple):
    """A picture's path as a label file gives it."""

    file: str
    path: str

    @property
    def is_bare(self) -> bool:
        """Whether the path is a file name without a folder."""
        return len(split_path(self.path)) == 1


class Labels(NamedTuple):
    """Of all label files: `words_of` their names, and the names of the folders around them."""

    words: set[str]
    folders: set[str]


def may_be_renamed(stated: tuple[str, ...], picture: tuple[str, ...]) -> bool:
    """helen/1.jpg and images/1.jpg, or /anna/helen/pics/1.jpg and afw/pics/1.jpg; not helen/1.jpg and afw/1.jpg, nor
    images1/1.jpg and images2/1.jpg, nor one path that is the other's end: `is_ending` takes care of these."""
    agreement = common_ending(stated, picture)
    if agreement in (len(stated), len(picture)):
        return False
    folder, other = stated[-agreement - 1], picture[-agreement - 1]
    if _differ_in_number(folder, other):
        return False
    is_absolute = is_root(stated[0])
    return (is_absolute and agreement > 1) or is_generic(folder) or is_generic(other)


def is_of_another_part(statement: Statement, named_parts: set[str]) -> bool:
    """val/1.jpg is not that of train.json or train/1.jpg; if there is a one.json or faces_one.json, one/1.jpg is not
    two.json's (but /data/one/1.jpg in two.json is)."""
    stated_parts = {*words_of(statement), *split_path(statement.path)[:-1]}
    stated_parts |= part_words(f"{statement.file}/{statement.path}")
    return bool(named_parts) and not named_parts & stated_parts


def words_of(statement: Statement) -> set[str]:
    """Folders that a label file's name may mean: one of one_faces.json and of person_keypoints_one.json, as CVAT calls
    that of images/one. A file called like its picture means no others."""
    stem = PurePosixPath(statement.file).stem
    if stem == PurePosixPath(statement.path).stem:
        return {stem}
    parts = [part for match in _SEPARATOR.finditer(stem) for part in (stem[: match.start()], stem[match.end() :])]
    return {stem, *(part for part in parts if _is_telling(part) and not part.isdecimal())}


def is_of_another_folder(statement: Statement, picture: tuple[str, ...], folders: set[str]) -> bool:
    """one/1.jpg and images/one/1.jpg are not those of two/faces.json if label files lie in a folder one (but
    /data/one/1.jpg in two/faces.json is, and annotations/faces.json may list both folders' pictures)."""
    own, around = PurePosixPath(statement.file).parts[:-1], set(picture[:-1])
    others = (folders & around).difference(own, split_path(statement.path)[:-1])
    is_below = picture[: len(own)] == own
    return not is_below and any(map(_is_telling, others)) and any(map(_is_telling, set(own) - around))


def is_numbered_otherwise(statement: Statement, picture: tuple[str, ...]) -> bool:
    """part1/1.jpg is not that of part2.json (but /data/part1/1.jpg in part2.json is)."""
    if len(picture) < 2 or common_ending(split_path(statement.path), picture) > 1:
        return False
    return _differ_in_number(PurePosixPath(statement.file).stem, picture[-2])


def split_path(path: str) -> tuple[str, ...]:
    """A stated path's folders and file name: a, 1.jpg of b/../a/1.jpg."""
    path = composed(path).replace("\\", "/")
    return PurePosixPath(os.path.normpath(path)).parts or (path,)


def is_root(part: str) -> bool:
    """Whether a path's first part is / or C: or, of \\\\server\\1.jpg, //."""
    return part.startswith("/") or part.endswith(":")


def is_generic(folder: str) -> bool:
    """Whether a folder's name does not say which pictures it holds: images, Pics_2."""
    return _word_of(folder) in _GENERIC


def _is_telling(folder: str) -> bool:
    """Whether the name of a folder or file of labels says which pictures these are of: not annotations."""
    return _word_of(folder) not in _GENERIC | _OF_LABELS


def _word_of(folder: str) -> str:
    return _DIGITS.sub("", folder.lower()).strip("_- ")


def _differ_in_number(first: str, second: str) -> bool:
    """Whether names that are not numbers differ in their numbers alone: part1 and part2, not 1 and 2."""
    first, second = first.lower(), second.lower()
    return first != second and _DIGITS.sub("0", first) == _DIGITS.sub("0", second) != "0"
