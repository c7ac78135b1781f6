"""Finding pictures of annotations: as stated, by the end of a path, and where something speaks against it."""

from pathlib import Path

import pytest
from sample_folders import picture

from src.datasets.folder import Folder
from src.datasets.path_rules import Statement
from src.datasets.stated_paths import PictureFinder
from src.errors import InputError


def _finder(root: Path, *names: str) -> PictureFinder:
    for name in names:
        path = (root / name).with_suffix(Path(name).suffix.lower())
        picture(path)
        path.rename(root / name)
    return PictureFinder(Folder(root))


def _locate(finder: PictureFinder, *stated: str, file: str = "faces.json") -> list[str]:
    return finder.locate_all([Statement(file, path) for path in stated])[0]


@pytest.fixture
def finder(tmp_path: Path) -> PictureFinder:
    return _finder(tmp_path, "a/x.jpg", "b/x.jpg", "b/c/y.PNG", "z.jpeg", ".hidden/w.jpg")


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ("a/x.jpg", "a/x.jpg"),
        ("/data/somebody/b/x.jpg", "b/x.jpg"),
        ("C:\\data\\b\\x.jpg", "b/x.jpg"),
        ("y.PNG", "b/c/y.PNG"),
        ("./z.jpeg", "z.jpeg"),
        ("elsewhere/absent.jpg", "elsewhere/absent.jpg"),
        (".", "."),
        ("../elsewhere/absent.jpg", "elsewhere/absent.jpg"),
        ("\\\\server\\absent.jpg", "server/absent.jpg"),
    ],
)
def test_a_stated_path_is_found_by_its_end(stated: str, found: str, finder: PictureFinder) -> None:
    assert _locate(finder, stated) == [found]


@pytest.mark.parametrize(
    "stated", ["a/x%20y.jpg", "https://host/files/a/x%20y.jpg?key=1", "/data/local-files/?d=a/x%20y.jpg"]
)
def test_urls_and_quoted_paths_are_decoded(stated: str, tmp_path: Path) -> None:
    assert _locate(_finder(tmp_path, "a/x y.jpg", "b/x y.jpg"), stated) == ["a/x y.jpg"]
    (tmp_path / "a" / "x%20y.jpg").write_bytes((tmp_path / "a" / "x y.jpg").read_bytes())
    assert _locate(PictureFinder(Folder(tmp_path)), "a/x%20y.jpg") == ["a/x%20y.jpg"]


def test_a_broken_url_is_a_path(finder: PictureFinder) -> None:
    assert _locate(finder, "http://[a/x.png") == ["[a/x.png"]


def test_of_two_pictures_the_one_in_a_folder_called_like_the_files_is_meant(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "images/a/1.jpg", "images/b/1.jpg")
    for folder in "ab":
        assert _locate(finder, "1.jpg", file=f"json/{folder}/1.json") == [f"images/{folder}/1.jpg"]
    with pytest.raises(InputError, match=r"found images/a/1\.jpg and images/b/1\.jpg"):
        _locate(finder, "1.jpg", file="json/c/1.json")


def test_a_name_that_two_pictures_have_is_refused(finder: PictureFinder) -> None:
    with pytest.raises(InputError, match=r"a/x\.jpg and b/x\.jpg"):
        _locate(finder, "x.jpg")


def test_a_path_is_first_read_from_its_own_file(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "images/1.jpg", "more/images/1.jpg")
    assert _locate(finder, "images/1.jpg", file="more/faces.json") == ["more/images/1.jpg"]
    assert _locate(finder, "images/1.jpg") == ["images/1.jpg"]
    assert _locate(finder, "../images/1.jpg", file="json/1.json") == ["images/1.jpg"]


