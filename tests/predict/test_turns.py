"""Views: what is cut is where the map says, turned faces lie where upright ones would, and doubt alone turns."""

import numpy as np
import pytest
from PIL import Image
from stand_in import centroid, gaussian_dot, project

from src.boxes import KINDS, box_of_points, crop_of_box
from src.geometry import apply_affine
from src.predict.turns import affine_of_view, cut_view, is_better, turned, view_of_box, view_of_points

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


@pytest.mark.parametrize("kind", KINDS.values())
def test_upright_views_are_the_crops_of_their_boxes(kind: object) -> None:
    boxes = box_of_points(project(np.zeros((2, 3))) * [[[200]], [[90]]])
    left, top, side = crop_of_box(boxes, kind).T
    expected = np.stack([left + side / 2, top + side / 2, side, np.zeros(2)], axis=1)
    np.testing.assert_allclose(view_of_box(boxes, kind), expected)


def test_a_box_that_lies_is_turned_about_its_middle() -> None:
    view = view_of_box(np.array([[100.0, 100.0, 140.0, 140.0]]), KINDS["landmarks"], np.array([90.0]))
    middle = apply_affine(affine_of_view(view), np.full((1, 1, 2), 120.0))
    np.testing.assert_allclose(middle[0, 0], KINDS["landmarks"].center)


def test_a_turn_must_be_clearly_better_and_believable() -> None:
    turned, first = np.array([0.7, 0.9, 1.5, 1.6, 3.2, 3.4]), np.array([1.0, 1.0, 2.1, 2.1, 10.0, 10.0])
    assert list(is_better(turned, first)) == [True, False] * 3
