"""The one-euro filter and the tracker: quiet at rest, quick in movement, honest about a lost face."""

import numpy as np
import pytest
from commands import ROOT
from PIL import Image
from rectangle_face import RectangleFinder, rectangle_picture, rectangle_points

from src.demo.tracking import OneEuroFilter, Smoothing, Tracker
from src.errors import InputError
from src.predict import predictor as predict
from src.predict.predictor import Predictor
from src.synthesis.renderer.face import render_face

SECONDS = 1 / 30


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """A predictor that finds white rectangles exactly."""
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    return Predictor("any.pth.tar")


def _frame(x: int, y: int = 80) -> Image.Image:
    return rectangle_picture((400, 240), (x, y, x + 60, y + 60))


def _filtered(values: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    one_euro = OneEuroFilter(smoothing)
    return np.array([one_euro(value, SECONDS) for value in values])


def test_a_filter_step_by_hand() -> None:
    smoothing = Smoothing(min_cutoff=1.0, speed_factor=2.0, speed_cutoff=1.0)

    def weight(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * np.pi * cutoff * 0.1))

    one_euro = OneEuroFilter(smoothing)
    assert one_euro(np.array([1.0]), 0.1) == 1
    speed = weight(1.0) * (2 - 1) / 0.1
    expected = 1 + weight(1.0 + 2.0 * speed) * (2 - 1)
    assert one_euro(np.array([2.0]), 0.1) == pytest.approx(expected)


def test_a_resting_noisy_point_becomes_quiet() -> None:
    values = 0.5 + np.random.default_rng(0).normal(0, 0.002, size=(300, 136))  # of the crop's side
    jitter = _filtered(values, Smoothing())[30:].std(axis=0).mean()
    assert jitter < 0.45 * 0.002


def test_a_still_face_in_a_noisy_video_rests() -> None:
    generator = np.random.default_rng(3)
    face = np.asarray(render_face(generator, 256).picture, np.float32)
    trackers = [Tracker(Predictor(ROOT / "best.pth.tar"), smoothing=smoothing) for smoothing in (None, Smoothing())]
    tracks = []
    for _ in range(16):
        noisy = (face + generator.normal(0, 8, size=face.shape)).clip(0, 255).astype(np.uint8)
        tracks.append([tracker.update(Image.fromarray(noisy), SECONDS).points_image for tracker in trackers])
    raw, smooth = np.moveaxis(np.array(tracks), 1, 0)  # (16, 68, 2) each
    steps = [np.linalg.norm(np.diff(points, axis=0), axis=-1).mean() for points in (raw, smooth)]
    assert steps[1] < 0.35 * steps[0]
    assert np.linalg.norm(smooth[-1] - raw[8:].mean(axis=0), axis=-1).mean() < 1  # pixels


def test_a_moving_point_hardly_lags() -> None:
    speed = 0.5  # crop sides a second
    values = (np.arange(60) * SECONDS * speed)[:, None]
    lag = values - _filtered(values, Smoothing())
    assert 0 < lag[-1, 0] < 0.012
    plain = values - _filtered(values, Smoothing(speed_factor=0.0))
    assert plain[-1, 0] > 3 * lag[-1, 0]


def test_time_must_go_on() -> None:
    one_euro = OneEuroFilter(Smoothing())
    one_euro(np.zeros(1), 0.0)  # the first has none before it
    with pytest.raises(ValueError, match="time to go on"):
        one_euro(np.zeros(1), 0.0)


def test_a_face_is_followed_across_the_picture_from_its_first_box(exact: Predictor) -> None:
    tracker = Tracker(exact, np.array([20, 80, 80, 140]), smoothing=None)
    for x in range(20, 320, 12):
        track = tracker.update(_frame(x), SECONDS)
        assert not track.is_lost
        np.testing.assert_allclose(track.points_image, rectangle_points((x, 80, x + 60, 140)), atol=0.5)


def test_smoothed_points_stay_near_the_face(exact: Predictor) -> None:
    tracker = Tracker(exact, np.array([20, 80, 80, 140]))
    for x in range(20, 200, 3):
        track = tracker.update(_frame(x), SECONDS)
    assert np.abs(track.points_image - rectangle_points((197, 80, 257, 140))).max() < 3


def test_a_covered_face_is_lost_and_found_where_it_was(exact: Predictor) -> None:
    tracker = Tracker(exact, np.array([200, 80, 260, 140]), smoothing=None)
    for x in range(200, 150, -10):  # away from the first box
        tracker.update(_frame(x), SECONDS)
    lost = tracker.update(Image.new("RGB", (400, 240)), SECONDS)
    assert lost.is_lost
    assert lost.score < 0.1
    again = tracker.update(_frame(130), SECONDS)
    np.testing.assert_allclose(again.points_image, rectangle_points((130, 80, 190, 140)), atol=0.5)


def test_a_face_that_comes_back_at_the_first_box_is_found(exact: Predictor) -> None:
    tracker = Tracker(exact, np.array([20, 80, 80, 140]), smoothing=None)
    for x in range(20, 300, 15):
        tracker.update(_frame(x), SECONDS)
    assert tracker.update(Image.new("RGB", (400, 240)), SECONDS).is_lost
    assert not tracker.update(_frame(20), SECONDS).is_lost


def test_a_face_that_leaves_the_picture_is_lost(exact: Predictor) -> None:
    tracker = Tracker(exact, np.array([20, 80, 80, 140]), smoothing=None)
    tracks = [tracker.update(_frame(x), SECONDS) for x in range(20, -120, -10)]
    assert not tracks[0].is_lost
    assert tracks[-1].is_lost


def test_a_search_without_a_face_finds_none(exact: Predictor) -> None:
    assert Tracker(exact).update(Image.new("RGB", (200, 200)), SECONDS).is_lost


def test_wrong_settings_and_boxes_are_refused(exact: Predictor) -> None:
    with pytest.raises(InputError, match="lost_below"):
        Tracker(exact, lost_below=0.6, found_above=0.5)
    with pytest.raises(InputError, match="meets the 400 x 240 picture"):
        Tracker(exact, np.array([900, 80, 960, 140])).update(_frame(20), SECONDS)
