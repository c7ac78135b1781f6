"""Pickles that attack their reader: nothing of theirs is run, built, or believed."""

import os
import pickle
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from stand_in import distinct_points

from src.datasets.challenge import load_annotations
from src.errors import InputError

POINTS = distinct_points(2) * 384
NAMES = ["a.jpg", "b.jpg"]


def _written(content: object) -> bytes:
    return pickle.dumps(content, protocol=2)


def _global(name: str) -> bytes:
    module, name = name.rsplit(".", 1)
    return f"c{module}\n{name}\n".encode()


def _text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def _number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def _dtype(name: str) -> bytes:
    return _global("numpy.dtype") + b"(" + _text(name) + b"K\x00K\x01tR"


def _array(dtype: bytes, shape: tuple[int, ...], data: bytes) -> bytes:
    """An array as NumPy pickles it: made empty, then given its state."""
    made = _global("numpy.core.multiarray._reconstruct") + _global("numpy.ndarray") + b"K\x00\x85C\x01b\x87R"
    sizes = b"(" + b"".join(map(_number, shape)) + b"t"
    return made + b"(K\x01" + sizes + dtype + b"\x89B" + struct.pack("<I", len(data)) + data + b"tb"


def _pair(landmarks: bytes) -> bytes:
    return b"\x80\x02" + b"](" + _text("a.jpg") + _text("b.jpg") + b"e" + landmarks + b"\x86."


def _doubled(levels: int) -> bytes:
    """A tuple that holds the one below twice, and so on: a few bytes a level, twice as much to walk through."""
    return b"K\x01" + b"2\x86" * levels


