"""Decoding: every mode and orientation, points that stay on their pixels, and what is refused."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stand_in import centroid, gaussian_dot

from src.datasets.listing import list_pictures
from src.datasets.picture_files import upright
from src.datasets.pictures import read_square
from src.errors import InputError
from src.geometry import apply_affine

SIZE = 192
# (width, height): the challenge's, odd sides, aspects, larger than every reduced JPEG scale, smaller than the square
SIZES = [(384, 384), (450, 450), (385, 385), (517, 389), (389, 1030), (1921, 1607), (100, 41), (193, 192), (777, 3111)]


def _assert_dot_and_point_stay_together(path: Path, shown_size: tuple[int, int], point: np.ndarray) -> None:
    """point: pixels of the picture as people see it."""
    square, affine, (height, width) = read_square(path, SIZE)
    assert (width, height) == shown_size
    expected = apply_affine(affine, point[None])[0] * SIZE
    assert np.abs(centroid(square[..., 1]) - expected).max() < 0.1


@pytest.mark.parametrize("name", ["face.png", "face.jpg"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", [(0.18, 0.2), (0.83, 0.8)])
def test_a_dot_lands_where_the_affine_says(
    size: tuple[int, int], place: tuple[float, float], name: str, tmp_path: Path
) -> None:
    point = np.array(place) * size
    dot = gaussian_dot(size, tuple(point), sigma=2.5 * max(max(size) / SIZE, 1))
    Image.fromarray(dot).convert("RGB").save(tmp_path / name, quality=95)
    _assert_dot_and_point_stay_together(tmp_path / name, size, point)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((517, 389), "face.jpg"),
        ((389, 1031), "face.jpg"),
        *(((517, 389), f"face.{kind}") for kind in ("png", "webp", "tif")),
    ],
)
def test_a_dot_lands_where_the_affine_says_for_every_exif_orientation(
    size: tuple[int, int], name: str, orientation: int, tmp_path: Path
) -> None:
    point = np.array([0.2, 0.7]) * size
    shown = Image.fromarray(gaussian_dot(size, tuple(point), sigma=2.5 * max(size) / SIZE)).convert("RGB")
    path = tmp_path / name
    _store_turned(shown, orientation).save(path, quality=95, exif=_orientation_tag(orientation))
    _assert_dot_and_point_stay_together(path, size, point)


def _store_turned(shown: Image.Image, orientation: int) -> Image.Image:
    """What a camera stores for a picture that is shown like this under the orientation."""
    turn = Image.Transpose
    undo = {
        1: None,
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }[orientation]
    return shown if undo is None else shown.transpose(undo)


def _orientation_tag(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _ramp() -> np.ndarray:
    """(60, 80) uint8, bright at the right."""
    return np.tile(np.linspace(20, 235, 80).round().astype(np.uint8), (60, 1))


def _modes() -> dict[str, Image.Image]:
    gray = Image.fromarray(_ramp())
    rgb = gray.convert("RGB")
    return {
        "gray.png": gray,
        "gray_alpha.png": gray.convert("LA"),
        "rgb.bmp": rgb,
        "rgb.webp": rgb,
        "rgba.png": rgb.convert("RGBA"),
        "cmyk.jpg": rgb.convert("CMYK"),
        "cmyk.tif": rgb.convert("CMYK"),
        "palette.png": rgb.quantize(256),
        "palette.gif": rgb.quantize(256),
        "sixteen_bit.png": Image.fromarray(_ramp().astype(np.uint16) * 257),
        "sixteen_bit.tif": Image.fromarray(_ramp().astype(np.uint16) * 257),
        "twelve_bit.png": Image.fromarray(_ramp().astype(np.uint16) * 16),
        "twelve_bit.tif": Image.fromarray(_ramp().astype(np.uint16) * 16),
        "float.tif": Image.fromarray(_ramp().astype(np.float32)),
        "shares.tif": Image.fromarray(_ramp().astype(np.float32) / 255),
    }


@pytest.mark.parametrize("name", _modes())
def test_every_mode_is_read_as_the_same_picture(name: str, tmp_path: Path) -> None:
    options = {"lossless": True} if name.endswith("webp") else {"quality": 98} if name.endswith("jpg") else {}
    _modes()[name].save(tmp_path / name, **options)
    square, _, size = read_square(tmp_path / name, 80)
    assert square.shape == (80, 80, 3)
    assert square.dtype == np.uint8
    assert size == (60, 80)
    shown = square[10:70].astype(int)
    assert np.abs(shown - _ramp()[..., None]).max() <= 6
    assert not square[:10].any()
    assert not square[70:].any()


def test_a_one_bit_picture_is_read(tmp_path: Path) -> None:
    Image.fromarray(_ramp() > 127).save(tmp_path / "bit.png")
    square, _, _ = read_square(tmp_path / "bit.png", 80)
    assert set(np.unique(square)) == {0, 255}


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    for name, mode in (("rgba.png", "RGBA"), ("palette.png", "P")):
        picture = Image.new("RGBA", (40, 40), (200, 100, 50, 255))
        picture.paste((200, 100, 50, 0), (0, 0, 20, 40))
        (picture if mode == "RGBA" else picture.quantize(4)).save(tmp_path / name)
        square, _, _ = read_square(tmp_path / name, 40)
        assert not square[:, :18].any()
        assert (square[:, 22:] == [200, 100, 50]).all()


def test_a_dark_sixteen_bit_picture_keeps_its_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 2570, np.uint16)).save(tmp_path / "dark.png")
    square, _, _ = read_square(tmp_path / "dark.png", 40)
    assert np.unique(square).tolist() == [10]


def test_of_true_sixteen_bit_pictures_only_those_nearly_black_are_taken_to_have_twelve(tmp_path: Path) -> None:
    for highest, white in ((4095, 4095), (4096, 65535), (20_000, 65535)):
        values = np.linspace(0, highest, 1600).round().astype(np.uint16).reshape(40, 40)
        Image.fromarray(values).save(tmp_path / "gray.png")
        square, _, _ = read_square(tmp_path / "gray.png", 40)
        assert np.abs(square[..., 0] - values * (255 / white)).max() <= 1


@pytest.mark.parametrize("bands", [3, 4])
def test_color_of_twelve_bits_stored_in_sixteen_is_refused(bands: int, tmp_path: Path) -> None:
    for highest in (4095, 65535):
        values = np.full((40, 40, bands), 65535, np.uint16)  # the last one of four is opacity
        values[..., :3] = np.linspace(0, highest, 1600).round().reshape(40, 40, 1)
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        header = struct.pack(">IIBBBBB", 40, 40, 16, {3: 2, 4: 6}[bands], 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        parts = [struct.pack(">I", len(b)) + a + b + struct.pack(">I", zlib.crc32(a + b)) for a, b in chunks]
        (tmp_path / f"{highest}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    square, _, _ = read_square(tmp_path / "65535.png", 40)
    assert square.max() == 255
    with pytest.raises(InputError, match="found 12 or fewer"):
        read_square(tmp_path / "4095.png", 40)
    with Image.open(tmp_path / "4095.png") as image, pytest.raises(InputError, match="found 12 or fewer"):
        upright(image)


def test_gray_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    values = np.full((40, 40), 100, np.float32)
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "gray.tif")
    with pytest.raises(InputError, match="expected finite gray values"):
        read_square(tmp_path / "gray.tif", 40)


@pytest.mark.parametrize("values", [_ramp().astype(np.float32) / 127.5 - 1, _ramp().astype(np.int32) * 2**23 - 2**30])
def test_gray_values_beyond_any_range_are_refused(values: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "gray.tif")
    with pytest.raises(InputError, match="expected gray values from 0 to"):
        read_square(tmp_path / "gray.tif", 40)


@pytest.mark.parametrize(
    ("dtype", "tag", "value", "words"),
    [(np.uint16, 262, 0, "whose 0 is black, found a negative"), (np.uint8, 339, 2, "found signed ones")],
)
def test_tiffs_whose_numbers_mean_something_else_are_refused(
    dtype: type, tag: int, value: int, words: str, tmp_path: Path
) -> None:
    Image.fromarray(_ramp().astype(dtype) * 200).save(tmp_path / "gray.tif", tiffinfo={339: 1})
    content = bytearray((tmp_path / "gray.tif").read_bytes())
    entry = content.index(struct.pack("<HHI", tag, 3, 1))  # a tag, its type and its count; then follows the value
    content[entry + 8 : entry + 10] = struct.pack("<H", value)
    (tmp_path / "gray.tif").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_square(tmp_path / "gray.tif", 40)


def _png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), 128).save(buffer, format="PNG")
    return buffer.getvalue()


def _noise_jpeg() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format="JPEG")
    return buffer.getvalue()


BROKEN = {
    "empty": (b"", "empty"),
    "not a picture": (b"solution.txt is not a picture\n" * 20, "not a picture"),
    "truncated JPEG": (_noise_jpeg()[:5000], "decoded"),
    "truncated PNG": (_png(300, 300)[:-60], "decoded"),
    "one pixel": (_png(1, 1), "1 x 1"),
    "20,000 px wide": (_png(20_000, 20), "20000 x 20"),
    "10,000 px wide and high": (_png(10_000, 10_000), "found 10000 x 10000"),
    "a decompression bomb": (_png(16_000, 16_000), "too large"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # run_command silences it
def test_a_broken_picture_is_refused_with_its_reason(kind: str, tmp_path: Path) -> None:
    content, reason = BROKEN[kind]
    path = tmp_path / "face.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refusal:
        read_square(path, SIZE)
    assert "\n" not in str(refusal.value)


def test_a_missing_picture_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such picture"):
        read_square(tmp_path / "absent.jpg", SIZE)
    with pytest.raises(InputError, match="expected a file, found a folder"):
        read_square(tmp_path, SIZE)


def test_listing_is_sorted_and_holds_pictures_only(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", ".hidden.jpg", "annot.pkl", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert list_pictures(tmp_path) == ["a.png", "b.JPG"]


def test_listing_refuses_an_absent_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        list_pictures(tmp_path / "absent")
    with pytest.raises(InputError, match="found none"):
        list_pictures(tmp_path)


@pytest.mark.timeout(10)
def test_only_the_formats_that_are_meant_and_regular_files_are_opened(tmp_path: Path) -> None:
    """Pillow starts Ghostscript for PostScript, whatever the file is called."""
    for kind in ("PPM", "ICO", "PCX"):
        Image.new("RGB", (64, 64)).save(tmp_path / "face.jpg", kind)
        with pytest.raises(InputError, match="not a picture in a known format"):
            read_square(tmp_path / "face.jpg", 64)
    (tmp_path / "page.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n")
    with pytest.raises(InputError, match="not a picture in a known format"):
        read_square(tmp_path / "page.jpg", 64)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="expected a file, found a device"):
        read_square(tmp_path / "pipe.jpg", 64)


def test_a_fax_of_more_than_one_bit_is_refused_before_its_decoder_writes_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, bits = tmp_path / "fax.tif", 258
    Image.new("1", (32, 32), 1).save(path, compression="group4")
    assert read_square(path, 32)[0].min() == 255
    content = bytearray(path.read_bytes())
    entry = content.index(bits.to_bytes(2, "little"), int.from_bytes(content[4:8], "little"))
    content[entry + 8] = 8  # the entry's value, behind its tag, type and count
    path.write_bytes(content)
    with pytest.raises(InputError, match="a fax-compressed TIFF picture expects 1 bit per pixel, found 8"):
        read_square(path, 32)
    assert capfd.readouterr() == ("", "")
