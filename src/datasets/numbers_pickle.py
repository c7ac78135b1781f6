"""Pickles of names and numbers, read without calling or building anything that they name.

A pickle names functions to call. Here every name that NumPy writes is replaced by an inert stand-in from this module,
which checks lengths and returns plain values: a NumPy number becomes a float or an int, an array nested lists or, if it
has many numbers (`numbers_of`), an array of our own.
"""

import io
import math
import pickle
import re
import struct
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.reading import read_bytes

_MOST_BYTES = 1_000_000_000  # of a file: the 100,000 faces of the challenge take a third of it
_MOST_VALUES = 14_000_000  # of an array: these faces
_FEW = 4  # numbers of an array that is a point, not a face
_DTYPE = re.compile(r"[<>=|]?([fiuU])(\d{1,6})")
_FORMATS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q"}
_FORMATS |= {"u1": "B", "u2": "H", "u4": "I", "u8": "Q"}


class _Dtype:
    """numpy.dtype: floats, integers, text and, in arrays alone, objects."""

    def __init__(self, name: object, *_flags: object) -> None:
        self.is_object = name in ("O8", "O4", "O")
        found = _DTYPE.fullmatch(name) if isinstance(name, str) else None
        if found is None and not self.is_object:
            raise InputError(f"holds an array of {name!r:.40}; expected numbers or names")
        kind, size = found.groups() if found else ("O", "8")
        if kind not in "UO" and kind + size not in _FORMATS:
            raise InputError(f"holds numbers of the type {kind}{size}; expected float32 or float64")
        self.is_text, self.code = kind == "U", kind + size
        self.size = 4 * int(size) if self.is_text else int(size)
        self.__setstate__((3, name[0] if name[0] in "<>=|" else "="))

    def __setstate__(self, state: tuple) -> None:
        self.order = {"<": "<", ">": ">", "=": "=", "|": "="}[state[1]]
        self.one = None if self.is_object or self.is_text else struct.Struct(self.order + _FORMATS[self.code])

    def values(self, data: object, count: int) -> list | np.ndarray:
        """`count` values from bytes or, from Python 2, their latin1 text; an object array's come as a list already."""
        if self.is_object:
            if not isinstance(data, list) or len(data) != count:
                raise InputError("holds an array of objects whose number does not fit its shape")
            return data
        data = data.encode("latin1") if isinstance(data, str) else bytes(data)
        if len(data) != count * self.size:
            raise InputError(f"holds an array of {len(data)} bytes; expected {count * self.size} by its shape")
        if self.is_text:
            text = data.decode("utf-32-be" if self.order == ">" else "utf-32-le")
            length = self.size // 4
            return [text[start : start + length].rstrip("\0") for start in range(0, len(text), max(length, 1))]
        return np.frombuffer(data, np.dtype(self.code).newbyteorder(self.order))


class _Array(list):
    """numpy.ndarray, which `__setstate__` fills: as nested lists or, of many numbers, with the array `numbers`."""

    numbers: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _version, shape, dtype, is_fortran, data = state
        self._fill(data, dtype, shape, "F" if is_fortran else "C")

    def _fill(self, data: object, dtype: object, shape: object, order: str) -> None:
        values = _shaped(data, dtype, shape, order)
        if values.dtype != object and values.size > _FEW:  # as Python's floats they would take ten times the memory
            self.numbers = values
        else:
            self[:] = values.tolist()

    @classmethod
    def of_buffer(cls, data: object, dtype: object, shape: object, order: str = "C") -> "_Array":
        """An array from bytes, as the pickles of protocol 5 hold it."""
        array = cls()
        array._fill(data, dtype, shape, "F" if order == "F" else "C")
        return array


def numbers_of(value: object) -> object:
    """The array (float or integer) that a part of a pickle's content stands for; other parts as they are."""
    return value.numbers if isinstance(value, _Array) and value.numbers is not None else value