FLAGS_CLEARED = b"(K\x03" + _text("|") + b"NNN" + _number(-1) + _number(-1) + b"K\x00tb"
FIELD_OUTSIDE = b"(K\x03" + _text("|") + b"N" + _text("a") + b"\x85" + b"N" + b"K\x04K\x01K\x00tb"
HUGE_FACE = b"](" + 68 * (b"\x8a\xff" + b"\x7f" * 255 + b"K\x01\x86") + b"e"
HOSTILE = {
    "objects that are pointers": _pair(_array(_dtype("O8") + FLAGS_CLEARED, (2,), b"A" * 16)),
    "a field behind its array": _pair(_array(_dtype("V4") + FIELD_OUTSIDE, (2,), b"A" * 8)),
    "uninitialized memory": _pair(_global("numpy.ndarray") + b"K\x02K\x44K\x02\x87\x85R"),
    "fewer bytes than the shape says": _pair(_array(_dtype("f8"), (2, 68, 2), b"A" * 8)),
    "a million empty rows": _pair(_array(_dtype("f8"), (10**6, 0), b"")),
    "a shape beyond any memory": _pair(_array(_dtype("f8"), (2**62, 2**62), b"A" * 8)),
    "a negative shape": _pair(_array(_dtype("f8"), (-1, -1), b"A" * 8)),
    "text of no size": _pair(_array(_dtype("U0"), (2**40,), b"")),
    "characters that do not exist": _pair(_array(_dtype("U1"), (2,), b"\xff" * 8)),
    "dates": _pair(_array(_dtype("M8"), (2,), b"A" * 16)),
    "another encoding": _pair(_global("_codecs.encode") + _text("a") + _text("idna") + b"\x86R"),
    "a state of something else": _pair(_global("numpy.core.multiarray.scalar") + b"N}X\x01\x00\x00\x00aK\x01s\x86b"),
    "a far place of the memo": b"\x80\x02K\x01r\xff\xff\xff\x0f.",
    "a far place in words": b"K\x01p268435455\n.",
    "bytes beyond the file": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
    "a frame beyond the file": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",
    "a key that takes for ever to hash": b"\x80\x02}" + _doubled(60) + b"K\x01s.",
    "points that hold each other": _pair(b"](" + _doubled(60) + _doubled(60) + b"e"),
    "names that hold each other": b"\x80\x02](" + _doubled(60) + b"e](K\x01e\x86.",
    "a number beyond any float": _pair(b"](" + HUGE_FACE + HUGE_FACE + b"e"),
    "an attribute of an allowed name": b"\x80\x04" + _text("numpy") + _text("ndarray.tofile") + b"\x93.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pickle_is_refused_in_no_time_and_little_memory(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "annot.pkl"
    path.write_bytes(HOSTILE[kind])
    load_annotations_of(tmp_path)  # what is imported on the first call is not counted
    start = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(InputError, match=r"annot\.pkl: ") as refusal:
        load_annotations(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # bytes
    assert time.perf_counter() - start < 2
    assert len(str(refusal.value)) < 400


def load_annotations_of(folder: Path) -> None:
    (folder / "good.pkl").write_bytes(_written((NAMES, POINTS)))
    load_annotations(folder / "good.pkl")


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "<i4", ">u2", "<i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_kind_of_number_are_read(dtype: str, order: str, tmp_path: Path) -> None:
    points = np.round(POINTS).astype(dtype, order=order)
    (tmp_path / "annot.pkl").write_bytes(_written((NAMES, points)))
    np.testing.assert_array_equal(load_annotations(tmp_path / "annot.pkl")[1], points.astype(np.float64))


@pytest.mark.parametrize("order", ["<", ">"])
def test_names_in_an_array_of_either_byte_order_are_read(order: str, tmp_path: Path) -> None:
    names = np.array(["ä.jpg", "b.jpeg"]).astype(f"{order}U7")
    (tmp_path / "annot.pkl").write_bytes(_written((names, POINTS)))
    assert load_annotations(tmp_path / "annot.pkl")[0] == ["ä.jpg", "b.jpeg"]


def test_a_file_of_python_2_is_read(tmp_path: Path) -> None:
    """Its arrays' bytes are texts."""

    def face(points: np.ndarray) -> bytes:
        data = points.astype("<f4").tobytes()
        array = _array(_dtype("f4"), (68, 2), b"")
        return array.replace(b"B\0\0\0\0", b"T" + struct.pack("<i", len(data)) + data)

    (tmp_path / "annot.pkl").write_bytes(_pair(b"](" + face(POINTS[0]) + face(POINTS[1]) + b"e"))
    names, points_image = load_annotations(tmp_path / "annot.pkl")
    assert names == NAMES
    np.testing.assert_allclose(points_image, POINTS, atol=1e-4)


@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pkl")
    os.symlink("/dev/zero", tmp_path / "zero.pkl")
    for name in ("pipe.pkl", "zero.pkl"):
        with pytest.raises(InputError, match="expected a file, found a device"):
            load_annotations(tmp_path / name)


def test_an_array_of_more_numbers_than_faces_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "annot.pkl").write_bytes(pickle.dumps((NAMES, np.zeros(15_000_000, np.uint8)), protocol=4))
    with pytest.raises(InputError, match="holds an array of 15,000,000 values; expected at most 14,000,000"):
        load_annotations(tmp_path / "annot.pkl")


def test_arrays_take_little_more_memory_than_their_bytes(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(3000)]
    faces = list(np.tile(POINTS[0].astype(np.float32), (3000, 1, 1)))
    (tmp_path / "faces.pkl").write_bytes(pickle.dumps((names, faces), protocol=4))
    (tmp_path / "flat.pkl").write_bytes(pickle.dumps((names, np.zeros(10**6)), protocol=4))
    load_annotations_of(tmp_path)
    tracemalloc.start()
    assert load_annotations(tmp_path / "faces.pkl")[1].shape == (3000, 68, 2)
    with pytest.raises(InputError, match="found 3000 names and 1000000 faces"):
        load_annotations(tmp_path / "flat.pkl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000  # bytes; as Python's floats they take 40 MB
