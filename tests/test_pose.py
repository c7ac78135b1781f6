"""Head pose: exact on what it was made from, with the signs that src/pose.py states."""

import numpy as np
import pytest
from stand_in import project

from src.markup import MEAN_SHAPE, REGIONS
from src.pose import euler_angles, fit_pose, in_plane_rotation, rotation_matrix, shape_residual

POSES = np.random.default_rng(0).uniform([-50, -88, -60], [50, 88, 60], size=(200, 3))
NOSE_TIP = 30


def test_fit_is_exact_on_projections_of_the_mean_shape() -> None:
    np.testing.assert_allclose(fit_pose(project(POSES)), POSES, atol=1e-6)


def test_fit_follows_a_head_beyond_profile() -> None:
    beyond = np.array([[5.0, 100, 10], [-5, -120, 0]])
    np.testing.assert_allclose(fit_pose(project(beyond)), beyond, atol=1e-6)


def test_a_mean_head_has_no_residual() -> None:
    assert shape_residual(project(POSES)).max() < 1e-6


@pytest.mark.parametrize(("factor", "shift"), [(384, 0), (0.01, 5), (3000, -700)])
def test_fit_does_not_depend_on_place_and_size(factor: float, shift: float) -> None:
    np.testing.assert_allclose(fit_pose(project(POSES) * factor + shift), POSES, atol=1e-5)


def test_angles_and_rotation_are_inverse() -> None:
    wide = np.random.default_rng(1).uniform([-179, -179, -89], [179, 179, 89], size=(500, 3))
    np.testing.assert_allclose(euler_angles(rotation_matrix(wide)), wide, atol=1e-9)


def test_rotation_is_a_rotation() -> None:
    rotation = rotation_matrix(POSES)
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, 1, 2), np.broadcast_to(np.eye(3), (200, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1)


def _nose_from_jaw(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """(x, y) from the jaw's middle to the tip of the nose, in a picture with y down."""
    points = project(np.array([[pitch, yaw, roll]]))[0]
    return points[NOSE_TIP] - points[REGIONS["jaw"]].mean(axis=0)


def test_positive_yaw_turns_the_nose_to_the_pictures_right() -> None:
    assert _nose_from_jaw(0, 20, 0)[0] > 0.05
    assert _nose_from_jaw(0, -20, 0)[0] < -0.05


def test_positive_pitch_looks_down() -> None:
    assert _nose_from_jaw(20, 0, 0)[1] > _nose_from_jaw(0, 0, 0)[1] + 0.05
    assert (rotation_matrix(np.array([20.0, 0, 0])) @ [0, 0, 1])[1] < 0


def test_positive_roll_turns_counterclockwise_in_the_picture() -> None:
    top_of_the_head = _nose_from_jaw(0, 0, 20)  # the nose lies above the jaw's middle
    assert top_of_the_head[0] < -0.03
    assert top_of_the_head[1] < 0


def test_a_profile_that_nods_is_not_turned_in_the_picture() -> None:
    turn, tilt = np.meshgrid([-85.0, -40, 0, 40, 85], [-25.0, 0, 25])
    about_y, about_x = (
        rotation_matrix(np.stack(angles, axis=-1))
        for angles in ((0 * turn, turn, 0 * turn), (tilt, 0 * turn, 0 * turn))
    )
    upright = euler_angles(about_x @ about_y)  # turned about its own axis, then towards the camera or away
    assert np.abs(upright[..., 2]).max() > 75  # of which roll makes this
    np.testing.assert_allclose(in_plane_rotation(upright), 0, atol=1e-9)
    np.testing.assert_allclose(in_plane_rotation(upright + np.array([0, 0, 35])), 35, atol=1e-9)
    assert in_plane_rotation(np.array([0.0, 0, 170])) == pytest.approx(170)


def test_fit_changes_little_where_points_are_noisy() -> None:
    noise = np.random.default_rng(2).normal(0, 0.004, size=(200, 68, 2))  # of the crop's side, as annotators differ
    assert np.abs(fit_pose(project(POSES) + noise) - POSES).mean() < 2


def test_fit_leaves_the_shared_shape_alone() -> None:
    before = MEAN_SHAPE.copy()
    fit_pose(project(POSES))
    np.testing.assert_array_equal(MEAN_SHAPE, before)
