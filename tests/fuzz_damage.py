"""What goes wrong with bytes and values: flipped, cut, lost, or whole and without sense."""

import random
import re

import numpy as np
import torch

_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
_WORD = re.compile(rb"[A-Za-z_]\w*")
VALUES = (
    *(b"-1", b"0", b"1e309", b"-1e300", b"nan", b"inf", b"99999999999999999999", b"9" * 5000, b"1_0", "٣".encode()),
    *(b"null", b"true", b"[]", b"{}", b'"', b"[" * 100_000, b"{a: " * 2000, b"\x1b[31m", b"\0", b"\r", b"../../x"),
    *(b"*a", b"&a [*a, *a]", b"!!python/name:os.system", b"!!timestamp 2001-99-99", b"!!bool x", b"? [a]"),
)
_ODD = (
    *(None, True, False, [], {}, "", "x" * 5000, "\0", "../../x", "\x1b[31m", b"bytes", (), (1, 2), [[1]], {"a": 1}),
    *(-1, 0, 1, 3, 0.5, 1e308, -1e308, float("nan"), float("inf"), 2**31, 10**30),
)


def damage_bytes(content: bytes, draw: random.Random) -> bytes:
    """A file's bytes with one to four things wrong."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        start, length = draw.randrange(len(content) + 1), draw.choice((1, 1, 2, 4, 8, 64))
        kind = draw.choice(("bits", "value", "number", "word", "cut", "drop", "double", "noise"))
        pattern = {"number": _NUMBER, "word": _WORD}.get(kind)
        if pattern and (places := list(pattern.finditer(content[:100_000]))):
            found = draw.choice(places)
            content = content[: found.start()] + draw.choice(VALUES) + content[found.end() :]
        elif kind == "bits" and content:
            place = start % len(content)
            content = content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
        elif kind == "value":
            content = content[:start] + draw.choice((b"\0", b"\xff")) * length + content[start + length :]
        elif kind == "cut":
            content = content[:start]
        elif kind == "drop":
            content = content[:start] + content[start + length :]
        elif kind == "double":
            content = content[:start] + content[start : start + length] * 2 + content[start + length :]
        else:
            content = content[:start] + draw.randbytes(length) + content[start + length :]
    return content


def damage_value(value: object, draw: random.Random) -> object:
    """A nested value with one of its parts replaced or removed."""
    parts = dict(enumerate(value)) if isinstance(value, list | tuple) else value
    if isinstance(value, torch.Tensor | np.ndarray) and draw.random() < 0.8:
        return damage_array(value, draw)
    if not isinstance(parts, dict) or not parts or draw.random() < 0.1:
        return draw.choice(_ODD)
    key = draw.choice(list(parts))
    changed = dict(parts)
    if draw.random() < 0.1:
        del changed[key]
    else:
        changed[key] = damage_value(parts[key], draw)
    return changed if parts is value else type(value)(changed.values())


def damage_array(values: torch.Tensor | np.ndarray, draw: random.Random) -> object:
    """The same array with another type, shape or content."""
    is_tensor = isinstance(values, torch.Tensor)
    array = np.atleast_1d(values.detach().numpy() if is_tensor else values)
    kind = draw.choice(("type", "cut", "flat", "axis", "fill", "empty", "one"))
    if kind == "type":
        array = np.zeros_like(array, draw.choice(("i1", "i8", "f2", "f8", "c8", "?")))
    elif kind == "fill" and array.dtype.kind in "fiu":
        array = np.full_like(array, draw.choice((0, 1, 100)) if array.dtype.kind != "f" else draw.choice(_FILLS))
    elif kind == "one" and array.dtype.kind == "f" and array.size:
        array = array.copy()
        array.ravel()[draw.randrange(array.size)] = draw.choice(_FILLS)
    else:
        array = {"cut": array[:1], "flat": array.ravel(), "axis": array[None]}.get(kind, array.ravel()[:0])
    return torch.from_numpy(np.array(array)) if is_tensor else array


_FILLS = (0.0, -1.0, 1e30, float("nan"), float("inf"))
