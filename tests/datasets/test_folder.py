"""A data set's folder: its files by ending, pictures by stem, links."""

from pathlib import Path

import pytest
from sample_folders import picture

from src.datasets.folder import Folder
from src.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for name in ("a/x.jpg", "b/x.jpg", "b/c/y.PNG", "z.jpeg", ".hidden/w.jpg"):
        path = tmp_path / name
        picture(path.with_suffix(path.suffix.lower()))
        path.with_suffix(path.suffix.lower()).rename(path)
    return Folder(tmp_path)


def test_a_picture_is_found_by_its_stem_in_any_case(folder: Folder) -> None:
    assert folder.picture("b/c/y") == "b/c/y.PNG"
    assert folder.picture("b/c/absent") == "b/c/absent.jpg"
    assert folder.ending(".jpg") == ["a/x.jpg", "b/x.jpg"]
    assert folder.ending(".png", inside="c") == ["b/c/y.PNG"]
    assert folder.ending(".png", inside="a") == []


def test_two_pictures_of_one_stem_are_refused(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/1.png"):
        picture(tmp_path / name)
    folder = Folder(tmp_path)
    for find in (lambda: folder.picture("a/1"), lambda: folder.locate_stem("1", part="test")):
        with pytest.raises(InputError, match=r"found a/1\.jpg and a/1\.png"):
            find()


def test_a_link_to_itself_is_no_folder_and_stops_nobody(tmp_path: Path) -> None:
    picture(tmp_path / "1.jpg")
    for name in ("a.jpg", "x"):
        (tmp_path / name).symlink_to(name)
    assert Folder(tmp_path).names == ["1.jpg", "a.jpg", "x"]


def test_folders_that_link_to_each_other_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.datasets.folder._MOST_LINKED", 1_000)
    for i in range(9):
        (tmp_path / str(i)).mkdir()
        for j in range(9):
            (tmp_path / str(i) / f"to{j}").symlink_to(tmp_path / str(j))
    with pytest.raises(InputError, match="at most 1,000 linked folders"):
        Folder(tmp_path)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    for name in ("disk/helen/1.jpg", "set/afw/2.jpg"):
        picture(tmp_path / name)
    (tmp_path / "disk" / "helen" / "1.pts").write_text("")
    (tmp_path / "set" / "helen").symlink_to(tmp_path / "disk" / "helen")
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set" / "afw")
    (tmp_path / "set" / "afw" / "up").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "afw" / "2.pts").write_text("")
    folder = Folder(tmp_path / "set")
    assert folder.ending(".pts") == ["afw/2.pts", "helen/1.pts"]  # a linked folder's pictures are found by both names
    assert set(folder.pictures) >= {"afw/2.jpg", "again/2.jpg", "helen/1.jpg"}
