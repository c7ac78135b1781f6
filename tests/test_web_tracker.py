"""The page's tracker gives the faces of a clip the numbers that Python's gives them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ROOT
from PIL import Image
from web_page import PAGE, drive, serve_page

from src.demo import appearance, tracking
from src.predict.predictor import Predictor

SECONDS = 1 / 25
SPEAKERS = {"glasses": (240, 150, 480, 390), "fringe": (735, 120, 945, 330), "cap": (0, 60, 300, 360)}  # of the group


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serve_page()


def test_the_page_notices_cuts_by_pythons_numbers() -> None:
    found = {}
    for script in ("appearance.js", "tracker.js"):
        text = (PAGE / script).read_text()
        found |= {name: float(value) for name, value in re.findall(r"const (\w+) = ([\d.]+);", text)}
    assert found["SAME_PERSON"] == appearance.SAME_PERSON
    assert found["CUT"] == tracking._CUT
    assert found["TRUSTED"] == tracking._TRUSTED
    assert (found["SMALL"], found["SMALL"]) == tracking._SMALL
    text = (PAGE / "appearance.js").read_text()
    assert f"const [SIDE, SHADES] = [{appearance._SIDE}, {appearance._SHADES}];" in text
    assert f"const FACE = {{ share: {appearance._FACE.share}, center: {list(appearance._FACE.center)} }};" in text


@pytest.mark.slow
def test_another_speaker_a_flash_and_another_shot(address: str, tmp_path: Path) -> None:
    moving = [_frame(40, glasses=(200 + 3 * i, 140)) for i in range(5)]
    next_speaker = [_frame(40, fringe=(215 + 3 * i, 140)) for i in range(3)]
    flash = [_frame(40, flash=flash, fringe=(225, 140)) for flash in (0.4, 0.0)]
    other_shot = [_frame(160, fringe=(20, 20), glasses=(400, 250))] * 4
    one_changed = [_frame(160, fringe=(20, 20), cap=(400, 250))] * 2
    frames = [*moving, *next_speaker, *flash, *other_shot, *one_changed]
    seen, cuts = _numbers_in_python(frames)
    assert seen == [[0]] * 5 + [[1]] * 5 + [[2, 3]] * 6
    assert cuts == [5, 8, 9, 10]
    assert _numbers_on_the_page(address, frames, tmp_path) == seen


@pytest.mark.slow
def test_a_telephone_that_is_turned_and_one_that_sends_less(address: str, tmp_path: Path) -> None:
    wide = _frame(40, glasses=(200, 140))  # the face is in the same place in all of these frames
    turned = Image.new("RGB", (480, 640), (40, 40, 40))
    turned.paste(wide.crop((200, 140, 400, 340)), (200, 140))
    frames = [*[wide] * 3, *[turned] * 2, *[wide.crop((100, 0, 500, 400))] * 2, *[wide.resize((320, 240))] * 2]
    seen, cuts = _numbers_in_python(frames)
    assert seen == [[0]] * 3 + [[1]] * 2 + [[2]] * 2 + [[3]] * 2
    assert cuts == [3, 5, 7]
    assert _numbers_on_the_page(address, frames, tmp_path) == seen


def _numbers_in_python(frames: list[Image.Image]) -> tuple[list[list[int]], list[int]]:
    """Of the faces in each frame; and the frames that begin another shot."""
    tracker = tracking.Tracker(Predictor(ROOT / "best.pth.tar", detector=PAGE / "detector.onnx"))
    seen = [[track.number for track in tracker.update(frame, SECONDS) if not track.is_lost] for frame in frames]
    return seen, tracker.cuts


def _numbers_on_the_page(address: str, frames: list[Image.Image], folder: Path) -> list[list[int]]:
    """Of the faces in each frame, counted from 0 as in Python."""
    paths = [folder / f"{i:02}.png" for i in range(len(frames))]
    for frame, path in zip(frames, paths, strict=True):
        frame.save(path)
    (shown,) = drive(address, ["follow", [str(path) for path in paths]])
    return [[number - 1 for number in numbers] for numbers in shown["given"]]


def _frame(gray: int, *, flash: float = 0.0, **places: tuple[int, int]) -> Image.Image:
    """Speakers at places (left, top) before a wall; flash: how far everything is lit towards white."""
    picture = Image.new("RGB", (640, 480), (gray, gray, gray))
    with Image.open(PAGE / "samples" / "group.jpg") as group:
        for name, place in places.items():
            picture.paste(group.crop(SPEAKERS[name]).resize((200, 200)), place)
    return Image.blend(picture, Image.new("RGB", picture.size, "white"), flash)
