"""TIFF files of several pages: another picture is refused, a thumbnail or a reduced copy is not."""

import struct
from pathlib import Path

import pytest
from PIL import Image

from src.datasets.picture_files import picture_shape
from src.datasets.pictures import read_square
from src.errors import InputError

SIZE, RED = (64, 48), (200, 0, 0)


def _write(path: Path, second: Image.Image) -> None:
    Image.new("RGB", SIZE, RED).save(path, save_all=True, append_images=[second])


def test_a_second_picture_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "pages.tif", Image.new("RGB", SIZE))
    for read in (picture_shape, lambda path: read_square(path, 64)):
        with pytest.raises(InputError, match="expected one picture, found several pages"):
            read(tmp_path / "pages.tif")


@pytest.mark.parametrize(("size", "kind"), [((16, 12), 0), (SIZE, 1), (SIZE, 4)])
def test_a_thumbnail_a_reduced_copy_and_a_mask_leave_the_first_page_as_it_is(
    size: tuple[int, int], kind: int, tmp_path: Path
) -> None:
    page = Image.new("RGB", size)
    page.encoderinfo = {"tiffinfo": {254: kind}}
    _write(tmp_path / "pages.tif", page)
    square, _, shape = read_square(tmp_path / "pages.tif", 64)
    assert shape == SIZE[::-1]
    assert tuple(square[32, 32]) == RED


def test_a_tile_that_is_far_larger_than_its_picture_is_refused(tmp_path: Path) -> None:
    tags = {256: 64, 257: 48, 258: 8, 259: 8, 262: 1, 277: 1, 322: 20_000, 323: 20_000, 324: 8, 325: 8}
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags.items())
    start = struct.pack("<2sHL", b"II", 42, 16) + bytes(8)
    (tmp_path / "tile.tif").write_bytes(start + struct.pack("<H", len(tags)) + entries + bytes(4))
    with pytest.raises(InputError, match="tiles of at most 64 megapixels, found 20000 x 20000"):
        read_square(tmp_path / "tile.tif", 64)


def test_pages_after_the_second_are_not_looked_at(tmp_path: Path) -> None:
    """A small file may have a million of them."""
    path = tmp_path / "pages.tif"
    Image.new("RGB", SIZE, RED).save(path, save_all=True, append_images=[Image.new("RGB", (16, 12))] * 2)
    with Image.open(path) as tiff:
        tiff.seek(1)
        third = tiff.tag_v2.next
    path.write_bytes(path.read_bytes()[:third])
    assert tuple(read_square(path, 64)[0][32, 32]) == RED
