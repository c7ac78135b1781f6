"""annot.pkl: every honest form is read, nothing is run, and each mistake is named."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from sample_folders import picture
from stand_in import distinct_points

from src.datasets.challenge import load_annotations, read_annotations, read_folder, write_annotations
from src.errors import InputError

NAMES = ["a.jpg", "b.jpg", "sub/c.png"]
POINTS = distinct_points(3) * 384


def _scalars(kind: type) -> list:
    return [[(kind(x), kind(y)) for x, y in face] for face in POINTS]


HONEST = {
    "float32 scalars in tuples": (NAMES, _scalars(np.float32)),
    "float64 scalars in tuples": (NAMES, _scalars(np.float64)),
    "plain floats in lists": [NAMES, POINTS.tolist()],
    "one array per face": (NAMES, list(POINTS.astype(np.float32))),
    "one array": (tuple(NAMES), POINTS),
    "an array of names": (np.array(NAMES), POINTS),
    "objects in an array": (np.array(NAMES, dtype=object), np.array(list(POINTS), dtype=object)),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", HONEST)
def test_every_honest_form_is_read(kind: str, protocol: int, tmp_path: Path) -> None:
    (tmp_path / "annot.pkl").write_bytes(pickle.dumps(HONEST[kind], protocol))
    names, points_image = read_annotations(tmp_path)
    assert names == NAMES
    assert all(type(name) is str for name in names)
    np.testing.assert_allclose(points_image, POINTS, atol=1e-4)


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_labels_with_placeholders_stop_but_where_they_are_settled(value: float, tmp_path: Path) -> None:
    points = POINTS.copy()
    points[1, 40] = value
    (tmp_path / "annot.pkl").write_bytes(pickle.dumps((NAMES, points)))
    for read in (read_annotations, lambda folder: load_annotations(folder / "annot.pkl")):
        with pytest.raises(InputError, match=r"b\.jpg: expected marked points, found placeholders .* at 40 \(1 such"):
            read(tmp_path)
    picture(tmp_path / "b.jpg")
    assert "placeholders" in read_folder(tmp_path).faults[1]


def test_names_in_another_unicode_form_are_the_pictures_own(tmp_path: Path) -> None:
    names, on_disk = ["a.jpg", "\u00e9/\u00e8.jpg"], ["a.jpg", "e\u0301/e\u0300.jpg"]  # as macOS stores them
    write_annotations(tmp_path, names, POINTS[:2])
    for name in on_disk:
        picture(tmp_path / name)
    assert read_annotations(tmp_path)[0] == on_disk
    assert read_folder(tmp_path).names.tolist() == on_disk
    write_annotations(tmp_path, names + on_disk[1:], POINTS)  # one picture is not that of two names
    assert read_annotations(tmp_path)[0] == names + on_disk[1:]


def test_names_of_older_numpy_are_read(tmp_path: Path) -> None:
    """NumPy 1 called its core numpy.core; the challenge's file was written by it."""
    written = pickle.dumps((NAMES, _scalars(np.float32)), protocol=2).replace(b"numpy._core.", b"numpy.core.")
    (tmp_path / "annot.pkl").write_bytes(written)
    np.testing.assert_allclose(read_annotations(tmp_path)[1], POINTS, atol=1e-4)


