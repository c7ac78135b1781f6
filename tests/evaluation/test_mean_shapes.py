"""Mean shapes: faces of one pose laid on each other, and whether two sets differ by more than chance."""

import numpy as np
import pytest
from stand_in import project

from src.errors import InputError
from src.evaluation.mean_shapes import align, chance_of_gap, in_pose, shapes_in_pose, turn_right
from src.markup import FLIP_PERMUTATION, MEAN_SHAPE


def test_alignment_undoes_any_similarity_map() -> None:
    reference = MEAN_SHAPE[:, :2] * [1, -1]
    angle = np.radians(33)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 7.5 * reference @ turn.T + [100, -30]
    np.testing.assert_allclose(align(moved[None], reference)[0], reference, atol=1e-9)


def test_the_jaw_does_not_steer_the_alignment() -> None:
    reference = MEAN_SHAPE[:, :2] * [1, -1]
    other_jaw = reference.copy()
    other_jaw[:17] += [0, 2]
    shift = align(other_jaw[None], reference)[0] - reference
    np.testing.assert_allclose(shift[17:], 0, atol=1e-9)
    np.testing.assert_allclose(shift[:17], np.broadcast_to([0, 2], (17, 2)), atol=1e-9)


@pytest.mark.parametrize(("yaw", "angles"), [((0, 15), [-5.0, 5.0]), ((40, 60), [50.0, -50.0])])
def test_the_mean_shape_of_mean_faces_is_the_mean_shape_seen_from_there(yaw: tuple, angles: list) -> None:
    euler = np.array([[0, angles[0], 20], [0, angles[1], -35]])
    found = shapes_in_pose(300 * project(euler), euler, yaw=yaw).mean(axis=0)
    middle = 0.0 if yaw[0] == 0 else 50.0
    expected = project(np.array([[0, middle, 0.0]]), side=np.ptp(MEAN_SHAPE[:, 0]))
    assert np.abs(align(found[None], expected[0])[0] - expected[0]).max() < 0.1  # centimeters


def test_a_pose_that_no_face_has_is_refused() -> None:
    euler = np.array([[0.0, 10, 0], [40, 50, 0]])
    assert in_pose(euler, yaw=(0, 15)).tolist() == [True, False]
    with pytest.raises(InputError, match="40 to 60"):
        shapes_in_pose(project(euler), euler, yaw=(40, 60))


def test_a_habit_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    first, second = (MEAN_SHAPE[:, :2] + rng.normal(0, 0.2, (count, 68, 2)) for count in (40, 15))
    gap, by_chance, p = chance_of_gap(first, second)
    assert gap == pytest.approx(np.linalg.norm(first.mean(0) - second.mean(0), axis=1).mean())
    assert p > 0.05
    assert gap < 2 * by_chance
    moved, by_chance, p = chance_of_gap(first, np.add(second, [0.3, 0.0]))
    assert moved > by_chance
    assert p < 0.01


def test_frontal_faces_are_symmetric_and_each_counts_once() -> None:
    euler = np.array([[0.0, 5, 20], [0, -3, 0], [0, 50, 0]])
    shapes = shapes_in_pose(project(euler), euler, yaw=(0, 15))
    assert shapes.shape == (2, 68, 2)
    np.testing.assert_allclose(shapes[:, FLIP_PERMUTATION] * [-1, 1], shapes, atol=1e-9)


def test_turning_right_mirrors_only_faces_that_look_left() -> None:
    euler = np.array([[0.0, 30, 0], [0, -30, 0]])
    points = project(euler, center=(0, 0))
    turned = turn_right(points, euler[:, 1])
    np.testing.assert_allclose(turned[1], turned[0], atol=1e-9)
    np.testing.assert_array_equal(turned[0], points[0])