def test_a_missing_part_takes_no_pictures_of_another_one(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "train/1.jpg")
    assert _locate(finder, "train/1.jpg", "val/1.jpg") == ["train/1.jpg", "val/1.jpg"]
    assert _locate(finder, "val/1.jpg") == ["val/1.jpg"]
    assert _locate(finder, "1.jpg", file="annotations/instances_val2017.json") == ["1.jpg"]
    assert _locate(finder, "1.jpg", file="annotations/instances_train2017.json") == ["train/1.jpg"]


@pytest.mark.parametrize(
    "stated",
    ["/data/part1/1.jpg", "C:\\part1\\1.jpg", "/part1/1.jpg", "/part1/old/../1.jpg", "\\\\server\\part1\\1.jpg"],
)
def test_a_path_that_names_its_part_is_found_there_whatever_its_file_is_called(stated: str, tmp_path: Path) -> None:
    finder = _finder(tmp_path, "part1/1.jpg")
    statements = [Statement("part2.json", stated), Statement("part1.json", "part1/1.jpg")]
    assert finder.locate_all(statements[:1]) == (["part1/1.jpg"], ())
    with pytest.raises(InputError, match=r"found part1/1\.jpg for both"):
        finder.locate_all(statements)


def test_a_path_that_goes_up_and_down_again_takes_no_picture_on_its_way(tmp_path: Path) -> None:
    finder, stated = _finder(tmp_path, "helen/old/faces/1.jpg"), "helen/old/../faces/1.jpg"
    names, remarks = finder.locate_all([Statement("faces.json", stated)])
    assert names == ["helen/faces/1.jpg"]
    assert f"1 stated picture absent, others of that name elsewhere ({stated}, not helen/old/faces" in remarks[0]
    assert _locate(_finder(tmp_path, "helen/faces/1.jpg"), stated) == ["helen/faces/1.jpg"]


def test_a_part_called_like_another_file_is_not_this_ones(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "one/1.jpg")
    statements = [Statement("one.json", "1.jpg"), Statement("two.json", "1.jpg")]
    assert finder.locate_all(statements)[0] == ["one/1.jpg", "1.jpg"]
    statements = [Statement("faces.json", "one/1.jpg"), Statement("faces.json", "two/1.jpg")]
    assert finder.locate_all(statements)[0] == ["one/1.jpg", "two/1.jpg"]


@pytest.mark.parametrize(
    ("file", "other"),
    [
        ("annotations/person_keypoints_one.json", "annotations/person_keypoints_two.json"),  # as CVAT exports subsets
        ("one_faces.json", "two_faces.json"),
        ("one/faces.json", "two/faces.json"),
        ("one/a.json", "two/b.json"),
        ("json/one/1.json", "json/two/1.json"),
    ],
)
def test_two_label_files_that_name_their_folders_never_share_a_picture(file: str, other: str, tmp_path: Path) -> None:
    statements = [Statement(file, "1.jpg"), Statement(other, "1.jpg")]
    assert _finder(tmp_path, "images/one/1.jpg").locate_all(statements)[0] == ["images/one/1.jpg", "1.jpg"]
    both = _finder(tmp_path, "images/two/1.jpg").locate_all(statements)[0]
    assert both == ["images/one/1.jpg", "images/two/1.jpg"]


def test_label_files_may_share_a_picture_that_is_no_other_ones(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "images/1.jpg", "helen/2.jpg")
    statements = [Statement(f"json/{annotator}/1.json", "1.jpg") for annotator in ("anna", "bela")]
    assert finder.locate_all(statements)[0] == ["images/1.jpg"] * 2
    files = ("helen/faces.json", "annotations/faces.json", "faces.json")
    for stated, count in (("2.jpg", 3), ("helen/2.jpg", 4)):
        statements = [Statement(file, stated) for file in (*files, "afw/faces.json")]
        assert finder.locate_all(statements)[0] == ["helen/2.jpg"] * count + ["2.jpg"] * (4 - count)