def test_write_and_read_is_a_circle(tmp_path: Path) -> None:
    write_annotations(tmp_path, NAMES, POINTS)
    names, points_image = read_annotations(tmp_path)
    assert names == NAMES
    np.testing.assert_allclose(points_image, POINTS, atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["annot.pkl"]


class _Call:
    """Pickles to a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.parts = function, arguments

    def __reduce__(self) -> tuple:
        return self.parts


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("function", [os.mkdir, os.system, eval, exec])
def test_a_pickle_that_runs_code_is_refused_and_nothing_runs(function: object, protocol: int, tmp_path: Path) -> None:
    victim = tmp_path / "made_by_the_pickle"
    argument = {
        os.mkdir: str(victim),
        os.system: f"mkdir {victim}",
        eval: f"__import__('os').mkdir({str(victim)!r})",
        exec: f"import os; os.mkdir({str(victim)!r})",
    }[function]
    (tmp_path / "annot.pkl").write_bytes(pickle.dumps((NAMES, [_Call(function, argument)] * 3), protocol))
    with pytest.raises(InputError, match="expected only names and numbers"):
        read_annotations(tmp_path)
    assert not victim.exists()


def test_an_attribute_of_an_allowed_class_cannot_be_reached(tmp_path: Path) -> None:
    buffer = io.BytesIO(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")  # STACK_GLOBAL of a dotted name
    (tmp_path / "annot.pkl").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="expected only names and numbers"):
        read_annotations(tmp_path)


def _with(face: object) -> tuple:
    return NAMES, [*POINTS.tolist()[:2], face]


_NAN = POINTS[2].copy()
_NAN[5, 1] = np.nan
WRONG = {
    "67 points": (_with(POINTS[2][:67]), "(67, 2)"),
    "three coordinates": (_with(np.zeros((68, 3))), "(68, 3)"),
    "NaN": (_with(_NAN), "found NaN"),
    "infinity": (_with(np.full((68, 2), np.inf)), "found NaN or infinity"),
    "words for numbers": (_with([("a", "b")] * 68), "expected 68 (x, y) pairs"),
    "no points": (_with(None), "sub/c.png"),
    "a dictionary": ({"a.jpg": POINTS[0]}, "more than lists of names and numbers"),
    "a number": (7, "found int"),
    "three parts": ((NAMES, POINTS, POINTS), "found tuple of length 3"),
    "more names than faces": ((NAMES, POINTS[:2]), "3 names and 2 faces"),
    "no faces at all": (([], []), "found none"),
    "a name of numbers": (([1, "b", "c"], POINTS), "found int"),
    "a name that leaves the folder": ((["a", "b", "../c.jpg"], POINTS), "'../c.jpg'"),
    "a name that leaves the folder later": ((["a", "b", "d/../../c.jpg"], POINTS), "inside the folder"),
    "a name that leaves it with backslashes": ((["a", "b", "..\\c.jpg"], POINTS), "inside the folder"),
    "an absolute name": ((["a", "b", "/etc/passwd"], POINTS), "'/etc/passwd'"),
    "an absolute name with a drive": ((["a", "b", "C:\\c.jpg"], POINTS), "inside the folder"),
    "an empty name": ((["a", "b", ""], POINTS), "expected file names"),
    "the folder itself": ((["a", "b", "."], POINTS), "expected file names"),
    "a name twice": ((["a", "b", "a"], POINTS), "'a' more than once"),
    "a name twice, spelled differently": ((["a", "b", "./a"], POINTS), "'a' more than once"),
    "a name with a null byte": ((["a", "b", "c\0.jpg"], POINTS), "c\\x00.jpg"),
    "a name that is no text": ((["a", "b", "c\udcff.jpg"], POINTS), "c\\udcff.jpg"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_content_is_refused_and_named(kind: str, tmp_path: Path) -> None:
    content, words = WRONG[kind]
    (tmp_path / "annot.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError) as refusal:
        load_annotations(tmp_path / "annot.pkl")
    assert words in str(refusal.value)
    assert str(tmp_path / "annot.pkl") in str(refusal.value)


@pytest.mark.parametrize("cut", [0, 1, 10, 200, -1])
def test_a_truncated_file_is_refused(cut: int, tmp_path: Path) -> None:
    whole = pickle.dumps((NAMES, POINTS))
    (tmp_path / "annot.pkl").write_bytes(whole[:cut])
    with pytest.raises(InputError, match="fetch it again"):
        read_annotations(tmp_path)


@pytest.mark.parametrize("content", [b"name x y\n", b"\x89PNG\r\n\x1a\n", b"{}", bytes(1000)])
def test_what_is_not_a_pickle_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "annot.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"annot\.pkl: "):
        read_annotations(tmp_path)


def test_a_missing_folder_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_annotations(tmp_path / "absent")
    with pytest.raises(InputError, match=r"annot\.pkl: not found"):
        read_annotations(tmp_path)


def test_writing_refuses_what_reading_would(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than once"):
        write_annotations(tmp_path, ["a", "b", "a"], POINTS)
    assert not list(tmp_path.iterdir())