def _shaped(data: object, dtype: object, shape: object, order: str) -> np.ndarray:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or not 1 <= len(shape) <= 8:
        raise InputError("holds a damaged array")
    if not all(type(length) is int and length > 0 for length in shape):
        raise InputError(f"holds an array of shape {shape!r:.40}; expected none that is empty")
    if math.prod(shape) > _MOST_VALUES:
        raise InputError(f"holds an array of {math.prod(shape):,} values; expected at most {_MOST_VALUES:,}")
    flat = dtype.values(data, math.prod(shape))
    if isinstance(flat, list):  # one by one, because NumPy would look for further axes inside lists
        flat = np.fromiter(flat, dtype=object, count=len(flat))
    return flat.reshape(shape, order=order)


def _reconstruct(*_arguments: object) -> _Array:
    return _Array()


def _scalar(dtype: _Dtype, data: object) -> object:
    if dtype.one is None:
        return dtype.values(data, 1)[0]
    return dtype.one.unpack(data.encode("latin1") if isinstance(data, str) else data)[0]


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise InputError(f"holds text as {encoding!r:.40}; expected latin1")
    return text.encode("latin1")


# NumPy 2 renamed numpy.core to numpy._core; old files use the former. `ndarray` is only an argument of _reconstruct.
_STAND_INS: dict[tuple[str, str], object] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): "ndarray",
    ("_codecs", "encode"): _encode,
} | {
    (f"numpy.{core}.{module}", name): stand_in
    for core in ("core", "_core")
    for module, name, stand_in in (
        ("multiarray", "scalar", _scalar),
        ("multiarray", "_reconstruct", _reconstruct),
        ("numeric", "_frombuffer", _Array.of_buffer),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _STAND_INS:
            raise InputError(f"holds {module:.60}.{name:.60}; expected only names and numbers")
        return _STAND_INS[module, name]


def load(path: str | Path) -> object:
    """The content of a pickle as plain lists, tuples, numbers and texts, and arrays of numbers for `numbers_of`.

    Raises InputError for a pickle that names anything but NumPy's arrays and numbers, OSError, and for a damaged one
    pickle's own errors and many others.
    """
    data = read_bytes(path, most=_MOST_BYTES)
    _check_instructions(data)
    return _Unpickler(io.BytesIO(data), encoding="latin1").load()


# Instructions whose argument says its own length, and the length's format.
_COUNTED = {b"T": "<i", b"U": "<B", b"B": "<I", b"C": "<B", b"\x8e": "<Q", b"\x96": "<Q"}
_COUNTED |= {b"\x8b": "<i", b"\x8a": "<B", b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q"}


def _check_instructions(data: bytes) -> None:
    """Walk through a pickle's instructions. Raises UnpicklingError for any that lists of names and numbers do not need.

    These include dictionaries and sets, because a few bytes can make keys that take forever to hash. Text that claims
    to be longer than the file, and a memo index beyond the file's length, could use up all memory.
    """
    last = min(len(data) >> 16, 0xFFFF)  # the upper half of the largest memo index
    place = rb"..[\x00-%b]\x00" % re.escape(bytes([last])) if last < 256 else rb"...[\x00-%b]" % bytes([last >> 8])
    simple = re.compile(
        rb"(?:[(01N\x88\x89\])tlae2\x85-\x87Rb\x93\x94]|h.|C\x04....|C\x08.{8}|U\x04....|U\x08.{8}|[Kq].|j....|r"
        + place
        + rb"|G.{8}|J....|M..|\x80.|\x95.{8}|[FILSV][^\n]*\n|g\d+\n|p\d{1,7}\n|c[^\n]*\n[^\n]*\n)*+",
        re.DOTALL,
    )
    position = simple.match(data).end()
    while data[position : position + 1] != b".":
        length_format = _COUNTED.get(data[position : position + 1])
        length = struct.unpack_from(length_format, data, position + 1)[0] if length_format else -1
        start = position + 1 + struct.calcsize(length_format or "")
        if not 0 <= length <= len(data) - start:
            raise pickle.UnpicklingError(f"more than lists of names and numbers, or damaged, at byte {position}")
        position = simple.match(data, start + length).end()
