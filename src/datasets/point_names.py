"""The order of points by the numbers in their names, for tools that list or export them in another one."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from src.datasets.names import natural_order
from src.errors import InputError

_DIGITS = re.compile(r"(\d{1,9})")


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
    """The order that sorts numbered points; None if they are in order already, or if their names do not tell.

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
