"""Augmentation: a dot and its point stay together, angles follow, colors stay in range."""

import numpy as np
import pytest
import torch
from stand_in import centroid, distinct_points, gaussian_dot, project, random_euler
from torch import Tensor

from src.augmentation import augment
from src.augmentation.color import jitter_color, shade
from src.augmentation.cover import cover
from src.augmentation.degrade import add_noise, blur
from src.config import AUGMENTATIONS, AugmentationConfig
from src.geometry import apply_affine, crop_affine
from src.markup import FLIP_PERMUTATION, NUM_POINTS
from src.pose import fit_pose
from src.transforms import crop_batch, transform_points, warp

CROP = (0.5, 0.53, 0.9)
SQUARE, SIZE = 192, 112
NONE = AUGMENTATIONS["none"]
GEOMETRY = {
    "none": {},
    "rotation": {"rotation": 30.0},
    "scale": {"scale": 0.3},
    "shift": {"shift": 0.1},
    "flip": {"flip": 1.0},
    "all": {"rotation": 30.0, "scale": 0.2, "shift": 0.05, "flip": 0.5},
}
STRETCHED = {"stretch": {"stretch": 0.2}, "stretched": GEOMETRY["all"] | {"stretch": 0.2}}


def _settings(**changes: float) -> AugmentationConfig:
    return AugmentationConfig(**{**vars(NONE), **changes})


def _augment(squares: Tensor, points_unit: Tensor, euler: Tensor, config: AugmentationConfig, seed: int = 0) -> tuple:
    generator = torch.Generator().manual_seed(seed)
    return augment(squares, points_unit, euler, crop=CROP, size=SIZE, config=config, generator=generator)


def _dots(points_unit: np.ndarray, marked: np.ndarray) -> Tensor:
    """Squares (B, S, S, 3) with a dot at point marked[b] of face b."""
    dots = [
        gaussian_dot((SQUARE, SQUARE), points[i] * SQUARE, 3.0) for points, i in zip(points_unit, marked, strict=True)
    ]
    return torch.from_numpy(np.stack(dots))[..., None].repeat(1, 1, 1, 3)


