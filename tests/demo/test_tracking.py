"""The one-euro filter and the tracker: quiet at rest, quick in movement, honest about a lost face."""

import numpy as np
import pytest
from commands import ROOT
from PIL import Image
from rectangle_face import RectangleDetector, rectangle_picture, rectangle_points

from src.demo.smoothing import OneEuroFilter, Smoothing
from src.demo.tracking import Track, Tracker
from src.errors import InputError
from src.predict.detector import SMALL_FACE, Detections
from src.predict.predictor import Predictor
from src.synthesis.renderer.face import render_face

SECONDS = 1 / 30


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


@pytest.mark.slow
def test_a_still_face_in_a_noisy_video_rests() -> None:
    generator = np.random.default_rng(3)
    face = np.asarray(render_face(generator, 256).picture, np.float32)
    shipped = Predictor(ROOT / "best.pth.tar")
    trackers = [Tracker(shipped, "crop", detect=False, smoothing=smoothing) for smoothing in (None, Smoothing())]
    tracks = []
    for _ in range(16):
        noisy = (face + generator.normal(0, 8, size=face.shape)).clip(0, 255).astype(np.uint8)
        tracks.append([_update(tracker, Image.fromarray(noisy)).face.points for tracker in trackers])
    raw, smooth = np.moveaxis(np.array(tracks), 1, 0)  # (16, 68, 2) each
    steps = [np.linalg.norm(np.diff(points, axis=0), axis=-1).mean() for points in (raw, smooth)]
    assert steps[1] < 0.35 * steps[0]
    assert np.linalg.norm(smooth[-1] - raw[8:].mean(axis=0), axis=-1).mean() < 1  # pixels


def test_a_moving_point_hardly_lags() -> None:
    speed = 0.5  # crop sides per second
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
    tracker = _tracker(exact, (20, 80, 80, 140))
    for x in range(20, 320, 12):
        track = _update(tracker, _frame(x))
        np.testing.assert_allclose(track.face.points, rectangle_points((x, 80, x + 60, 140)), atol=0.5)


def test_frames_are_any_pictures_that_the_predictor_takes(exact: Predictor) -> None:
    tracker = _tracker(exact, (20, 80, 80, 140))
    (track,) = tracker.update(np.asarray(_frame(20))[..., ::-1], SECONDS, channels="BGR")
    np.testing.assert_allclose(track.face.points, rectangle_points((20, 80, 80, 140)), atol=0.5)
    with pytest.raises(InputError, match="expected an array"):
        tracker.update(np.zeros((2, 3, 4, 5), np.uint8), SECONDS)


def test_smoothed_points_stay_near_the_face(exact: Predictor) -> None:
    tracker = _tracker(exact, (20, 80, 80, 140), smoothing=Smoothing())
    for x in range(20, 200, 3):
        track = _update(tracker, _frame(x))
    assert np.abs(track.face.points - rectangle_points((197, 80, 257, 140))).max() < 3


def test_a_covered_face_is_lost_and_found_where_it_was(exact: Predictor) -> None:
    tracker = _tracker(exact, (200, 80, 260, 140))
    for x in range(200, 150, -10):  # away from the first box
        _update(tracker, _frame(x))
    lost = _update(tracker, Image.new("RGB", (400, 240)))
    assert lost.is_lost
    assert lost.score < 0.1
    again = _update(tracker, _frame(130))
    np.testing.assert_allclose(again.face.points, rectangle_points((130, 80, 190, 140)), atol=0.5)


def test_a_face_that_comes_back_at_the_first_box_is_found(exact: Predictor) -> None:
    tracker = _tracker(exact, (20, 80, 80, 140))
    for x in range(20, 300, 15):
        _update(tracker, _frame(x))
    assert _update(tracker, Image.new("RGB", (400, 240))).is_lost
    assert not _update(tracker, _frame(20)).is_lost


def test_a_face_that_leaves_the_picture_is_lost(exact: Predictor) -> None:
    tracker = _tracker(exact, (20, 80, 80, 140))
    tracks = [_update(tracker, _frame(x)) for x in range(20, -120, -10)]
    assert not tracks[0].is_lost
    assert tracks[-1].is_lost


def test_a_search_without_a_face_finds_none(exact: Predictor) -> None:
    tracker = Tracker(exact, "crop", detect=False)
    assert _update(tracker, Image.new("RGB", (200, 200))).is_lost


