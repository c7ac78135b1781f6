"""New faces in videos: of what neither the detector nor the landmark network trusts, none begins."""

import numpy as np
import pytest
from PIL import Image
from rectangle_face import RectangleDetector, RectangleFinder, rectangle_picture

from src.demo.tracking import Tracker
from src.predict import predictor as predict
from src.predict.detector import Detections
from src.predict.predictor import Predictor

_FACE = rectangle_picture((400, 240), (120, 80, 180, 140))
_EMPTY = rectangle_picture((400, 240))


class _DoubtingDetector(RectangleDetector):
    score = 0.6

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        found = super().detect(picture, level=level)
        return Detections(found.boxes, np.full(len(found.score), self.score), found.roll)


def _tracker(monkeypatch: pytest.MonkeyPatch, *, score: float, detected: float) -> Tracker:
    """All faces are detected with one score, and their points are found with another."""
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    predictor = Predictor("any.pth.tar", detector=_DoubtingDetector(), turns=False)
    predictor.detector.score = detected
    predictor.search.score = lambda disagreement: np.where(disagreement < 1, score, 0.0)
    return Tracker(predictor, smoothing=None)


def _count(tracker: Tracker, frame: Image.Image) -> int:
    return sum(not track.is_lost for track in tracker.update(frame, 0.04))


@pytest.mark.parametrize(
    ("score", "detected", "count"), [(0.6, 0.6, 0), (0.69, 0.69, 0), (0.6, 0.7, 1), (0.7, 0.6, 1), (0.4, 0.9, 0)]
)
def test_a_new_face_needs_one_that_trusts_it(
    monkeypatch: pytest.MonkeyPatch, score: float, detected: float, count: int
) -> None:
    tracker = _tracker(monkeypatch, score=score, detected=detected)
    assert [_count(tracker, _FACE) for _ in range(3)] == [count] * 3


def test_a_face_that_was_trusted_before_comes_back_without(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = _tracker(monkeypatch, score=0.6, detected=0.8)
    assert [_count(tracker, frame) for frame in (_FACE, _FACE, _EMPTY)] == [1, 1, 0]
    tracker.detector.score = 0.6
    assert _count(tracker, _FACE) == 1
    assert [track.number for track in tracker.update(_FACE, 0.04)] == [0]
