"""Frames are circles: there and back again within 1e-4."""

import numpy as np
import pytest

from src.geometry import apply_affine, compose_affine, crop_affine, invert_affine, letterbox

SIZES = [(384, 384), (450, 450), (101, 57), (57, 101), (1920, 1080), (17, 4000), (333, 334)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letterbox_and_its_inverse_are_a_circle(width: int, height: int) -> None:
    points = np.random.default_rng(0).uniform(0, 1, (50, 2)) * [width, height]
    _, affine = letterbox(width, height, 192)
    np.testing.assert_allclose(apply_affine(invert_affine(affine), apply_affine(affine, points)), points, atol=1e-4)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letterbox_maps_the_pictures_corners_to_its_boxs_corners(width: int, height: int) -> None:
    (left, top, box_width, box_height), affine = letterbox(width, height, 192)
    corners = apply_affine(affine, np.array([[0, 0], [width, height]])) * 192
    np.testing.assert_allclose(corners, [[left, top], [left + box_width, top + box_height]], atol=1e-9)
    assert max(box_width, box_height) == 192
    assert abs(left - (192 - box_width - left)) <= 1
    assert abs(top - (192 - box_height - top)) <= 1


def test_letterbox_stretches_by_no_more_than_its_rounding_to_pixels() -> None:
    (_, _, box_width, box_height), _ = letterbox(1000, 777, 192)
    assert abs(box_height - 0.777 * box_width) <= 0.5


def test_crop_maps_its_corners_to_the_input_frames_corners() -> None:
    affine = crop_affine((0.5, 0.53, 0.9))
    corners = apply_affine(affine, np.array([[0.05, 0.08], [0.95, 0.98], [0.5, 0.53]]))
    np.testing.assert_allclose(corners, [[0, 0], [1, 1], [0.5, 0.5]], atol=1e-12)


def test_compose_applies_the_first_map_first() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 5, 2, 3))
    points = generator.normal(size=(5, 68, 2))
    expected = apply_affine(second, apply_affine(first, points))
    np.testing.assert_allclose(apply_affine(compose_affine(second, first), points), expected, atol=1e-9)


def test_a_map_composed_with_its_inverse_is_the_identity() -> None:
    affine = np.random.default_rng(0).normal(size=(20, 2, 3))
    identity = np.broadcast_to(np.eye(2, 3), affine.shape)
    np.testing.assert_allclose(compose_affine(affine, invert_affine(affine)), identity, atol=1e-4)


def test_source_to_input_frame_and_back_is_a_circle() -> None:
    _, affine = letterbox(517, 389, 192)
    to_input = compose_affine(crop_affine((0.5, 0.53, 0.9)), affine)
    points = np.random.default_rng(0).uniform(0, 389, (3, 68, 2))
    np.testing.assert_allclose(apply_affine(invert_affine(to_input), apply_affine(to_input, points)), points, atol=1e-4)
