"""solution.txt: what is written is read, and every mistake in one is named."""

import os
import re
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import run
from conftest import Run
from PIL import Image
from stand_in import distinct_points, gaussian_dot

from src.errors import InputError
from src.export.onnx_file import export_onnx
from src.network import checkpoint
from src.predict import inference
from src.predict.inference import predict_folder
from src.predict.submission import check_solution, read_solution, write_solution

NAMES = ["b.jpg", "a.png", "c.jpg"]
POINTS = distinct_points(3) * 384


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    path = tmp_path / "solution.txt"
    write_solution(path, NAMES, POINTS)
    return path


def test_points_go_in_and_out_again_sorted_by_name(solution: Path) -> None:
    for path in (solution, solution.with_suffix(".zip")):
        names, points_image = read_solution(path)
        assert names == sorted(NAMES)
        np.testing.assert_allclose(points_image, POINTS[[1, 0, 2]], atol=6e-4)
        assert len(check_solution(path, names=NAMES, size=np.full((3, 2), 384))[0]) == 3


def test_rows_have_137_columns_with_single_spaces(solution: Path) -> None:
    text = solution.read_text()
    assert text.endswith("\n")
    assert "  " not in text
    assert [len(line.split(" ")) for line in text.splitlines()] == [137] * 3


def test_the_zip_holds_the_file_at_its_root(solution: Path) -> None:
    with zipfile.ZipFile(solution.with_suffix(".zip")) as archive:
        assert archive.namelist() == ["solution.txt"]
        assert archive.read("solution.txt") == solution.read_bytes()


def _rows(solution: Path) -> list[str]:
    return solution.read_text().splitlines()


def _replace_value(row: str, value: str) -> str:
    columns = row.split(" ")
    return " ".join([*columns[:7], value, *columns[8:]])


MISTAKES = {
    "a column less": (lambda rows: [rows[0].rsplit(" ", 1)[0], *rows[1:]], "row 1: expected 137 columns, found 136"),
    "a column more": (lambda rows: [rows[0], rows[1] + " 1", rows[2]], "row 2: expected 137 columns, found 138"),
    "two spaces": (lambda rows: [rows[0].replace(" ", "  ", 1), *rows[1:]], "row 1: expected 137 columns"),
    "coordinates in shares": (
        lambda rows: [
            " ".join([row.split(" ")[0], *(f"{float(v) / 1000:.5f}" for v in row.split(" ")[1:])]) for row in rows
        ],
        "coordinates in pixels",
    ),
    "one point": (
        lambda rows: [rows[0].split(" ")[0] + " 5.0" * 136, *rows[1:]],
        "row 1: expected 68 different points",
    ),
    "commas": (lambda rows: [row.replace(" ", ",") for row in rows], "row 1: expected 137 columns, found 1"),
    "an empty row": (lambda rows: [*rows, ""], "row 4: expected 137 columns"),
    "NaN": (lambda rows: [rows[0], _replace_value(rows[1], "nan"), rows[2]], "row 2: expected finite"),
    "infinity": (lambda rows: [*rows[:2], _replace_value(rows[2], "-inf")], "row 3: expected finite"),
    "a huge number": (lambda rows: [*rows[:2], _replace_value(rows[2], "1e9")], "row 3: expected finite"),
    "a word": (lambda rows: [*rows[:2], _replace_value(rows[2], "x")], "row 3: expected finite numbers"),
    "a row twice": (lambda rows: [*rows, rows[-1]], "row 4: expected each picture once, found c.jpg again"),
    "a number with an underscore": (lambda rows: [*rows[:2], _replace_value(rows[2], "1_0")], "row 3: expected finite"),
    "Arabic digits": (lambda rows: [*rows[:2], _replace_value(rows[2], "\u0661")], "row 3: expected finite"),
    "a byte order mark": (lambda rows: ["\ufeff" + rows[0], *rows[1:]], "found a byte order mark"),
    "carriage returns": (lambda rows: [row + "\r" for row in rows], "row 1: expected finite"),
    "another end of a line": (lambda rows: ["\u2028".join(rows)], "row 1: expected 137 columns, found 409"),
    "a tab in a name": (lambda rows: [rows[0].replace("a", "a\tb", 1), *rows[1:]], "row 1: expected names without"),
    "no name": (lambda rows: [rows[0].replace("a.png", ""), *rows[1:]], "row 1: expected file names"),
    "a name that leaves the folder": (lambda rows: ["../../x.jpg" + rows[0][5:], *rows[1:]], "inside the folder"),
    "a name in another spelling": (lambda rows: ["./" + rows[0], *rows[1:]], "as the folder has it, a.png"),
    "rows not sorted": (lambda rows: rows[::-1], "expected rows sorted by name"),
    "nothing": (lambda rows: [], "found an empty file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_file_is_refused_and_the_mistake_named(mistake: str, solution: Path) -> None:
    change, words = MISTAKES[mistake]
    solution.write_text("".join(row + "\n" for row in change(_rows(solution))))
    with pytest.raises(InputError) as refusal:
        check_solution(solution)
    assert words in str(refusal.value)
    assert str(solution) in str(refusal.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.png", "b.jpg"], "2 pictures, found 3 rows (unexpected c.jpg)"),
        ([*NAMES, "d.jpg"], "4 pictures, found 3 rows (missing d.jpg)"),
        (["a.png", "b.jpg", "other.jpg"], "missing other.jpg"),
    ],
)
def test_rows_of_other_pictures_are_refused(names: list[str], words: str, solution: Path) -> None:
    with pytest.raises(InputError) as refusal:
        check_solution(solution, names=names)
    assert words in str(refusal.value)


def test_points_far_outside_of_their_picture_are_refused(solution: Path) -> None:
    size = np.array([[384, 384], [384, 384], [100, 100]])
    with pytest.raises(InputError, match=r"row 3: points lie far outside the picture c\.jpg"):
        check_solution(solution, names=NAMES, size=size)
    assert len(check_solution(solution, size=np.full((3, 2), 384))[0]) == 3
    with pytest.raises(InputError, match=r"row 2: points lie far outside the picture b\.jpg"):  # the first of NAMES
        check_solution(solution, names=NAMES, size=size[::-1])
    with pytest.raises(InputError, match=r"not written: row 2: points lie far outside the picture b\.jpg"):
        write_solution(solution, NAMES, POINTS, size=size[::-1])


def test_a_file_that_is_no_text_and_a_wrong_zip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "solution.zip"
    with pytest.raises(InputError, match="no such file"):
        check_solution(path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="no readable zip archive"):
        check_solution(path)
    for names in (
        ["deep/solution.txt"],
        ["deep\\solution.txt"],
        ["answers.txt"],
        ["solution.TXT"],
        ["solution.txt", "notes.txt"],
        [],
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "")
        with pytest.raises(InputError, match=r"one file, solution\.txt, at its root"):
            check_solution(path)
    (tmp_path / "solution.txt").write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match="expected rows of text"):
        check_solution(tmp_path / "solution.txt")