def test_faces_are_detected_followed_and_gone(detecting: Predictor) -> None:
    tracker = Tracker(detecting, smoothing=None, every=5)
    boxes = [[]] * 2 + [[(20 + 6 * i, 30, 80 + 6 * i, 90)] for i in range(20)]
    boxes = [[*frame, *[(300, 160, 360, 220)] * (i >= 6)] for i, frame in enumerate(boxes)]
    seen = [_seen(tracker.update(rectangle_picture((400, 240), *frame), SECONDS)) for frame in boxes]
    assert seen[:2] == [{}] * 2  # while none is seen every frame is searched
    assert all(list(faces) == [0] for faces in seen[2:10])  # the next detection is in frame 10
    assert all(sorted(faces) == [0, 1] for faces in seen[10:])


def test_a_cut_ends_numbers_and_begins_others_at_once(detecting: Predictor) -> None:
    tracker = Tracker(detecting, smoothing=None, every=100)
    first = [_on_ground(0, (40, 60, 100, 120)) for _ in range(6)]
    second = [_on_ground(120, (250, 60, 310, 120), (60, 150, 120, 210)) for _ in range(6)]
    seen = [_seen(tracker.update(frame, SECONDS)) for frame in first + second]
    assert tracker.cuts == [6]
    assert [sorted(faces) for faces in seen] == [[0]] * 6 + [[1, 2]] * 6


def test_crossing_faces_keep_their_numbers(detecting: Predictor) -> None:
    tracker = Tracker(detecting, smoothing=None, every=8)
    seen = []
    for i in range(60):
        near, far = (20 + 5 * i, 60, 90 + 5 * i, 130), (320 - 5 * i, 180, 370 - 5 * i, 230)
        behind = () if near[0] - 60 < far[0] < near[2] + 10 else (far,)
        seen.append(_seen(tracker.update(rectangle_picture((400, 240), near, *behind), SECONDS)))
    left = next(number for number, middle in seen[0].items() if middle < 200)
    right = 1 - left
    assert set(seen[0]) == set(seen[-1]) == {0, 1}
    assert seen[-1][left] > 300
    assert seen[-1][right] < 100
    together = [len(faces) for faces in seen]
    assert max(together) == 2


def test_a_face_that_returns_elsewhere_is_found_as_another(detecting: Predictor) -> None:
    tracker = Tracker(detecting, smoothing=None, every=4)
    frames = [[(40, 60, 100, 120)]] * 5 + [[]] * 5 + [[(300, 150, 360, 210)]] * 8
    seen = [_seen(tracker.update(rectangle_picture((400, 240), *frame), SECONDS)) for frame in frames]
    assert [sorted(faces) for faces in seen[:10]] == [[0]] * 5 + [[]] * 5
    assert sorted(seen[-1]) == [1]


class _FarSighted(RectangleDetector):
    """Sees small faces only at level 1; remembers its pictures' widths, negative ones where it looked closer."""

    def __init__(self) -> None:
        self.widths: list[int] = []

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        self.widths[len(self.widths) - (level > 0) :] = [-picture.width if level else picture.width]
        found = super().detect(picture)
        is_small = np.ptp(found.boxes.reshape(-1, 2, 2), axis=1).max(axis=1) < SMALL_FACE * max(picture.size)
        return Detections(*(part[is_small == bool(level)] for part in _parts(found)))


def _parts(found: Detections) -> tuple[np.ndarray, ...]:
    return found.boxes, found.score, found.roll


def test_small_faces_are_looked_for_at_first_after_a_cut_and_now_and_then(detecting: Predictor) -> None:
    small, second, third = (40, 60, 60, 80), (200, 150, 220, 170), (300, 60, 320, 80)
    detecting._detector = _FarSighted()
    tracker = Tracker(detecting, smoothing=None, every=3)
    frames = [[small]] * 2 + [[small, second]] * 9
    shown = [_on_ground(0, *boxes) for boxes in frames] + [_on_ground(120, third)] * 2
    seen = [sorted(_seen(tracker.update(frame, SECONDS))) for frame in shown]
    assert seen == [[0]] * 6 + [[0, 1]] * 5 + [[2]] * 2  # every second of the regular detections looks closer
    assert detecting.detector.widths == [-400, 400, -400, 400, -400, -400]  # frames 0, 3, 6, 9, 11 (the cut), 12
    for tiles, looked in ((False, [400, 400]), (True, [-400, -400])):
        detecting._detector = _FarSighted()
        tracker = Tracker(detecting, smoothing=None, tiles=tiles, every=1)
        assert [len(_seen(tracker.update(shown[0], SECONDS))) for _ in range(2)] == [int(tiles)] * 2
        assert detecting.detector.widths == looked


