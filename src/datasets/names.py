"""Names of files and folders: their natural order, names that nearly agree, and distinct names."""

import contextlib
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath

import numpy as np

from src.errors import InputError

_MOST_SPELLED_OUT = 5
_PARTS = {"train": "train", "training": "train", "trainset": "train", "val": "val", "valid": "val", "dev": "val",
          "validation": "val", "valset": "val", "test": "test", "testing": "test", "testset": "test"}  # fmt: skip
_WORDS = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"(\d+)")
_PLURAL = re.compile(r"(?<=x)es\b|s\b")


def natural_order(names: Iterable[str]) -> list[str]:
    """Names in natural order: frame2 before frame10."""

    def key(name: str) -> tuple[list[tuple[int, str]], str]:
        parts = _NUMBER.split(folded(name))
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name

    return sorted(names, key=key)


def spell_out(names: Sequence[object]) -> str:
    """The first few of some names, numbers or errors, and how many more there are."""
    more = len(names) - _MOST_SPELLED_OUT
    return ", ".join(map(str, names[:_MOST_SPELLED_OUT])) + (f" and {more} more" if more > 0 else "")


def counted(count: int, plural: str) -> str:
    """A number with what it counts: 2 broken pictures, 1 broken picture. plural: its first word in -s is the plural."""
    return f"{count} {plural if count != 1 else _PLURAL.sub('', plural, count=1)}"


def counted_names(names: Sequence[str], plural: str) -> str:
    """How many names there are, of what, and the first few: 2 pictures of two parts (1.jpg, 2.jpg)."""
    return f"{counted(len(names), plural)} ({spell_out(names)})"


def composed(name: str) -> str:
    """A name with each letter and its accent as one character (NFC); macOS and some tools write them as two (NFD)."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name as case-insensitive file systems compare it."""
    return composed(name).casefold()


def near_match(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs from `name` only in case, folder or ending, if there is just one."""
    return next((match for _, match in _near_matches([name], known)), None)


def _near_matches(names: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those of some names that have a `near_match`, with it. Comparing all pairs would take hours for thousands."""
    keys = (folded, lambda other: folded(_bare(other)), lambda other: folded(os.path.splitext(_bare(other))[0]))
    tables = [defaultdict(list) for _ in keys]
    for other in known:
        for key, table in zip(keys, tables, strict=True):
            table[key(other)].append(other)
    for name in names:
        found = (table.get(key(name), []) for key, table in zip(keys, tables, strict=True))
        if match := next((alike[0] for alike in found if len(alike) == 1), None):
            yield name, match


def match_names(stated: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """Which of `names` each stated name means: the same one, or the one whose path it ends, or that ends it.

    Raises InputError for a stated name that is unknown, with one that nearly agrees, or that fits several, and for two
    that mean the same.
    """
    stated_as, by_last = {}, defaultdict(list)  # comparing tens of thousands with each other would take hours
    for name in names:
        parts = _parts(name)
        by_last[parts[-1:]].append((name, parts))
    for one in stated:
        parts = _parts(one)
        alike = by_last[parts[-1:]]
        found = [name for name, _ in alike if name == one] or [name for name, its in alike if is_ending(parts, its)]
        if len(found) != 1:
            near = near_match(one, names)
            hint = f"{found[0]} and {found[1]}" if found else f"the picture {near}" if near else "no such picture"
            raise InputError(f"expected names of the {len(names)} sources, found {one}; there is {hint}")
        if (other := stated_as.setdefault(found[0], one)) != one:
            raise InputError(f"expected one name for {found[0]}, found {other} and {one}")
    return {one: name for name, one in stated_as.items()}


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(composed(name).replace("\\", "/")).parts


def is_ending(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Whether one of two paths, as their parts, ends with the other: /anna/a/1.jpg and a/1.jpg. No path ends with an
    empty one."""
    shared = common_ending(first, second)
    return shared > 0 and shared in (len(first), len(second))


def common_ending(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """The number of last parts that two paths share: 2 of a/b/1.jpg and c/b/1.jpg."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def compare_names(names: Sequence[str], labels: Sequence[str]) -> str:
    """What pictures and labels have in common, and what each lacks, in words; "" if they agree."""
    known, pictures = set(labels), set(names)
    without = [name for name in names if name not in known]
    unused = [label for label in labels if label not in pictures]
    if not without and not unused:
        return ""
    words = [f"{len(names) - len(without)} of {len(names)} pictures have a label"]
    for some, others, what in (
        (without, unused, "pictures without a label"),
        (unused, without, "labels without a picture"),
    ):
        if some:
            near = next(_near_matches(some, others), None)
            hint = f"; is {near[0]} the same as {near[1]}?" if near else ""
            words.append(f"{counted(len(some), what)} ({spell_out(some)}{hint})")
    return ", ".join(words)


def plain(name: str) -> str:
    """A file's name as text, even if this process was told that file names are ASCII."""
    with contextlib.suppress(UnicodeEncodeError):  # of half a surrogate pair, as JSON and pickles may hold
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return name


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """A name for each folder: its own, with those of its parents in front (joined by _) if two would be equal.

    Raises InputError if a folder is given twice.
    """
    parts = [folder.resolve().parts for folder in folders]
    if len(set(parts)) < len(parts):
        twice = next(folder for folder, part in zip(folders, parts, strict=True) if parts.count(part) > 1)
        raise InputError(f"{twice}: expected different folders, found this one twice")
    depths = [1] * len(parts)
    while True:
        names = ["_".join(part[-depth:]) for part, depth in zip(parts, depths, strict=True)]
        keys = [folded(name) for name in names]
        clashing = [keys.count(key) > 1 for key in keys]
        if not any(clashing):
            return names
        deeper = [
            depth + (clash and depth < len(part) - 1)
            for part, depth, clash in zip(parts, depths, clashing, strict=True)
        ]
        if deeper == depths:
            raise InputError(f"{folders[clashing.index(True)]}: expected a name of its own; rename the folder")
        depths = deeper


def photo_sources(names: Iterable[str]) -> np.ndarray:
    """The source of each photograph, (N,): its name's part before the first underscore, "" if it has none."""
    return np.array([PurePosixPath(name).name.rpartition("_")[0].partition("_")[0] for name in names])


def part_words(path: str) -> set[str]:
    """The parts of a data set (train, val, test) that a name or path mentions."""
    return {_PARTS[word] for word in _WORDS.findall(path.lower()) if word in _PARTS}


def distinct_stems(files: Sequence[str]) -> list[str]:
    """The name of each file without its ending, with its folder in front if two would be equal."""
    stems = [PurePosixPath(file).stem for file in files]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 else str(PurePosixPath(file).with_suffix(""))
        for file, stem in zip(files, stems, strict=True)
    ]


def _bare(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name
