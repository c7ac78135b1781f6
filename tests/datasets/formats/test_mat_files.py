"""Matrices of `.mat` files: every version and type as SciPy writes them, and sizes that are not true."""

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from src.datasets.formats.mat import read_mat
from src.errors import InputError

OTHERS = {"words": "text", "more": np.arange(4000.0), "z": np.eye(2)}
DIMENSIONS = 128 + 8 + 16 + 8  # where the first matrix of an uncompressed file states its shape


@pytest.mark.parametrize(("version", "types"), [("4", "f8 f4 i4 i2 u2 u1"), ("5", "f8 f4 i1 u1 i2 u2 i4 u4 i8 u8")])
@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("shape", [(68, 2), (1, 7), (1, 1), (0, 0)])
def test_what_scipy_writes_is_read(
    version: str, types: str, is_compressed: bool, shape: tuple[int, int], tmp_path: Path
) -> None:
    for dtype in types.split():
        values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        content = {**OTHERS, "Pose_Para": values, "last": np.eye(3)}
        savemat(tmp_path / "a.mat", content, format=version, do_compression=is_compressed and version == "5")
        found = read_mat(tmp_path / "a.mat", "Pose_Para", "z", "absent")
        assert found.keys() == {"Pose_Para", "z"}
        np.testing.assert_array_equal(found["Pose_Para"], values)
        assert found["z"].dtype == np.float64


def test_the_other_order_of_bytes_is_read(tmp_path: Path) -> None:
    values = np.arange(6.0).reshape(2, 3)
    flags, shape = struct.pack(">IIII", 6, 8, 6, 0), struct.pack(">IIii", 5, 8, 2, 3)
    name, numbers = struct.pack(">HH4s", 1, 1, b"P"), struct.pack(">II", 9, 48) + values.astype(">f8").tobytes("F")
    body = flags + shape + name + numbers
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "a.mat").write_bytes(head + struct.pack(">II", 14, len(body)) + body)
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "P")["P"], values)


@pytest.mark.parametrize("stated", [(2**31 - 1, 2**31 - 1), (-1, 68), (68, 3), (0, 0)])
def test_a_shape_that_the_file_does_not_hold_is_refused(stated: tuple[int, int], tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"Points": np.zeros((68, 2))})
    content = bytearray((tmp_path / "a.mat").read_bytes())
    assert struct.unpack_from("<ii", content, DIMENSIONS) == (68, 2)
    struct.pack_into("<ii", content, DIMENSIONS, *stated)
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match="expected Points of shape"):
        read_mat(tmp_path / "a.mat", "Points")


def test_a_matrix_of_words_and_a_bomb_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"Points": "words"})
    with pytest.raises(InputError, match="expected Points as a matrix of numbers"):
        read_mat(tmp_path / "a.mat", "Points")
    savemat(tmp_path / "a.mat", {"Points": np.zeros(3_000_000)}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 100_000
    with pytest.raises(InputError, match="at most 16 MB"):
        read_mat(tmp_path / "a.mat", "Points")
    assert read_mat(tmp_path / "a.mat", "other") == {}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("version", ["4", "5"])
def test_a_flipped_byte_is_refused_or_read(version: str, is_compressed: bool, tmp_path: Path) -> None:
    points = np.arange(20.0).reshape(10, 2)
    path = tmp_path / "a.mat"
    savemat(path, {"z": np.eye(2), "Points": points}, format=version, do_compression=is_compressed and version == "5")
    content, refused = path.read_bytes(), 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read_mat(path, "Points")
        except InputError:
            refused += 1
    assert refused > 3
