"""Finding pictures of annotations: by name, by the end of a path, and where it is ambiguous."""

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


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ("a/x.jpg", "a/x.jpg"),
        ("/data/somebody/b/x.jpg", "b/x.jpg"),
        ("C:\\data\\b\\x.jpg", "b/x.jpg"),
        ("y.PNG", "b/c/y.PNG"),
        ("./z.jpeg", "z.jpeg"),
        ("elsewhere/absent.jpg", "absent.jpg"),
    ],
)
def test_a_stated_path_is_found_by_its_end(stated: str, found: str, folder: Folder) -> None:
    assert folder.locate(stated) == found


def test_a_name_that_two_pictures_have_is_refused(folder: Folder) -> None:
    with pytest.raises(InputError, match=r"a/x\.jpg and b/x\.jpg"):
        folder.locate("x.jpg")


def test_a_picture_is_found_by_its_stem_in_any_case(folder: Folder) -> None:
    assert folder.picture("b/c/y") == "b/c/y.PNG"
    assert folder.picture("b/c/absent") == "b/c/absent.jpg"
    assert folder.ending(".jpg") == ["a/x.jpg", "b/x.jpg"]
    assert folder.ending(".png", inside="c") == ["b/c/y.PNG"]
    assert folder.ending(".png", inside="a") == []
