"""Names: natural order, names that nearly agree, folders of one name."""

import time
from pathlib import Path

import pytest

from src.datasets.names import compare_names, counted, counted_names, distinct_names, match_names, natural_order, plain
from src.errors import InputError


def test_frames_come_as_people_count() -> None:
    frames = [f"frame{i}.jpg" for i in range(1, 13)]
    assert natural_order(sorted(frames)) == frames
    assert natural_order(["b1", "B02", "a10", "a9", "10", "9"]) == ["9", "10", "a9", "a10", "b1", "B02"]


def test_one_is_counted_in_the_singular() -> None:
    assert [counted(count, "broken pictures left out") for count in (0, 1, 2)] == [
        "0 broken pictures left out",
        "1 broken picture left out",
        "2 broken pictures left out",
    ]
    assert counted(1, "boxes to ignore") == "1 box to ignore"
    assert counted_names(["a.jpg"], "faces with points of others") == "1 face with points of others (a.jpg)"
    assert counted_names([f"{i}.jpg" for i in range(7)], "pictures").endswith("4.jpg and 2 more)")


@pytest.mark.parametrize(
    ("stated", "found"), [("a.jpg", "pics/a.jpg"), ("data/pics/a.jpg", "pics/a.jpg"), ("b.jpg", "b.jpg")]
)
def test_a_stated_name_is_matched_by_its_end(stated: str, found: str) -> None:
    assert match_names([stated], ["pics/a.jpg", "b.jpg"]) == {stated: found}


def test_a_name_is_matched_in_another_unicode_form() -> None:
    composed, decomposed = "\u00e9.jpg", "e\u0301.jpg"  # as macOS stores it
    assert match_names([composed], [decomposed, "b.jpg"]) == {composed: decomposed}
    assert match_names([composed], [decomposed, composed]) == {composed: composed}


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("A.JPG", "there is the picture pics/a.jpg"),
        ("c.jpg", "no such picture"),
        ("x.jpg", "1/x.jpg and 2/x.jpg"),
        ("", "no such picture"),
    ],
)
def test_an_unknown_name_is_refused_with_its_near_match(stated: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        match_names([stated], ["pics/a.jpg", "b.jpg", "1/x.jpg", "2/x.jpg"])


def test_two_names_of_one_source_are_refused() -> None:  # such as the tables of two detectors in one
    with pytest.raises(InputError, match=r"one name for a/1\.jpg, found 1\.jpg and a/1\.jpg"):
        match_names(["1.jpg", "a/1.jpg"], ["a/1.jpg", "2.jpg"])


def test_tens_of_thousands_of_names_are_matched_at_once() -> None:
    names = [f"data/{i}/face.jpg" if i < 9 else f"data/face{i}.jpg" for i in range(20_000)]
    start = time.process_time()
    assert list(match_names([name.removeprefix("data/") for name in names], names).values()) == names
    assert time.process_time() - start < 10


def test_both_losses_are_told_in_numbers() -> None:
    words = compare_names(["a.jpg", "b.JPG", "c.jpg"], ["a.jpg", "b.jpg", "d.jpg", "e.jpg"])
    assert words.startswith("1 of 3 pictures have a label, 2 pictures without a label (b.JPG, c.jpg")
    assert "is b.JPG the same as b.jpg?" in words
    assert "3 labels without a picture (b.jpg, d.jpg, e.jpg" in words
    assert compare_names(["a"], ["a"]) == ""


def test_thousands_of_names_without_any_in_common_are_compared_at_once() -> None:
    start = time.process_time()
    words = compare_names([f"a{i}.jpg" for i in range(5_000)], [f"b{i}.jpg" for i in range(5_000)])
    assert words.startswith("0 of 5000 pictures have a label")
    assert time.process_time() - start < 5


def test_folders_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("helen/trainset", "lfpw/trainset", "afw")]
    assert distinct_names(folders) == ["helen_trainset", "lfpw_trainset", "afw"]
    assert distinct_names(folders[1:]) == ["trainset", "afw"]
    with pytest.raises(InputError, match="found this one twice"):
        distinct_names([tmp_path, tmp_path / "afw" / ".."])


def test_names_that_the_system_decoded_as_ascii_are_text_again() -> None:
    assert plain("größe.jpg".encode().decode("ascii", "surrogateescape")) == "größe.jpg"
    assert plain("顔.jpg") == "顔.jpg"
    assert plain("\ud800.jpg") == "\ud800.jpg"  # half a surrogate pair is no text at all
