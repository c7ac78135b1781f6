"""The rendered faces: exact points, true poses, reproducible folders that never overwrite foreign files."""

import json

import numpy as np
import pytest
from PIL import Image

from src.datasets.challenge import load_annotations, read_annotations
from src.errors import InputError
from src.markup import FLIP_PERMUTATION, MEAN_SHAPE
from src.pose import fit_pose
from src.synthesis.owned_folder import MARKER
from src.synthesis.renderer import face as render
from src.synthesis.renderer import folder as demo
from src.synthesis.renderer.chart import NUM_COLUMNS, NUM_ROWS, ROW
from src.synthesis.renderer.head import EXPRESSION_NAMES, IDENTITY_NAMES, build_head

NEUTRAL = np.zeros(len(IDENTITY_NAMES) + len(EXPRESSION_NAMES))


def _shape(**coefficients: float) -> np.ndarray:
    names = [*IDENTITY_NAMES, *EXPRESSION_NAMES]
    shape = NEUTRAL.copy()
    for name, value in coefficients.items():
        shape[names.index(name)] = value
    return shape


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "faces"
    demo.render_faces(folder, 60, seed=3, workers=2)
    names, points_image = read_annotations(folder)
    return folder, names, points_image, np.load(folder / demo.POSES)["euler"]


def test_neutral_landmarks_lie_on_the_mean_shape():
    head = build_head()
    assert np.abs(head.landmarks(head.neutral) - MEAN_SHAPE).max() < 0.15  # cm


def test_symmetric_identity_gives_symmetric_landmarks():
    head = build_head()
    shape = _shape(face_width=1.5, jaw_width=-1.0, nose_length=2.0, eye_distance=1.0, jaw_open=0.7, smile=0.8)
    shape += _shape(blink_left=0.5, blink_right=0.5)
    points = head.landmarks(render.deform(head, shape))
    np.testing.assert_allclose(points[FLIP_PERMUTATION] * [-1, 1, 1], points, atol=1e-3)


def test_lids_meet_in_a_blink_and_lips_part_with_the_jaw():
    head = build_head()
    rest = head.landmarks(render.deform(head, NEUTRAL))
    blink = head.landmarks(render.deform(head, _shape(blink_right=1.0)))
    wide = head.landmarks(render.deform(head, _shape(jaw_open=1.0)))

    def gap(points, upper, lower):
        return points[upper, 1] - points[lower, 1]

    assert gap(rest, 43, 47) > 0.7
    assert abs(gap(blink, 43, 47)) < 0.15
    assert gap(blink, 38, 40) > 0.7  # the other eye stays open
    assert gap(rest, 62, 66) < 0.15
    assert gap(wide, 62, 66) > 1.5


def test_skin_rows_never_cross():
    head = build_head()
    assert (np.diff(head.elevations, axis=0) < 0).all()
    skin = head.neutral[head.vertices["skin"]].reshape(NUM_ROWS, NUM_COLUMNS, 3)
    np.testing.assert_allclose(skin[:, ::-1] * [-1, 1, 1], skin, atol=1e-4)
    assert skin[ROW["crown"], 0, 1] > 13


@pytest.mark.slow
def test_points_lie_inside_the_pictures_and_frame_like_the_challenge(faces):
    folder, names, points_image, _ = faces
    with Image.open(folder / names[0]) as picture:
        assert picture.size == (384, 384)
        assert picture.mode == "RGB"
    assert points_image.min() > 0
    assert points_image.max() < 384
    low, high = points_image.min(axis=1), points_image.max(axis=1)
    size = np.sqrt((high - low).prod(axis=1)) / 384
    assert abs(np.median(size) - 0.51) < 0.05
    np.testing.assert_allclose(((low + high) / 2 / 384), np.broadcast_to([0.5, 0.58], (60, 2)), atol=0.025)


def test_pose_of_the_points_is_the_pose_that_was_drawn(faces):
    _, _, points_image, euler = faces
    error = np.abs(fit_pose(points_image) - euler)[np.abs(euler[:, 1]) <= 75]
    assert error.mean(axis=0).max() < 1.0
    assert (error.max(axis=1) > 3).mean() <= 0.02
    assert np.abs(euler).max(axis=0) == pytest.approx([30, 90, 40], rel=0.5)


