"""Frames that do not all have one size, as of a camera that is turned."""

import numpy as np
import pytest
from rectangle_face import RectangleDetector, rectangle_picture

from src.boxes import box_of_points
from src.demo.tracking import Track, Tracker
from src.predict.predictor import Predictor

_FIRST, _SECOND = (40, 60, 100, 120), (250, 100, 330, 180)


@pytest.fixture
def exact(rectangle_model: None) -> Predictor:
    return Predictor("any.pth.tar", detector=RectangleDetector())


def _boxes(tracks: list[Track]) -> dict[int, list[int]]:
    """The rounded box of each face that is seen, by its number."""
    return {track.number: np.round(box_of_points(track.face.points)).tolist() for track in tracks if not track.is_lost}


def test_a_frame_of_another_size_is_a_cut(exact: Predictor) -> None:
    tracker = Tracker(exact, smoothing=None, every=100)
    for _ in range(3):
        tracks = tracker.update(rectangle_picture((400, 240), _FIRST, _SECOND), 0.04)
    assert sorted(_boxes(tracks)) == [0, 1]
    first, second = (20, 30, 50, 60), (125, 50, 165, 90)  # at half of the size
    for _ in range(3):
        found = _boxes(tracker.update(rectangle_picture((200, 120), first, second), 0.04))
        assert sorted(found.values()) == [list(first), list(second)]
        assert sorted(found) == [2, 3]
    found = _boxes(tracker.update(rectangle_picture((240, 400), _FIRST), 0.04))  # turned: another one in the place
    assert found == {4: list(_FIRST)}
    assert tracker.cuts == [3, 6]


def test_without_a_detector_a_face_is_looked_for_at_its_places(exact: Predictor) -> None:
    tracker = Tracker(exact, [_FIRST], detect=False, smoothing=None)
    frames = [rectangle_picture(size, *faces) for size, *faces in (
        ((400, 240), _FIRST), ((200, 120), (120, 50, 170, 100)), ((200, 240), _FIRST)
    )]  # fmt: skip
    seen = [_boxes(tracker.update(frame, 0.04)) for frame in frames]
    assert seen == [{0: list(_FIRST)}, {}, {0: list(_FIRST)}]
    assert tracker.cuts == [1, 2]
