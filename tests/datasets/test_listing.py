"""Lists of pictures: what is left out is named."""

from pathlib import Path

import pytest
from sample_folders import picture

from src.datasets.listing import describe_left_out, left_out_pictures, list_pictures
from src.errors import InputError


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    for name in ("1.jpg", "more/2.jpg", ".hidden/3.jpg"):
        picture(tmp_path / name)
    picture(tmp_path / "4.jpg")
    (tmp_path / "4.jpg").rename(tmp_path / "4.jfif")
    for name in ("5.HEIC", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert list_pictures(tmp_path) == ["1.jpg", "4.jfif"]
    (tmp_path / "far").mkdir()
    picture(tmp_path / "far" / "6.jpg")
    (tmp_path / "far").rename(tmp_path / ".far")
    (tmp_path / "linked").symlink_to(tmp_path / ".far")
    (tmp_path / "more" / "back").symlink_to(tmp_path)
    assert left_out_pictures(tmp_path) == ["5.HEIC", "linked/6.jpg", "more/2.jpg"]
    assert describe_left_out(tmp_path).endswith("in subfolders: 5.HEIC, linked/6.jpg, more/2.jpg")
    assert describe_left_out(tmp_path / ".hidden") == ""


def test_a_folder_of_unreadable_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"")
    with pytest.raises(InputError, match=r"found only a\.heic"):
        list_pictures(tmp_path)
