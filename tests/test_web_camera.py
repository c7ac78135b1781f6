"""The page docs/demo with a camera, which headless Chromium fakes."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_page import PAGE, drive, serve_page

GONE = "it was disconnected or taken by another program"
FRONT, BACK, BUSY = "Front camera", "Facing back:0", "USB camera"
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
    assert (unplugged["width"], unplugged["status"]) == (0, f"The camera does not work: {GONE}")
    assert unplugged["cameras"] == []  # there is one only


@pytest.mark.slow
def test_a_camera_that_does_not_work_replaces_the_picture(address: str) -> None:
    *_, failed = drive(address, ["sample", "face"], ["click", "#camera"], ["until", "does not work"])
    assert failed["status"] == "The camera does not work: no camera was found"
    assert failed["isError"]
    assert failed["width"] == 0
    assert failed["faces"] == []


@pytest.mark.slow
def test_one_of_several_cameras_is_chosen(address: str) -> None:
    cameras = [
        {"label": BACK, "faces": 2},  # Firefox on a telephone does not tell where it faces
        {"label": BUSY, "error": "NotReadableError"},
        {"label": FRONT, "facing": "user", "faces": 1},
    ]
    _, front, back, _, kept, _, resumed, busy, chosen, _, again, unplugged, _, last = drive(
        address,
        ["click", "#camera"],
        ["until", "Camera: 1 face$"],
        ["switch", BACK, "Camera: 2 faces"],
        ["click", "#keep"],
        ["until", " ms \\("],
        ["click", "#camera"],
        ["until", "Camera: 2 faces"],
        ["switch", BUSY, "does not work"],
        ["switch", FRONT, ""],
        ["click", "#camera"],
        ["until", "Camera: 1 face$"],
        ["unplug"],
        ["click", "#camera"],
        ["until", "Camera: 2 faces"],
        width=390,
        height=844,
        cameras=cameras,
    )
    assert front["cameras"] == again["cameras"] == [BACK, BUSY, f"> {FRONT}"]
    assert back["cameras"] == kept["cameras"] == resumed["cameras"] == [f"> {BACK}", BUSY, FRONT]
    assert front["drawn"]["left"] == 0  # a mirror, and the points with it
    assert back["drawn"]["left"] == back["drawn"]["sure"]
    assert min(state["drawn"]["sure"] for state in (front, back)) > 100
    assert kept["label"] == "camera: 2 faces"
    assert busy["status"] == "The camera does not work: it cannot be opened; another program may be using it"
    assert busy["cameras"] == [BACK, f"> {BUSY}", FRONT]
    assert (busy["width"], chosen["status"], chosen["width"]) == (0, busy["status"], 0)  # the choice alone starts none
    assert unplugged["status"] == f"The camera does not work: {GONE}"
    assert unplugged["cameras"] == last["cameras"] == [f"> {BACK}", BUSY]
    assert max(state["widest"] for state in (front, back, kept, busy)) <= 390


@pytest.mark.slow
def test_a_camera_that_the_system_mutes_says_so_and_goes_on(address: str) -> None:
    _, _, muted, still_muted, goes_on = drive(
        address,
        ["click", "#camera"],
        ["until", "Camera: 1 face$"],
        ["mute", True, "rests"],
        ["wait", 1500],
        ["mute", False, "Camera: 1 face$"],
        cameras=[{"label": FRONT, "facing": "user", "faces": 1}],
    )
    words = "The camera rests: the system or another program has paused it. It goes on by itself."
    assert muted["status"] == still_muted["status"] == words
    assert goes_on["drawn"]["sure"] > 100


def write_y4m(path: Path, picture: Image.Image, *, frames: int = 30) -> None:
    """A still picture as an uncompressed video, as Chromium's fake camera takes it."""
    luma, blue, red = (np.asarray(plane) for plane in picture.convert("YCbCr").split())
    content = b"".join(plane.tobytes() for plane in (luma, blue[::2, ::2], red[::2, ::2]))
    header = f"YUV4MPEG2 W{picture.width} H{picture.height} F30:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + frames * (b"FRAME\n" + content))
