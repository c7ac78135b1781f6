"""Clips of moving faces: their points lie where the faces are, and covered faces need not be found."""

import numpy as np
from PIL import Image
from rectangle_face import RectangleDetector, rectangle_picture, rectangle_points

from src.evaluation.clips import Frame, MovingFace, TrackingResult, clips, follow, move
from src.predict.predictor import Predictor

BOX = (60, 70, 120, 130)
CROP = (200, 200)  # pixels


def _moving(start: tuple[float, float], end: tuple[float, float]) -> MovingFace:
    return MovingFace(rectangle_picture(CROP, BOX), rectangle_points(BOX), np.array(start), np.array(end))


def test_a_face_moves_with_its_points_and_leaves() -> None:
    frames = list(move(Image.new("RGB", (400, 240)), [_moving((10.0, 20.0), (500.0, 20.0))], 5))
    np.testing.assert_allclose(frames[0].points_image[0], rectangle_points(BOX) + np.array([10, 20]))
    assert frames[0].picture.getpixel((10 + 90, 20 + 100)) == (255, 255, 255)
    assert [frame.in_view[0] for frame in (frames[0], frames[-1])] == [1, 0]
    assert frames[-1].is_right(0)
    assert not frames[-1].is_right(1)


def test_a_covered_face_need_not_be_found() -> None:
    faces = [_moving((0.0, 0.0), (0.0, 0.0)), _moving((150.0, 0.0), (10.0, 0.0))]
    apart, together = move(Image.new("RGB", (400, 240)), faces, 2)
    assert apart.is_right(2)
    assert not apart.is_right(1)
    assert together.in_view == [0, 1]
    assert together.is_right(1)
    half = Frame(apart.picture, apart.points_image, [0.5, 1.0])
    assert half.is_right(1)
    assert half.is_right(2)


def test_frames_and_tracks_are_counted(rectangle_model: None) -> None:
    predictor = Predictor("any.pth.tar", detector=RectangleDetector())
    frames = list(move(Image.new("RGB", (400, 240)), [_moving((0.0, 0.0), (60.0, 20.0))], 8))
    assert follow(predictor, frames) == TrackingResult(8, 8, 1, 0)
    unseen = [Frame(Image.new("RGB", (400, 240)), frame.points_image, frame.in_view) for frame in frames]
    assert follow(predictor, unseen) == TrackingResult(8, 0, 0, 0)


def test_every_clip_shows_what_its_name_says() -> None:
    crops = [rectangle_picture(CROP, BOX)] * 7
    made = clips(crops, np.stack([rectangle_points(BOX)] * 7), np.random.default_rng(0))
    columns = {name: [[points[:, 0].mean() for points in frame.points_image] for frame in made[name]] for name in made}
    for name in ("crossing", "crossing again"):
        first, *_, last = columns[name]
        assert (first[0] < first[1]) != (last[0] < last[1])
    assert [len(faces) for faces in columns["cut"]] == [1] * 61 + [2] * 61
    (left,), (back,) = columns["leaving, coming back"][60:62]
    assert left > 640
    assert back < 0
