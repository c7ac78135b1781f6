"""How a face looks: the same in other light and elsewhere, unlike another person's, which the tracker notices."""

import numpy as np
import pytest
from PIL import Image
from rectangle_face import RectangleDetector, rectangle_points

from src.demo.appearance import SAME_PERSON, appearance
from src.demo.tracking import Tracker
from src.predict.predictor import Predictor

_BOX = (60, 50, 140, 140)


def _face(look: int) -> Image.Image:
    """A smooth random pattern in a picture (200, 200), which stands for a face."""
    spots = np.random.default_rng(look).integers(40, 215, size=(20, 20, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((200, 200), Image.Resampling.BICUBIC)


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum())


@pytest.mark.parametrize("changed", ["dark", "side light", "moved"])
def test_a_face_looks_the_same_in_other_light_and_elsewhere(changed: str) -> None:
    picture, points = _face(0), rectangle_points(_BOX)
    before = appearance(picture, points, 0.0)
    if changed == "moved":
        picture = picture.transform((200, 200), Image.Transform.AFFINE, (1, 0, 17, 0, 1, -9))
        points = points + np.array([-17, 9])
    else:
        light = 0.3 if changed == "dark" else np.linspace(0.4, 1.1, 200)[:, None]
        picture = Image.fromarray((np.asarray(picture) * light).astype(np.uint8))
    assert _likeness(before, appearance(picture, points, 0.0)) > 0.95


def test_a_turned_face_looks_the_same_upright() -> None:
    picture, points = _face(0), rectangle_points(_BOX)
    turned = picture.transpose(Image.Transpose.ROTATE_90)  # counterclockwise
    points_turned = np.stack([points[:, 1], 200 - points[:, 0]], axis=1)
    assert _likeness(appearance(picture, points, 0.0), appearance(turned, points_turned, 90.0)) > 0.95


def test_another_face_looks_different() -> None:
    first, second = (appearance(_face(look), rectangle_points(_BOX), 0.0) for look in (0, 1))
    assert _likeness(first, second) < SAME_PERSON


def test_a_face_without_detail_is_like_none() -> None:
    flat = appearance(Image.new("RGB", (200, 200), (90, 90, 90)), rectangle_points(_BOX), 0.0)
    assert _likeness(flat, flat) == pytest.approx(0, abs=1e-6)


@pytest.fixture
def tracker(rectangle_model: None) -> Tracker:
    return Tracker(Predictor("any.pth.tar", detector=RectangleDetector()), smoothing=None, every=100)


def _frame(gray: int, *looks: int, x: int = 100) -> Image.Image:
    """White rectangles, 200 pixels apart, each with a pattern that the finder, who looks at red alone, does not see."""
    picture = Image.new("RGB", (400, 240), (0, gray, gray))
    white = Image.new("L", (60, 60), 255)
    for place, look in enumerate(looks):
        spots = np.random.default_rng(look).integers(0, 255, size=(8, 8), dtype=np.uint8)
        pattern = Image.fromarray(spots).resize(white.size, Image.Resampling.BICUBIC)
        picture.paste(Image.merge("RGB", (white, pattern, pattern)), (x + 200 * place, 80))
    return picture


def _numbers(tracker: Tracker, frames: list[Image.Image]) -> list[list[int]]:
    shown = [tracker.update(frame, 1 / 25) for frame in frames]
    return [[track.number for track in tracks if not track.is_lost] for tracks in shown]


def test_another_person_in_the_same_place_gets_another_number(tracker: Tracker) -> None:
    frames = [_frame(0, look, x=x) for look, x in ((1, 100), (1, 104), (1, 108), (2, 110), (2, 112), (2, 114))]
    assert _numbers(tracker, frames) == [[0]] * 3 + [[1]] * 3
    assert tracker.cuts == [3]


def test_a_face_keeps_its_number_in_a_flash_and_not_in_a_cut_to_its_place(tracker: Tracker) -> None:
    frames = [_frame(gray, look) for gray, look in ((0, 1), (0, 1), (120, 1), (0, 1), (120, 2), (120, 2))]
    assert _numbers(tracker, frames) == [[0]] * 4 + [[1]] * 2
    assert tracker.cuts == [2, 3, 4]


def test_a_face_that_changes_next_to_another_keeps_its_number(tracker: Tracker) -> None:
    frames = [_frame(0, look, 3) for look in (1, 1, 1, 2, 2)]  # a hand passes before it
    assert _numbers(tracker, frames) == [[0, 1]] * 5
    assert tracker.cuts == []
