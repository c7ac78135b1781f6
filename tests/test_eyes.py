"""The eye aspect ratio, by hand and on faces whose eyes close."""

import numpy as np
import pytest

from src.eyes import CLOSED_BELOW, eye_aspect_ratio, eye_openness
from src.markup import FLIP_PERMUTATION, MEAN_SHAPE

FACE = MEAN_SHAPE[:, :2] * [1, -1]


def test_a_ratio_by_hand() -> None:
    face = np.zeros((68, 2))
    face[36:42] = [(0, 0), (1, -1), (3, -2), (4, 0), (3, 1), (1, 1)]  # heights 2 and 3, width 4
    assert eye_aspect_ratio(face)[0] == pytest.approx((2 + 3) / (2 * 4))
    assert eye_aspect_ratio(face)[1] == 0  # an eye without width


def test_place_size_and_tilt_of_the_face_do_not_matter() -> None:
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    faces = np.stack([FACE, 40 * FACE @ turn + [200, 100]])
    ratios = eye_aspect_ratio(faces)
    np.testing.assert_allclose(ratios[1], ratios[0], atol=1e-9)
    assert ratios[0].min() > CLOSED_BELOW


def test_closing_one_eye_closes_that_eye() -> None:
    face = FACE.copy()
    face[[43, 44]] = face[[47, 46]] + [0, -0.1]
    left, right = eye_aspect_ratio(face)
    assert left == pytest.approx(eye_aspect_ratio(FACE)[0])
    assert right < CLOSED_BELOW < left
    mirrored = (face * [-1, 1])[FLIP_PERMUTATION]
    np.testing.assert_allclose(eye_aspect_ratio(mirrored), [right, left])


def test_the_far_eye_of_a_turned_head_says_nothing() -> None:
    openness = eye_openness(np.stack([FACE] * 3), np.array([-60.0, 0.0, 60.0]))
    np.testing.assert_array_equal(np.isnan(openness), [[True, False], [False, False], [False, True]])
