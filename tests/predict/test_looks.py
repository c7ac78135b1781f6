"""Looks from closer by: where the upright, larger squares show a face, and what comes back from them."""

import numpy as np
import pytest
import torch
from stand_in import gaussian_dot
from torch import Tensor

from src.boxes import box_of_points
from src.errors import InputError
from src.geometry import apply_affine
from src.markup import FLIP_PERMUTATION, MEAN_SHAPE, NUM_POINTS
from src.pose import fit_pose, in_plane_rotation, rotation_matrix
from src.predict.looks import combine, look, look_mirrored, look_tilted, upright_affine, warp_upright

SECOND_LOOK = (0.5, 0.53, 0.63, 0.7)


def _face(*, euler: tuple[float, float, float] = (0, 0, 0), size: float = 0.04, center: float = 0.5) -> np.ndarray:
    """The mean face in the unit square, (1, 68, 2)."""
    turned = MEAN_SHAPE @ rotation_matrix(np.array(euler)).T
    return (center + size * (turned[:, :2] - turned[:, :2].mean(axis=0)) * [1, -1])[None]


def _black(count: int = 1) -> Tensor:
    return torch.zeros(count, 64, 64, 3, dtype=torch.uint8)


@pytest.mark.parametrize("euler", [(0, 0, 0), (5, 0, 40), (-10, 30, -55), (0, 80, 70), (0, -60, -20)])
def test_a_face_is_shown_upright_in_its_place_at_its_size(euler: tuple[float, float, float]) -> None:
    points_unit = _face(euler=euler, size=0.03, center=0.45)
    seen = apply_affine(upright_affine(points_unit, SECOND_LOOK), points_unit)
    pose = fit_pose(seen)[0]
    np.testing.assert_allclose([*pose[:2], in_plane_rotation(pose)], [*fit_pose(points_unit)[0, :2], 0], atol=1e-6)
    left, top, right, bottom = box_of_points(seen)[0]
    assert np.sqrt((right - left) * (bottom - top)) == pytest.approx(SECOND_LOOK[2], abs=1e-9)
    np.testing.assert_allclose([(left + right) / 2, (top + bottom) / 2], SECOND_LOOK[:2], atol=1e-9)


def test_a_point_stays_on_its_pixel() -> None:
    """A dot of the picture lies where the map puts it, within a tenth of a pixel."""
    place = np.array([0.47, 0.55])
    dot = gaussian_dot((192, 192), tuple(192 * place), 3.0)
    squares = torch.from_numpy(dot)[None, ..., None].repeat(1, 1, 1, 3)
    closer, affine = warp_upright(squares, _face(euler=(0, 20, 33)), SECOND_LOOK)
    brightness = closer[0, :, :, 0].double().numpy()
    ticks = (np.arange(192) + 0.5) / 192
    found = np.array([brightness.sum(0) @ ticks, brightness.sum(1) @ ticks]) / brightness.sum()
    np.testing.assert_allclose(found, apply_affine(affine, place[None, None])[0, 0], atol=0.1 / 192)


def test_points_that_are_no_face_are_not_enlarged_without_limit() -> None:
    affine = upright_affine(np.full((2, NUM_POINTS, 2), 0.4), SECOND_LOOK)
    assert np.isfinite(affine).all()
    assert np.abs(affine[:, :, :2]).max() < 10


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_network_that_is_always_right_stays_right(looks: int) -> None:
    """Its answers are the true points in whatever frame it is asked: so is each of its looks."""
    truth = np.concatenate([_face(euler=(3, 25, -35)), _face(euler=(0, -70, 15), size=0.03)])
    mirror = np.array([[-1.0, 0, 1], [0, 1, 0]])
    closer = apply_affine(upright_affine(truth, SECOND_LOOK), truth)
    answers = iter([truth, apply_affine(mirror, closer)[:, FLIP_PERMUTATION], closer])
    asked = []

    def predict(squares: Tensor) -> np.ndarray:
        asked.append(squares)
        return next(answers)

    np.testing.assert_allclose(
        look(predict, _black(2), looks, second_look=SECOND_LOOK), np.stack([truth] * looks), atol=1e-9
    )
    assert len(asked) == looks


def test_a_mirrored_look_gives_points_of_the_picture_as_it_is() -> None:
    points_unit = _face(euler=(0, 30, 10))
    seen = []

    def predict(squares: Tensor) -> np.ndarray:
        seen.append(squares)
        return points_unit

    squares = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = look_mirrored(predict, squares)
    assert torch.equal(seen[0].flip(2), squares)
    np.testing.assert_allclose(found[0, FLIP_PERMUTATION] * [-1, 1] + [1, 0], points_unit[0])


def test_a_tilted_look_tells_a_face_from_an_imagined_one() -> None:
    """A network that sees what is there gives the same points; one that always sees an upright face does not."""
    truth = _face(euler=(3, 25, -35))
    closer = apply_affine(upright_affine(truth, SECOND_LOOK), truth)
    middle, cos, sin = np.array(SECOND_LOOK[:2]), np.cos(np.pi / 6), np.sin(np.pi / 6)
    tilted = (closer - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle  # clockwise, as y points down
    np.testing.assert_allclose(look_tilted(lambda _: tilted, _black(), truth, SECOND_LOOK), truth, atol=1e-9)
    imagined = look_tilted(lambda _: closer, _black(), truth, SECOND_LOOK)
    assert np.linalg.norm(imagined - truth, axis=-1).mean() > 0.03


@pytest.mark.parametrize(("looks", "points", "words"), [(0, 68, "1 to 3"), (4, 68, "1 to 3"), (2, 12, "68 or 51")])
def test_what_cannot_be_looked_at_is_refused(looks: int, points: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        look(lambda squares: np.zeros((len(squares), points, 2)), _black(), looks)


def test_looks_are_weighed() -> None:
    first, second, third = np.random.default_rng(0).random((3, 2, 68, 2))
    np.testing.assert_allclose(combine([first], SECOND_LOOK), first)
    np.testing.assert_allclose(combine([first, second], SECOND_LOOK), 0.3 * first + 0.7 * second)
    found = combine([first, second, third], SECOND_LOOK)
    np.testing.assert_allclose(found, (0.3 * first + 0.7 * second + 0.7 * third) / 1.7)
