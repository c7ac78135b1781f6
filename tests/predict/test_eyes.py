"""The eye aspect ratio, by hand and on faces whose eyes close."""

import math

import numpy as np
import pytest

from src.markup import FLIP_PERMUTATION, MEAN_SHAPE, select_points
from src.predict.eyes import CLOSED_BELOW, best_threshold, detection_rates, eye_aspect_ratio, eye_openness, roc_auc

FACE = MEAN_SHAPE[:, :2] * [1, -1]
OPENNESS = np.array([[0.1, 0.15], [0.3, np.nan], [0.25, 0.12], [0.4, 0.35]])
IS_CLOSED = np.array([[True, True], [False, True], [False, False], [False, False]])


def test_a_ratio_by_hand() -> None:
    face = np.zeros((68, 2))
    face[36:42] = [(0, 0), (1, -1), (3, -2), (4, 0), (3, 1), (1, 1)]  # heights 2 and 3, width 4
    assert eye_aspect_ratio(face)[0] == pytest.approx((2 + 3) / (2 * 4))
    assert eye_aspect_ratio(face)[1] == 0  # an eye without width


@pytest.mark.parametrize("count", [51, 12])
def test_fewer_points_have_the_same_ratios(count: int) -> None:
    np.testing.assert_array_equal(eye_aspect_ratio(select_points(FACE, count)), eye_aspect_ratio(FACE))


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


def test_rates_count_seen_eyes_alone() -> None:
    assert detection_rates(OPENNESS, IS_CLOSED, 0.2) == (1.0, 0.2)
    assert detection_rates(OPENNESS, IS_CLOSED, 0.1) == (0.5, 0.0)
    found, false = detection_rates(OPENNESS, np.zeros_like(IS_CLOSED), 0.2)
    assert math.isnan(found)
    assert false == pytest.approx(3 / 7)


def test_the_best_threshold_parts_the_eyes() -> None:
    assert best_threshold(OPENNESS, IS_CLOSED) == 0.15
    assert math.isnan(best_threshold(OPENNESS, np.zeros_like(IS_CLOSED)))


def test_the_area_under_the_roc_is_the_share_of_pairs_in_order() -> None:
    seen = np.isfinite(OPENNESS)
    closed, opened = OPENNESS[seen & IS_CLOSED], OPENNESS[seen & ~IS_CLOSED]  # 2 and 5 eyes
    in_order = (closed[:, None] < opened).mean() + 0.5 * (closed[:, None] == opened).mean()
    assert roc_auc(OPENNESS, IS_CLOSED) == pytest.approx(in_order)
    assert roc_auc(-OPENNESS, IS_CLOSED) == pytest.approx(1 - in_order)
    assert roc_auc(np.ones_like(OPENNESS), IS_CLOSED) == pytest.approx(0.5)
    assert math.isnan(roc_auc(OPENNESS, np.zeros_like(IS_CLOSED)))