def test_a_file_called_like_its_picture_tells_of_no_other_pictures(tmp_path: Path) -> None:
    names = ["anna/anna_1.jpg", "anna/bela_2.jpg"]
    statements = [Statement(f"json/{name[5:-4]}.json", name[5:]) for name in names]
    assert _finder(tmp_path, *names).locate_all(statements)[0] == names


def test_the_files_part_decides_between_two_pictures(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "images/train/1.jpg", "images/val/1.jpg")
    assert _locate(finder, "1.jpg", file="val.json") == ["images/val/1.jpg"]


def test_a_renamed_folder_is_found_by_file_names_and_said(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "images/1.jpg", "images/2.jpg")
    names, remarks = finder.locate_all([Statement("a.json", f"photos/{i}.jpg") for i in (1, 2)])
    assert names == ["images/1.jpg", "images/2.jpg"]
    assert "2 pictures found by their file name alone" in remarks[0]
    assert "photos/1.jpg -> images/1.jpg" in remarks[0]


def test_one_picture_never_serves_two_paths(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "1.jpg")
    with pytest.raises(InputError, match=r"found 1\.jpg for both 'left/1\.jpg' and 'right/1\.jpg'"):
        _locate(finder, "left/1.jpg", "right/1.jpg")


def test_composed_and_decomposed_letters_are_one_name(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "a\u0308.jpg")
    assert _locate(finder, "\u00e4.jpg") == ["a\u0308.jpg"]


@pytest.mark.parametrize(
    ("stated", "picture_name", "is_found"),
    [
        ("part2/1.jpg", "part1/1.jpg", False),
        ("images2/1.jpg", "images1/1.jpg", False),
        ("lfpw/1.jpg", "helen/1.jpg", False),
        ("helen/images/1.jpg", "afw/images/1.jpg", False),
        ("D:\\sets\\lfpw\\1.jpg", "pics/1.jpg", True),
        ("/data/anna/export/Images/1.jpg", "helen/1.jpg", True),
        ("/data/anna/pictures/1.jpg", "a part/pictures/1.jpg", True),
        ("lfpw/1.jpg", "1.jpg", True),
    ],
)
def test_a_single_part_takes_no_pictures_of_a_folder_that_is_called_otherwise(
    stated: str, picture_name: str, is_found: bool, tmp_path: Path
) -> None:
    finder = _finder(tmp_path, picture_name)
    names, remarks = finder.locate_all([Statement("faces.json", stated)])
    assert (names == [picture_name]) == is_found
    if not is_found:
        assert f"{stated}, not {picture_name}" in remarks[0]


def test_the_file_of_another_numbered_part_takes_no_pictures(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "part1/1.jpg")
    assert _locate(finder, "1.jpg", file="part2.json") == ["1.jpg"]
    assert _locate(finder, "1.jpg", file="part1.json") == ["part1/1.jpg"]
    assert _locate(finder, "1.jpg", file="json/1.json") == ["part1/1.jpg"]


def test_a_stray_name_is_taken_from_no_other_folder_where_its_neighbors_lie_beside_the_file(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "1.jpg", "old/2.jpg")
    statements = [Statement("faces.json", f"{i}.jpg") for i in (1, 2)]
    names, remarks = finder.locate_all(statements)
    assert names == ["1.jpg", "2.jpg"]
    assert "2.jpg, not old/2.jpg" in remarks[0]
    names, remarks = finder.locate_all(statements[1:])
    assert names == ["old/2.jpg"]
    assert "stated without a folder, found in one (2.jpg -> old/2.jpg)" in remarks[0]


def test_a_folder_whose_name_says_nothing_is_no_guess(tmp_path: Path) -> None:
    finder = _finder(tmp_path, "images/default/1.jpg")  # as CVAT exports it
    statements = [Statement("annotations/person_keypoints_default.json", "1.jpg")]
    assert finder.locate_all(statements) == (["images/default/1.jpg"], ())


def test_names_that_look_alike_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="differ to the eye"):
        _finder(tmp_path, "a\u0308.jpg", "\u00e4.jpg")