def test_a_small_face_that_was_covered_is_looked_for_around_its_place(detecting: Predictor) -> None:
    detecting._detector = _FarSighted()
    tracker = Tracker(detecting, smoothing=None, every=100)
    boxes = [(40 + 2 * i, 60, 60 + 2 * i, 80) for i in range(20)]
    frames = [rectangle_picture((400, 240), *[box] * (not 8 <= i < 14)) for i, box in enumerate(boxes)]
    seen = [sorted(_seen(tracker.update(frame, SECONDS))) for frame in frames]
    assert seen == [[0]] * 8 + [[]] * 6 + [[0]] * 6
    assert detecting.detector.widths == [-400, *[100] * 7]


def test_a_small_face_that_left_is_looked_for_everywhere_in_turn(detecting: Predictor) -> None:
    detecting._detector = _FarSighted()
    tracker = Tracker(detecting, smoothing=None, every=100)
    boxes = [(340 + 10 * i, 60, 360 + 10 * i, 80) for i in range(7)] + [(20, 200, 40, 220)] * 12
    seen = [_seen(tracker.update(rectangle_picture((400, 240), box), SECONDS)) for box in boxes]
    assert [len(faces) for faces in seen[:6]] == [1] * 6
    assert seen[6] == {}
    assert seen[-1] == {1: pytest.approx(30, abs=3)}
    assert 133 in detecting.detector.widths


def test_what_fills_the_square_where_a_small_face_is_looked_for_is_none(detecting: Predictor) -> None:
    detecting._detector = _FarSighted()
    tracker = Tracker(detecting, smoothing=None, every=100)
    boxes = [(340 + 10 * i, 60, 360 + 10 * i, 80) for i in range(7)]
    for box in boxes:
        tracker.update(rectangle_picture((400, 240), box), SECONDS)
    large = rectangle_picture((400, 240), (20, 130, 110, 220))
    assert not any(_seen(tracker.update(large, SECONDS)) for _ in range(12))
    assert 133 in detecting.detector.widths


class _Blind:
    kind = RectangleDetector.kind

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        return Detections(np.empty((0, 4)), np.empty(0), np.empty(0))


@pytest.mark.parametrize(("gap", "left"), [(20, 0), (200, 2)])
def test_a_doubtful_face_next_to_another_is_lost_where_the_detector_sees_none(
    detecting: Predictor, gap: int, left: int
) -> None:
    tracker = Tracker(detecting, smoothing=None, every=100)
    picture = rectangle_picture((400, 240), (20, 80, 80, 140), (80 + gap, 80, 140 + gap, 140))
    tracker.update(picture, SECONDS)
    tracker.found_above = 1.0  # from here on every face is doubtful
    assert len(_seen(tracker.update(picture, SECONDS))) == 2
    tracker.detector = _Blind()
    assert len(_seen(tracker.update(picture, SECONDS))) == left


@pytest.fixture
def detecting(exact: Predictor) -> Predictor:
    exact._detector = RectangleDetector()
    return exact


def _on_ground(gray: int, *boxes: tuple) -> Image.Image:
    picture = Image.new("RGB", (400, 240), (0, gray, gray))  # the finder looks at red alone
    for box in boxes:
        picture.paste((255, 255, 255), box)
    return picture


def _tracker(predictor: Predictor, box: tuple, *, smoothing: Smoothing | None = None) -> Tracker:
    return Tracker(predictor, np.array([box], float), detect=False, smoothing=smoothing)


def _update(tracker: Tracker, picture: Image.Image) -> Track:
    (track,) = tracker.update(picture, SECONDS)
    return track


def _seen(tracks: list[Track]) -> dict[int, float]:
    """The column of each face's middle, by number."""
    return {track.number: float(track.face.points[:, 0].mean()) for track in tracks if not track.is_lost}
