"""MATLAB's `.mat` files of versions 4 to 7.2: matrices of numbers, by name.

"MAT-File Format", MathWorks. A reader of our own, because SciPy's believes the sizes that a damaged file states, and
crashes. Here every size is held against the bytes that are there.
"""

import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.reading import read_bytes

_HEADER = 128  # bytes of a file of version 5 and later; the last two tell the order of bytes
_ORDERS = {b"IM": "<", b"MI": ">"}
_MATRIX, _COMPRESSED = 14, 15  # types of elements
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_OLD_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")  # of version 4
_NUMERIC = range(6, 16)  # classes of matrices: double, single and the integers
_HEAD = 512  # bytes that hold a matrix's name
_MOST_BYTES, _MOST_UNPACKED = 256_000_000, 16_000_000  # of a file; of a wanted matrix

Named = tuple[str, np.ndarray | None]


def read_mat(path: Path, *wanted: str) -> dict[str, np.ndarray]:
    """Those of the wanted variables that the file holds, as float64 arrays. Raises InputError for a damaged file."""
    content = read_bytes(path, most=_MOST_BYTES)
    if content.startswith(b"MATLAB 7.3"):
        raise InputError("expected a .mat of version 7.2 or older, found 7.3; save it with -v7 in MATLAB")
    try:
        is_old = 0 in content[:4]  # later files begin with text
        matrices = _old_matrices(content, wanted) if is_old else _matrices(content, wanted)
        return {name: values.astype(np.float64) for name, values in matrices if values is not None}
    except (ValueError, zlib.error) as error:
        raise InputError(f"not a readable .mat ({error}); it may be truncated, fetch it again") from None


def _matrices(content: bytes, wanted: tuple[str, ...]) -> Iterator[Named]:
    """Version 5 and later: elements of a type, a length and bytes, some of them compressed."""
    order = _ORDERS.get(content[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("its header does not tell the order of bytes")
    place = _HEADER
    while place < len(content):
        kind, body, place = _element(content, place, order)
        if kind == _COMPRESSED:
            kind, body = _unpacked(body, order, wanted)
        if kind == _MATRIX:
            yield _matrix(body, order, wanted)


def _element(content: bytes, place: int, order: str, *, cut: bool = False) -> tuple[int, bytes, int]:
    """Type and bytes of the element at a place, and where the next one begins. cut: its end may be missing."""
    if len(content) < place + 8:
        raise ValueError("it ends within an element")
    kind, length = (int(number) for number in np.frombuffer(content, f"{order}u4", 2, place))
    if kind >> 16:  # a small element: both in one number, and up to four bytes
        kind, length, start, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
    else:
        start, end = place + 8, place + 8 + length
        end += 0 if kind == _COMPRESSED else -length % 8
    is_beyond = start + length > len(content) and not cut  # the last element's padding may be left out
    if is_beyond or (start == place + 4 and length > 4):
        raise ValueError(f"expected an element of {length} bytes, found {len(content) - start}")
    return kind, content[start : start + length], end


def _unpacked(body: bytes, order: str, wanted: tuple[str, ...]) -> tuple[int, bytes]:
    """Type and bytes of a compressed element, of which only the head is unpacked if it is not wanted."""
    unpack = zlib.decompressobj()
    head = unpack.decompress(body, _HEAD)
    kind, start, _ = _element(head, 0, order, cut=True)
    if kind != _MATRIX or _name(start, order)[0] not in wanted:
        return 0, b""
    whole = head + unpack.decompress(unpack.unconsumed_tail, _MOST_UNPACKED)
    if unpack.unconsumed_tail:
        raise ValueError(f"expected at most {_MOST_UNPACKED // 1_000_000} MB in a matrix of points or pose")
    if not unpack.eof:
        raise ValueError("a compressed matrix is cut short")  # its checksum stands at its end
    return _element(whole, 0, order)[:2]


def _matrix(body: bytes, order: str, wanted: tuple[str, ...]) -> Named:
    name, flags, shape, place = _name(body, order)
    if name not in wanted:
        return name, None
    if flags & 0xFF not in _NUMERIC:
        raise ValueError(f"expected {name} as a matrix of numbers, found class {flags & 0xFF}")
    kind, values, _ = _element(body, place, order)
    if kind not in _TYPES:
        raise ValueError(f"expected numbers in {name}, found type {kind}")
    return name, _shaped(name, values, shape, np.dtype(_TYPES[kind]).newbyteorder(order))


def _name(body: bytes, order: str) -> tuple[str, int, tuple[int, ...], int]:
    """A matrix's name, flags and shape, and where its numbers begin."""
    _, flags, place = _element(body, 0, order)
    kind, shape, place = _element(body, place, order)
    _, name, place = _element(body, place, order)
    if len(flags) != 8 or kind != 5 or len(shape) % 4:
        raise ValueError("a matrix does not tell its shape")
    first = np.frombuffer(flags, f"{order}u4")[0]
    return name.decode("latin-1"), int(first), tuple(np.frombuffer(shape, f"{order}i4").tolist()), place


def _shaped(name: str, values: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if min(shape, default=-1) < 0 or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"expected {name} of shape {shape}, found {len(values)} bytes of {dtype}")
    return np.frombuffer(values, dtype).reshape(shape, order="F")


def _old_matrices(content: bytes, wanted: tuple[str, ...]) -> Iterator[Named]:
    """Version 4: five numbers, a name, the values, again and again."""
    order = "<" if int.from_bytes(content[:4], "little") < 1000 else ">"
    place = 0
    while place < len(content):
        if len(content) < place + 20:
            raise ValueError("it ends within a header")
        form, rows, columns, is_complex, length = np.frombuffer(content, f"{order}i4", 5, place).tolist()
        kind = form // 10 % 10
        if min(form, rows, columns, length) < 0 or kind >= len(_OLD_TYPES) or is_complex not in (0, 1):
            raise ValueError("a matrix does not tell its form")
        dtype = np.dtype(_OLD_TYPES[kind]).newbyteorder(order)
        start = place + 20 + length
        end = start + rows * columns * dtype.itemsize
        name = content[place + 20 : start].rstrip(b"\0").decode("latin-1")
        if end > len(content):
            raise ValueError(f"expected {rows} x {columns} numbers, found {len(content) - start} bytes")
        if name in wanted:
            yield name, _shaped(name, content[start:end], (rows, columns), dtype)
        place = end + is_complex * (end - start)
