"""The order of points by the numbers in their names, for tools that list or export them in another one."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from src.datasets.names import counted, natural_order, spell_out
from src.errors import InputError
from src.markup import INNER_51, NUM_POINTS

_DIGITS = re.compile(r"(\d{1,9})")
# The numbers besides 0 that points may begin with, by their count; 51 may have their numbers among the 68.
_OTHER_FIRSTS = {NUM_POINTS: (1,), len(INNER_51): (1, INNER_51[0], INNER_51[0] + 1)}


def numbers_of(names: Sequence[str]) -> list[int] | None:
    """The number of each point from names that differ in one number alone: 3, p3, p3_x; None for other names."""
    parts = [_DIGITS.split(str(name).strip()) for name in names]
    if len({tuple(part[::2]) for part in parts}) != 1:
        return None
    columns = np.array([[int(number) for number in part[1::2]] for part in parts]).T
    varying = [column for column in columns if (column != column[0]).any()]
    return varying[0].tolist() if len(varying) == 1 else None


@lru_cache(maxsize=16)
def order_by_names(names: tuple[str, ...]) -> np.ndarray | None:
    """The order that sorts numbered points; None if they are in order already, or if their names do not show it.

    Raises InputError for names sorted as text, so that jaw_10 stands before jaw_2, whose numbers are not of all points.
    """
    numbers = numbers_of(names)
    if numbers and sorted(numbers) == list(range(min(numbers), min(numbers) + len(names))):
        return None if sorted(numbers) == numbers else np.argsort(numbers)
    natural = natural_order(names)
    if list(names) == sorted(names) != natural:
        first = next(name for name, other in zip(names, natural, strict=True) if name != other)
        raise InputError(
            f"expected points in the order of the mark-up, found their names sorted as text, with {first!r} before "
            "smaller numbers; write names and points in the mark-up's order"
        )
    return None


def order_numbered(labels: Sequence[str], points: Sequence[np.ndarray], whose: str) -> tuple[np.ndarray, int] | None:
    """Points (2) in the order of the numbers in their labels, as (K, 2), and the first number; None without numbers.

    Points with other labels are left out if the others' labels are numbers alone. whose: whose points these are, in
    words. Raises InputError for numbers that are missing or stand twice.
    """
    labels = [label.strip() for label in labels]
    plain = [place for place, label in enumerate(labels) if label.isdecimal()]
    numbers = [int(labels[place]) for place in plain] if plain else numbers_of(labels)
    if numbers is None:
        return None
    places: dict[int, int] = {}
    for number, place in zip(numbers, plain or range(len(labels)), strict=True):
        if number in places:
            raise InputError(
                f"expected each point of {whose} once, found {number} again; give each face its own group or box"
            )
        places[number] = place
    first = min(places) if min(places) in _OTHER_FIRSTS.get(len(places), ()) else 0
    if sorted(places) != list(range(first, first + len(places))):
        raise InputError(f"expected points 0 to {max(places)} of {whose}, found {len(places)} of them")
    return np.array([points[places[number]] for number in sorted(places)]), first


def first_number_remarks(names: Sequence[str], firsts: Sequence[int]) -> tuple[str, ...]:
    """Remarks on pictures whose faces' points are not numbered from 0. names, firsts: of each face."""
    remarks = []
    for first in sorted(set(firsts) - {0}):
        found = list(dict.fromkeys(name for name, one in zip(names, firsts, strict=True) if one == first))
        remarks.append(f"points of {counted(len(found), 'pictures')} are numbered from {first} ({spell_out(found)})")
    return tuple(remarks)