def test_points_mark_what_is_drawn():
    """With the lips painted by the shape alone: opening the mouth darkens the pixels between the inner lips."""
    closed = render.render_face(np.random.default_rng(8), euler=np.zeros(3), shape=NEUTRAL)
    wide = render.render_face(np.random.default_rng(8), euler=np.zeros(3), shape=_shape(jaw_open=0.9))

    def brightness(face, at):
        x, y = np.round(at).astype(int)
        return np.asarray(face.picture.convert("L"), float)[y - 2 : y + 3, x - 2 : x + 3].mean()

    middle = 0.35 * wide.points_image[62] + 0.65 * wide.points_image[66]
    assert brightness(wide, middle) < 0.6 * brightness(wide, wide.points_image[33] + [0, 4])
    assert brightness(closed, closed.points_image[57]) > brightness(wide, middle)


def test_faces_do_not_depend_on_the_workers(faces, tmp_path):
    folder, names, points_image, _ = faces
    demo.render_faces(tmp_path / "again", 6, seed=3, workers=1)
    again_names, again_points = read_annotations(tmp_path / "again")
    assert again_names == names[:6]
    np.testing.assert_array_equal(again_points, points_image[:6])
    for name in again_names:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_finished_folder_is_left_alone(tmp_path):
    demo.render_faces(tmp_path / "few", 2, seed=1)
    stamp = (tmp_path / "few" / "000001.jpg").stat().st_mtime_ns
    demo.render_faces(tmp_path / "few", 2, seed=1)
    assert (tmp_path / "few" / "000001.jpg").stat().st_mtime_ns == stamp


def test_an_unfinished_folder_of_ours_is_made_again(tmp_path):
    demo.render_faces(tmp_path / "few", 2, seed=1)
    (tmp_path / "few" / "annot.pkl").unlink()
    (tmp_path / "few" / "000001.jpg").write_bytes(b"half")
    demo.render_faces(tmp_path / "few", 2, seed=1)
    assert len(read_annotations(tmp_path / "few")[0]) == 2
    Image.open(tmp_path / "few" / "000001.jpg").load()


@pytest.mark.parametrize("marker", [None, {"made_by": "someone else"}, {"maker": "someone else"}, ["not", "ours"]])
def test_a_foreign_folder_is_refused_and_untouched(tmp_path, marker):
    (tmp_path / "photo.jpg").write_bytes(b"precious")
    if marker is not None:
        (tmp_path / MARKER).write_text(json.dumps(marker))
    with pytest.raises(InputError, match="new or empty folder"):
        demo.render_faces(tmp_path, 2, seed=1)
    assert (tmp_path / "photo.jpg").read_bytes() == b"precious"


def test_a_folder_of_an_older_version_is_made_again(tmp_path):
    (tmp_path / MARKER).write_text(json.dumps({"maker": "src.synthesis.demo", "version": 1}))
    (tmp_path / "000009.jpg").write_bytes(b"old")
    demo.render_faces(tmp_path, 2, seed=1)
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["000000.jpg", "000001.jpg"]


def test_demo_lays_out_the_challenge(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_LEAST_HELD_OUT", 3)
    for _ in range(2):  # the second call finds everything done
        demo.render_demo(tmp_path, 4)
    train, _ = read_annotations(tmp_path / "synthetics_train")
    held_out, points_image = read_annotations(tmp_path / "aflw_val")
    answers, _ = load_annotations(tmp_path / demo.TEST_ANNOTATIONS)
    assert (len(train), len(held_out), len(answers)) == (4, 3, 3)
    assert sorted(path.name for path in (tmp_path / "aflw_test").glob("*.jpg")) == answers
    assert not (tmp_path / "aflw_test" / "annot.pkl").exists()
    assert not np.array_equal(points_image, read_annotations(tmp_path / "synthetics_train")[1][:3])
