"""What a Predictor is given from Python: pictures in memory and in open files, and a kind of box."""

import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from src.errors import InputError
from src.predict import picture_input
from src.predict.picture_input import is_one_picture, read_picture
from src.predict.predictor import Predictor

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_shares(dtype: type) -> None:
    np.testing.assert_array_equal(np.asarray(read_picture((PIXELS / 255).astype(dtype))), PIXELS)
    gray = np.asarray(read_picture((PIXELS[..., 0] / 255).astype(dtype)))
    np.testing.assert_array_equal(gray, PIXELS[..., [0, 0, 0]])


@pytest.mark.parametrize("picture", [PIXELS.astype(float), PIXELS / 255 - 0.1, np.full((9, 9), np.nan)])
def test_other_floats_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"floats in \[0, 1\], found"):
        read_picture(picture)


@pytest.mark.parametrize("make", [lambda values: values.to("meta"), lambda values: values.to_sparse()])
def test_tensors_without_dense_values_are_refused(make: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with pytest.raises(InputError, match="expected a dense tensor"):
        read_picture(make(torch.ones(3, 20, 30)))


def test_masked_values_are_refused_as_the_mask_would_be_ignored() -> None:
    with pytest.raises(InputError, match="fill them first"):
        read_picture(np.ma.masked_array(PIXELS, mask=PIXELS > 250))
    np.testing.assert_array_equal(np.asarray(read_picture(np.ma.masked_array(PIXELS))), PIXELS)


def test_views_of_arrays_are_what_they_show() -> None:
    for view in (PIXELS[::-1, ::2], PIXELS[..., ::-1], np.asfortranarray(PIXELS)):
        np.testing.assert_array_equal(np.asarray(read_picture(view)), view)


def test_an_open_file_is_one_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(PIXELS).save(path)
    with open(path, "rb") as on_disk:
        for file in (on_disk, io.BytesIO(path.read_bytes())):
            assert is_one_picture(file)
            np.testing.assert_array_equal(np.asarray(read_picture(file)), PIXELS)
    with open(path, encoding="latin-1") as file, pytest.raises(InputError, match="binary mode"):
        read_picture(file)


def test_an_address_is_not_taken_for_a_path() -> None:
    with pytest.raises(InputError, match=r"found the address https://example\.org/a\.jpg; download it first"):
        read_picture("https://example.org/a.jpg")


def test_images_without_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a picture, found one of 0 x 9 pixels"):
        read_picture(Image.new("RGB", (0, 9)))
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(InputError, match="it was closed before"):
        read_picture(image)


def test_a_picture_that_was_read_is_not_turned_again() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG", exif=exif)
    for picture in (file.getvalue(), Image.open(file)):
        read = read_picture(picture)
        np.testing.assert_array_equal(np.asarray(read), np.rot90(PIXELS, -1))
        np.testing.assert_array_equal(np.asarray(read_picture(read)), np.asarray(read))


def test_an_alpha_of_0_everywhere_is_unused(tmp_path: Path) -> None:
    captured = np.dstack([PIXELS, np.zeros(PIXELS.shape[:2], np.uint8)])  # as screen captures are
    Image.fromarray(captured).save(tmp_path / "captured.png")
    for picture in (captured, tmp_path / "captured.png"):
        np.testing.assert_array_equal(np.asarray(read_picture(picture)), PIXELS)
    captured[0, 0, 3] = 255
    assert np.asarray(read_picture(captured))[1:].max() == 0


def test_of_a_stream_without_end_no_more_is_read_than_the_largest_picture_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_input, "_MOST_BYTES", 9_000_000)
    with open("/dev/zero", "rb") as stream, pytest.raises(InputError, match="at most 9 MB, found a longer stream"):
        read_picture(stream)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    Image.effect_noise((300, 200), 50).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    reading, writing = os.pipe()

    def write_slowly() -> None:
        with open(writing, "wb", buffering=0) as stream:
            stream.write(content[:1000])
            time.sleep(0.05)  # an unbuffered read returns what there is so far
            stream.write(content[1000:])

    with ThreadPoolExecutor(1) as pool, open(reading, "rb", buffering=0) as stream:
        pool.submit(write_slowly)
        assert read_picture(stream).size == (300, 200)


def test_a_kind_of_box_has_a_name() -> None:
    with pytest.raises(InputError, match="unknown kind of box None"):
        Predictor("any.pth.tar", box_kind=None)


def test_a_stream_at_its_end_is_named(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "PNG")
    with pytest.raises(InputError, match=r"found its end; go back to its start with seek\(0\)"):
        read_picture(stream)