def _faces(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Squares of noise, points and angles."""
    euler = random_euler(count)
    squares = np.random.default_rng(0).integers(0, 256, (count, SQUARE, SQUARE, 3), dtype=np.uint8)
    return torch.from_numpy(squares), torch.from_numpy(project(euler)).float(), torch.from_numpy(euler).float()


@pytest.mark.parametrize("name", [*GEOMETRY, *STRETCHED])
def test_a_dot_and_its_point_stay_together(name: str) -> None:
    points = distinct_points(NUM_POINTS)
    marked = np.arange(NUM_POINTS)
    images, points_input, _ = _augment(
        _dots(points, marked),
        torch.from_numpy(points).float(),
        torch.zeros(NUM_POINTS, 3),
        _settings(**(GEOMETRY | STRETCHED)[name]),
    )
    for face, image in enumerate(images[:, 0].numpy()):
        found = centroid(image)
        expected = points_input[face].numpy() * SIZE
        together = np.linalg.norm(expected - found, axis=1).argmin()
        assert together in (face, FLIP_PERMUTATION[face])
        assert np.abs(expected[together] - found).max() < 0.1


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_only_a_mirrored_face_has_its_points_renamed(flip: float) -> None:
    points = distinct_points(NUM_POINTS)
    marked = np.arange(NUM_POINTS)
    images, points_input, _ = _augment(
        _dots(points, marked), torch.from_numpy(points).float(), torch.zeros(NUM_POINTS, 3), _settings(flip=flip)
    )
    for face, image in enumerate(images[:, 0].numpy()):
        index = FLIP_PERMUTATION[face] if flip else face
        assert np.abs(points_input[face, index].numpy() * SIZE - centroid(image)).max() < 0.1


def test_warp_moves_dots_with_any_affine() -> None:
    points = distinct_points(4)
    affine = torch.tensor(
        [
            [[1.3, 0.2, -0.3], [-0.1, 0.9, 0.1]],
            [[-1, 0, 1], [0, 1, 0]],
            [[0, 1, 0], [-1, 0, 1]],
            [[2.0, 0, -0.5], [0, 2, -0.5]],
        ]
    )
    images = warp(_dots(points, np.arange(4)), affine, SIZE)
    moved = transform_points(affine, torch.from_numpy(points).float()).numpy() * SIZE
    for face, image in enumerate(images[:, 2].numpy()):
        assert np.abs(centroid(image) - moved[face, face]).max() < 0.1


def test_warp_by_the_identity_changes_nothing() -> None:
    squares, _, _ = _faces(2)
    images = warp(squares, torch.eye(2, 3).expand(2, 2, 3), SQUARE)
    torch.testing.assert_close(images, squares.permute(0, 3, 1, 2) / 255, atol=1e-4, rtol=0)


def test_flip_twice_is_the_identity() -> None:
    points = torch.from_numpy(distinct_points(3)).float()
    squares = torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8)
    euler = torch.from_numpy(random_euler(3)).float()
    whole = {"crop": (0.5, 0.5, 1.0), "size": SIZE, "config": _settings(flip=1.0)}
    once, points_once, euler_once = augment(squares, points, euler, **whole, generator=torch.Generator())
    again = (once.permute(0, 2, 3, 1) * 255).round().byte()
    twice, points_twice, euler_twice = augment(again, points_once, euler_once, **whole, generator=torch.Generator())
    torch.testing.assert_close(once.flip(-1), squares.permute(0, 3, 1, 2) / 255, atol=1e-4, rtol=0)
    torch.testing.assert_close(twice, squares.permute(0, 3, 1, 2) / 255, atol=1e-4, rtol=0)
    torch.testing.assert_close(points_twice, points, atol=1e-6, rtol=0)
    torch.testing.assert_close(euler_twice, euler)


def test_without_augmentation_training_sees_what_validation_sees() -> None:
    squares, points_unit, euler = _faces(4)
    images, points_input, euler_seen = _augment(squares, points_unit, euler, NONE)
    torch.testing.assert_close(images, crop_batch(squares, CROP, SIZE), atol=1e-5, rtol=0)
    expected = apply_affine(crop_affine(CROP), points_unit.numpy())
    np.testing.assert_allclose(points_input.numpy(), expected, atol=1e-6)
    torch.testing.assert_close(euler_seen, euler)


@pytest.mark.parametrize("name", GEOMETRY)
def test_angles_after_augmentation_are_those_of_the_points(name: str) -> None:
    squares, points_unit, euler = _faces(200)
    squares = torch.zeros(200, 8, 8, 3, dtype=torch.uint8)
    _, points_input, euler_seen = _augment(squares, points_unit, euler, _settings(**GEOMETRY[name]))
    np.testing.assert_allclose(fit_pose(points_input.numpy()), euler_seen.numpy(), atol=1e-2)


def test_random_geometry_stays_within_its_ranges() -> None:
    squares, points_unit = torch.zeros(500, 8, 8, 3, dtype=torch.uint8), torch.from_numpy(project(np.zeros((500, 3))))
    _, points_input, euler = _augment(
        squares, points_unit.float(), torch.zeros(500, 3), _settings(rotation=30.0, scale=0.15)
    )
    size = np.ptp(points_input.numpy()[:, [0, 16]], axis=1)
    width = (
        np.linalg.norm(size, axis=1) * CROP[2] / np.linalg.norm(np.ptp(project(np.zeros((1, 3)))[0, [0, 16]], axis=0))
    )
    assert 0.8 < np.exp(-0.15) - 1e-3 < width.min() < 0.9
    assert 1.1 < width.max() < np.exp(0.15) + 1e-3
    assert -30 < euler[:, 2].min() < -28
    assert 28 < euler[:, 2].max() < 30


def test_a_stretched_face_keeps_its_area_and_its_place() -> None:
    points_unit = torch.from_numpy(project(np.zeros((500, 3)))).float()
    squares = torch.zeros(500, 8, 8, 3, dtype=torch.uint8)
    _, points_input, _ = _augment(squares, points_unit, torch.zeros(500, 3), _settings(stretch=0.2))
    plain = torch.from_numpy(apply_affine(crop_affine(CROP), points_unit[0].numpy())).float()
    middle = (plain.amin(0) + plain.amax(0)) / 2
    linear = torch.linalg.lstsq((plain - middle).expand(500, -1, -1), points_input - middle).solution  # (500, 2, 2)
    torch.testing.assert_close(torch.linalg.det(linear), torch.ones(500), atol=1e-3, rtol=0)
    longest = torch.linalg.matrix_norm(linear, 2).log()
    assert 0 <= longest.min() < 0.01
    assert 0.19 < longest.max() < 0.2 + 1e-3
    assert (linear[:, 0, 0] > 1).float().mean().item() == pytest.approx(0.5, abs=0.1)  # wider as often as narrower


def test_light_falls_from_every_side() -> None:
    images = torch.full((400, 3, 16, 16), 0.4)
    lit = shade(images, _settings(shade=1.0), torch.Generator().manual_seed(0))
    torch.testing.assert_close(lit.flatten(2).log().mean(-1), images.flatten(2).log().mean(-1), atol=1e-4, rtol=0)
    across = (lit[:, 0, 0, -1] / lit[:, 0, 0, 0]).log()
    assert across.min() < -0.6
    assert across.max() > 0.6
    assert torch.equal(shade(images, NONE, torch.Generator()), images)


def test_flip_mirrors_about_its_share_of_the_faces() -> None:
    squares = torch.zeros(1000, 8, 8, 3, dtype=torch.uint8)
    euler = torch.tensor([[0.0, 10, 0]]).expand(1000, 3)
    _, _, seen = _augment(squares, torch.rand(1000, 68, 2), euler, _settings(flip=0.3))
    assert (seen[:, 1] < 0).float().mean().item() == pytest.approx(0.3, abs=0.05)


def test_random_numbers_come_from_the_generator_alone() -> None:
    faces = _faces(4)
    first = _augment(*faces, AugmentationConfig(), seed=3)
    torch.rand(100)
    again = _augment(*faces, AugmentationConfig(), seed=3)
    other = _augment(*faces, AugmentationConfig(), seed=4)
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one, same)
    assert not torch.equal(first[1], other[1])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_named_augmentation_gives_pictures_in_range_and_leaves_its_input(name: str) -> None:
    faces = _faces(16)
    before = [value.clone() for value in faces]
    images, points_input, euler = _augment(*faces, AugmentationConfig.named(name))
    assert images.shape == (16, 3, SIZE, SIZE)
    assert images.min() >= 0
    assert images.max() <= 1
    assert points_input.shape == (16, 68, 2)
    assert euler.shape == (16, 3)
    assert all(torch.equal(value, old) for value, old in zip(faces, before, strict=True))


def _pictures(count: int = 64) -> Tensor:
    return torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def test_color_without_ranges_changes_nothing() -> None:
    torch.testing.assert_close(jitter_color(_pictures(), NONE, torch.Generator()), _pictures(), atol=1e-5, rtol=0)


def test_gray_removes_color_and_keeps_brightness() -> None:
    gray = jitter_color(_pictures(), _settings(gray=1.0), torch.Generator())
    luma = (_pictures() * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    torch.testing.assert_close(gray, luma.expand(-1, 3, -1, -1), atol=1e-5, rtol=0)


def test_hue_and_saturation_leave_gray_pictures_alone() -> None:
    gray = _pictures()[:, :1].expand(-1, 3, -1, -1)
    changed = jitter_color(gray, _settings(hue=90.0, saturation=0.9), torch.Generator())
    torch.testing.assert_close(changed, gray, atol=1e-5, rtol=0)


def test_contrast_keeps_the_mean_and_brightness_scales_it() -> None:
    mild = 0.5 + 0.2 * (_pictures() - 0.5)
    contrast = jitter_color(mild, _settings(contrast=0.5), torch.Generator())
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(contrast.mean((2, 3)) @ luma, mild.mean((2, 3)) @ luma, atol=1e-4, rtol=0)
    assert not torch.allclose(contrast, mild, atol=1e-2)
    ratio = jitter_color(mild, _settings(brightness=0.3), torch.Generator()) / mild
    assert ratio.std(dim=(1, 2, 3)).max() < 1e-4
    assert 0.7 <= ratio.min() < 0.75
    assert 1.25 < ratio.max() <= 1.3 + 1e-5


def test_channel_shift_moves_each_channel_by_its_own_amount() -> None:
    images = torch.full((50, 3, 4, 4), 0.5)
    shifted = jitter_color(images, _settings(channel_shift=0.1), torch.Generator().manual_seed(0)) - 0.5
    assert torch.allclose(shifted, shifted[..., :1, :1].expand_as(shifted), atol=1e-6)  # the same at every pixel
    amounts = shifted[:, :, 0, 0]
    assert 0.09 < amounts.abs().max() <= 0.1 + 1e-6
    assert amounts.std(dim=1).min() > 1e-3


def test_blur_keeps_flat_pictures_and_smooths_others() -> None:
    settings = _settings(blur=1.0, blur_sigma=1.5)
    flat = torch.full((4, 3, 24, 24), 0.3)
    torch.testing.assert_close(blur(flat, settings, torch.Generator()), flat)
    blurred = blur(_pictures(), settings, torch.Generator())
    assert (blurred.var(dim=(1, 2, 3)) < _pictures().var(dim=(1, 2, 3))).all()


def test_blur_does_not_move_a_dot() -> None:
    dot = torch.from_numpy(gaussian_dot((64, 64), (30.3, 22.8), 3.0)).float().div(255).expand(8, 3, 64, 64)
    for image in blur(dot, _settings(blur=1.0), torch.Generator())[:, 0].numpy():
        assert np.abs(centroid(image) - [30.3, 22.8]).max() < 0.1


def test_damage_falls_on_its_share_of_the_faces() -> None:
    gray = torch.full((600, 3, 24, 24), 0.5)
    gray[::2] = 0.4  # a rectangle may show the neighbor's picture
    for function, settings in (
        (add_noise, _settings(noise=0.2)),
        (cover, _settings(erasing=0.2, erasing_side=0.9)),
        (cover, _settings(border=0.05, border_width=0.9)),  # for each of four sides
    ):
        changed = (function(gray, settings, torch.Generator().manual_seed(0)) != gray).flatten(1).any(1).float().mean()
        assert 0.12 < changed.item() < 0.25  # a rectangle thinner than a pixel shows nothing


def test_borders_are_black_bars_at_each_of_the_four_sides() -> None:
    settings = _settings(border=0.5, border_width=0.3)
    covered = cover(torch.ones(200, 3, 24, 24), settings, torch.Generator().manual_seed(0))
    assert set(covered.unique().tolist()) == {0.0, 1.0}
    black = covered[:, 0] == 0
    bars = torch.stack([black[:, 0].all(1), black[:, -1].all(1), black[:, :, 0].all(1), black[:, :, -1].all(1)])
    assert ((bars.float().mean(1) > 0.3) & (bars.float().mean(1) < 0.6)).all()
    assert bars.all(0).any()  # the sides are drawn one by one
    assert not black[:, 8:16, 8:16].any()  # 0.3 of 24 pixels from each side


def test_a_textured_rectangle_shows_another_picture_of_the_batch() -> None:
    levels = torch.linspace(0.1, 0.9, 64)[:, None, None, None].expand(64, 3, 24, 24)
    settings = _settings(erasing=1.0, erasing_side=0.9, erasing_texture=1.0)
    covered = cover(levels, settings, torch.Generator().manual_seed(0))
    for face, level, neighbor in zip(covered, levels, levels.roll(1, 0), strict=True):
        assert set(face.unique().tolist()) <= {level[0, 0, 0].item(), neighbor[0, 0, 0].item()}
    assert (covered != levels).flatten(1).any(1).float().mean() > 0.8
