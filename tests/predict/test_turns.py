"""Views: what is cut is where the map says, turned faces lie where upright ones would, and disagreement alone turns."""

import numpy as np
import pytest
from PIL import Image
from stand_in import centroid, gaussian_dot, project

from src.boxes import KINDS
from src.geometry import apply_affine
from src.predict.turns import affine_of_view, best_quarter, cut_view, doubt, turned, view_of_box, view_of_points

ROLLS = [0, 90, 180, 270, 35, -50]


@pytest.mark.parametrize("roll", ROLLS)
def test_a_dot_is_cut_where_the_map_says(roll: float) -> None:
    place = (140.0, 90.0)
    picture = Image.fromarray(gaussian_dot((300, 200), place, 4)).convert("RGB")
    view = np.array([150.0, 100.0, 160.0, roll])
    expected = apply_affine(affine_of_view(view), np.array([place]))[0] * 192
    np.testing.assert_allclose(centroid(cut_view(picture, view, 192)[..., 0]), expected, atol=0.3)


@pytest.mark.parametrize("roll", ROLLS)
def test_a_turned_face_lies_in_its_view_as_an_upright_one(roll: float) -> None:
    upright = project(np.array([[5.0, 20.0, 0.0]]))[0] * 200
    lying = turned(upright, -roll) + 300
    expected = apply_affine(affine_of_view(view_of_points(upright, KINDS["landmarks"])), upright)
    view = view_of_points(lying, KINDS["landmarks"], roll)
    np.testing.assert_allclose(apply_affine(affine_of_view(view), lying), expected, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_box_lies_in_its_view_where_its_kind_says(kind: object) -> None:
    boxes = np.array([[100.0, 50.0, 180.0, 170.0], [-20.0, 30.0, 60.0, 90.0]])
    unit = apply_affine(affine_of_view(view_of_box(boxes, kind)), boxes.reshape(2, 2, 2))
    np.testing.assert_allclose(unit.mean(axis=1), np.tile(kind.center, (2, 1)), atol=1e-12)
    np.testing.assert_allclose(np.sqrt((unit[:, 1] - unit[:, 0]).prod(axis=1)), kind.share, atol=1e-12)


def test_both_kinds_of_box_around_one_face_give_nearly_one_view() -> None:
    points_box = np.array([100.0, 100.0, 200.0, 200.0])
    detector_box = np.array([97.5, 60.0, 202.5, 200.0])  # 1.05 times as wide, 1.4 times as high, the same chin
    first, second = view_of_box(points_box, KINDS["landmarks"]), view_of_box(detector_box, KINDS["detector"])
    np.testing.assert_allclose(first, second, atol=0.02 * first[2])


def test_a_box_that_lies_is_turned_about_its_middle() -> None:
    view = view_of_box(np.array([[100.0, 100.0, 140.0, 140.0]]), KINDS["landmarks"], np.array([90.0]))
    middle = apply_affine(affine_of_view(view), np.full((1, 1, 2), 120.0))
    np.testing.assert_allclose(middle[0, 0], KINDS["landmarks"].center)


def test_a_doubt_is_small_where_looks_agree_and_a_view_beside_shows_the_same() -> None:
    places = np.array([[10.0, 60.0], [90.0, 10.0], [91.0, 11.0], [91.0, 30.0]])  # in which the second and third agree
    points_image = np.repeat(places[:, None, None], 68, axis=2)  # (4, 1, 68, 2)
    alike = doubt(np.full((4, 1), 2.0), points_image, np.array([200.0]))[:, 0]
    assert alike[1] == pytest.approx(alike[2])
    assert alike[2] < alike[3] < alike[0]
    np.testing.assert_allclose(alike[1], 0.8 * 2**0.9 * (100 * np.sqrt(2) / 200) ** 0.1)
    surer = doubt(np.array([[2.0], [2.0], [1.0], [2.0]]), points_image, np.array([200.0]))[:, 0]
    assert surer[2] < surer[1] == alike[1]


def test_the_first_view_and_the_last_lie_beside_each_other() -> None:
    places = np.array([0.0, 50.0, 90.0, 1.0])
    points_image = np.tile(places[:, None, None, None], (1, 1, 68, 2))
    doubts = doubt(np.ones((4, 1)), points_image, np.array([100.0]))[:, 0]
    assert doubts[0] == pytest.approx(doubts[3])
    assert doubts[0] < min(doubts[1], doubts[2])


def test_a_turn_must_be_clearly_better_and_believable() -> None:
    first = np.array([1.0, 1.0, 4.0, 4.0, 9.0])
    turned = [[0.8, 2.0, 3.5, 2.0, 4.1], [2.0, 0.7, 3.1, 1.0, 9.0], [2.0, 2.0, 9.0, 1.5, 9.0]]
    assert best_quarter(np.array([first, *turned])).tolist() == [0, 2, 0, 2, 0]
