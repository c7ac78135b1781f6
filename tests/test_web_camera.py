"""The page docs/demo with a camera, which headless Chromium fakes."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_page import PAGE, drive, serve_page

SLOWEST = 1000 / 15  # milliseconds per frame: 15 frames per second


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serve_page()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "side"), [(1280, 800, 320), (390, 844, 40)])
def test_the_page_follows_a_camera(address: str, tmp_path: Path, width: int, height: int, side: int) -> None:
    """side: of the face's crop, in pixels; the detector sees the small one in tiles only."""
    picture = Image.new("RGB", (640, 480), (30, 30, 30))
    with Image.open(PAGE / "samples" / "face.jpg") as crop:
        picture.paste(crop.rotate(20, fillcolor=(30, 30, 30)).resize((side, side)), (150, 80))
    write_y4m(tmp_path / "camera.y4m", picture)
    _, _, followed, _, kept, _, _, _, kept_at_once, _, _, stopped, _, _, unplugged = drive(
        address,
        ["click", "#camera"],
        ["until", "Camera: 1 face"],
        ["loop", 6],
        ["click", "#keep"],
        ["until", " ms \\("],
        ["click", "#camera"],
        ["until", "The camera is on"],
        ["click", "#keep"],
        ["until", " ms \\("],
        ["click", "#camera"],
        ["until", "Camera: 1 face"],
        ["click", "#camera"],
        ["click", "#camera"],
        ["until", "Camera: 1 face"],
        ["unplug"],
        width=width,
        height=height,
        camera=tmp_path / "camera.y4m",
    )
    loop = followed["given"]
    print(f"{loop['rate']:.1f} frames per second, {loop['milliseconds']:.1f} ms of the worker each")
    assert re.match(r"\d+ frames per second", followed["rate"])
    assert followed["drawn"]["sure"] > side / 3.2  # 100 for the large face
    assert loop["rate"] > 0.5  # of a core that others use; what one core allows:
    assert loop["milliseconds"] < SLOWEST
    assert kept["label"] == "camera: 1 face"
    assert kept["canExport"]
    assert kept_at_once["label"] == "camera: 1 face"
    assert (stopped["width"], stopped["status"]) == (0, "The camera is off.")
    assert (unplugged["width"], unplugged["status"]) == (0, "The camera does not work: it was disconnected")


@pytest.mark.slow
def test_a_camera_that_does_not_work_replaces_the_picture(address: str) -> None:
    *_, failed = drive(address, ["sample", "face"], ["click", "#camera"], ["until", "does not work"])
    assert failed["status"] == "The camera does not work: no camera was found"
    assert failed["isError"]
    assert failed["width"] == 0
    assert failed["faces"] == []


def write_y4m(path: Path, picture: Image.Image, *, frames: int = 30) -> None:
    """A still picture as an uncompressed video, as Chromium's fake camera takes it."""
    luma, blue, red = (np.asarray(plane) for plane in picture.convert("YCbCr").split())
    content = b"".join(plane.tobytes() for plane in (luma, blue[::2, ::2], red[::2, ::2]))
    header = f"YUV4MPEG2 W{picture.width} H{picture.height} F30:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + frames * (b"FRAME\n" + content))