def _zip(path: Path, *, method: int = zipfile.ZIP_DEFLATED, content: bytes = b"a" * 1000) -> bytes:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("solution.txt", content)
    return path.read_bytes()


def _locked(path: Path) -> None:
    content = bytearray(_zip(path))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)


def _flipped(path: Path) -> None:
    content = bytearray(_zip(path, method=zipfile.ZIP_STORED))
    content[content.index(b"aaaa") + 2] ^= 8
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_locked, "without a password"),
        (_flipped, "the checksum of 'solution.txt' is wrong"),
        (lambda path: _zip(path, method=zipfile.ZIP_LZMA), "another way of compression, found method 14"),
        (lambda path: _zip(path, content=bytes(200_000_000)), "at most 128 MB in the archive, found 200"),
        (lambda path: path.write_bytes(_zip(path)[:-30]), "no readable zip archive"),
    ],
)
def test_an_archive_that_cannot_or_should_not_be_opened_is_refused(make: object, words: str, tmp_path: Path) -> None:
    make(tmp_path / "solution.zip")
    with pytest.raises(InputError, match=words) as refusal:
        check_solution(tmp_path / "solution.zip")
    assert str(refusal.value).startswith(str(tmp_path / "solution.zip"))


@pytest.mark.parametrize("text", ["ab\n", "ab "])
def test_a_text_of_short_lines_or_words_takes_no_more_memory_than_itself(text: str, tmp_path: Path) -> None:
    (tmp_path / "solution.txt").write_text(text * 2_000_000)
    tracemalloc.start()
    with pytest.raises(InputError, match="row 1: expected 137 columns, found"):
        check_solution(tmp_path / "solution.txt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # bytes; 6 MB of text, as bytes, decoded, and with a last line end


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_a_wrong_answer_does_not_replace_the_good_one(value: float, solution: Path) -> None:
    before = {path: path.read_bytes() for path in solution.parent.iterdir()}
    wrong = POINTS.copy()
    wrong[1, 5] = value
    with pytest.raises(InputError, match=r"solution\.txt, not written: row 1: expected finite"):
        write_solution(solution, NAMES, wrong)
    with pytest.raises(InputError, match="row 1: points lie far outside"):
        write_solution(solution, NAMES, POINTS + 5000, size=np.full((3, 2), 384))
    assert {path: path.read_bytes() for path in solution.parent.iterdir()} == before


@pytest.mark.parametrize("batch_size", [1, 3, 4, 64])
def test_every_picture_of_a_folder_is_predicted_whatever_the_batch(
    batch_size: int, trained: Run, challenge: Path
) -> None:
    model, _ = checkpoint.load_model(trained.best)
    names, points_image, size = predict_folder(model, challenge / "aflw_test", batch_size=batch_size)
    assert names == [f"face{i:03d}.png" for i in range(10)]
    assert size.tolist() == [[96, 96]] * 10
    _, expected, _ = predict_folder(model, challenge / "aflw_test", batch_size=10)
    np.testing.assert_allclose(points_image, expected, atol=1e-3)


def test_predictions_are_given_in_pixels_of_pictures_of_any_size(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a network that says where the dot is."""
    sizes = {"a.png": (384, 384), "b.png": (517, 389), "c.png": (100, 260)}
    places = {name: np.array([0.35, 0.6]) * size for name, size in sizes.items()}
    for name, size in sizes.items():
        dot = gaussian_dot(size, tuple(places[name]), sigma=max(max(size) / 64, 2))
        Image.fromarray(dot).convert("RGB").save(tmp_path / name)

    def find_dots(_: object, squares: object, *, flip: bool, looks: int) -> np.ndarray:
        brightness = squares[..., 0].double().numpy()
        rows, columns = (np.indices(brightness.shape[1:]) + 0.5) / brightness.shape[1]
        total = brightness.sum(axis=(1, 2))
        found = np.stack([(brightness * axis).sum(axis=(1, 2)) / total for axis in (columns, rows)], axis=-1)
        return np.repeat(found[:, None], 68, axis=1)

    monkeypatch.setattr(inference, "predict_unit", find_dots)
    names, points_image, size = predict_folder(checkpoint.load_model(trained.best)[0], tmp_path)
    for name, points, (height, width) in zip(names, points_image, size, strict=True):
        assert (width, height) == sizes[name]
        assert np.abs(points - places[name]).max() < 0.1 * max(sizes[name]) / 192


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((f"my{space}face.jpg", "names without spaces") for space in (" ", "\t", "\n", "\u2003")),
        (os.fsdecode(b"caf\xe9.jpg"), "names of printable text"),
    ],
)
def test_a_name_that_the_file_cannot_carry_is_refused_before_predicting(
    name: str, words: str, trained: Run, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / name)
    with pytest.raises(InputError, match=words):
        predict_folder(checkpoint.load_model(trained.best)[0], tmp_path)


@pytest.mark.parametrize(("flags", "words"), [((), "looks at each: 3"), (("--flip",), "looks at each: 1")])
def test_a_model_trained_on_faces_of_many_sizes_looks_again(
    trained: Run, tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "face.png")
    where = ("--model_path", trained.best, "--test_dataroot", tmp_path, "--out_dir", tmp_path / "out")
    assert words in run("test.py", *where, "--preview", 0, *flags).out
    content = torch.load(trained.best, weights_only=True)
    content["training"]["augmentation"]["scale"] = 0.0
    torch.save(content, tmp_path / "rigid.pth.tar")
    outcome = run("test.py", "--model_path", tmp_path / "rigid.pth.tar", *where[2:], "--preview", 0)
    assert "looks at each: 1" in outcome.out, outcome


def test_an_exported_file_predicts_a_folder_as_its_checkpoint_does(
    trained: Run, challenge: Path, tmp_path: Path
) -> None:
    exported = tmp_path / "model.onnx"
    export_onnx(checkpoint.load_model(trained.best)[0], exported)
    for looks in (1, 3):
        solutions = []
        for path in (trained.best, exported):
            flags = ("--test_dataroot", challenge / "aflw_test", "--out_dir", tmp_path / path.suffix, "--preview", 0)
            outcome = run("test.py", "--model_path", path, "--looks", looks, *flags)
            assert outcome.code == 0, outcome
            solutions.append(read_solution(tmp_path / path.suffix / "solution.txt"))
        assert re.search(r"model\.onnx: an exported file, [\d.]+ MB, with points as in aflw\n", outcome.out)
        assert solutions[0][0] == solutions[1][0]
        np.testing.assert_allclose(solutions[0][1], solutions[1][1], atol=0.05)  # pixels of 96
