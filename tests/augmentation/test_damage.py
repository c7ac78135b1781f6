"""Damage and covers: what each kind does to a face, in range, at its place, and drawn from the generator alone."""

import numpy as np
import pytest
import torch
from stand_in import project
from torch import Tensor

from src.augmentation.cover import WORN, medical_mask, sheet, sunglasses, wear
from src.augmentation.degrade import DEGRADATIONS, change_gamma, degrade, downsample, jpeg_blocks, motion_blur

SIZE = 112


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _images(count: int = 3) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=_generator())


def _points(*yaw: float) -> Tensor:
    """points_input of upright faces, (N, 68, 2)."""
    return torch.from_numpy(project(np.array([(0.0, angle, 0.0) for angle in yaw]), side=0.6)).float()


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_a_worse_picture_is_still_a_picture(kind: object) -> None:
    images = _images()
    worse = kind(images.clone(), _generator())
    assert worse.shape == images.shape
    assert worse.isfinite().all()
    assert worse.min() >= 0
    assert worse.max() <= 1 + 1e-5
    assert (worse - images).abs().mean() > 0.01
    assert torch.equal(worse, kind(images.clone(), _generator()))


@pytest.mark.parametrize("kind", [motion_blur, downsample, jpeg_blocks])
def test_blur_and_compression_keep_an_even_picture(kind: object) -> None:
    gray = torch.full((2, 3, SIZE, SIZE), 0.5)
    torch.testing.assert_close(kind(gray, _generator()), gray, atol=1e-4, rtol=0)


def test_darkness_keeps_black_and_white() -> None:
    ends = torch.tensor([0.0, 1.0]).expand(2, 3, 8, 2)
    torch.testing.assert_close(change_gamma(ends, _generator()), ends, atol=1e-2, rtol=0)


def test_motion_does_not_move_a_dot() -> None:
    image = torch.zeros(20, 3, 41, 41)
    image[:, :, 20, 20] = 1
    ticks = torch.arange(41) + 0.5
    blurred = motion_blur(image, _generator())[:, 0]
    np.testing.assert_allclose((blurred.sum(1) @ ticks).numpy(), 20.5, atol=1e-3)
    np.testing.assert_allclose((blurred.sum(2) @ ticks).numpy(), 20.5, atol=1e-3)


@pytest.mark.parametrize("size", [80, 112, 113])
def test_compression_takes_pictures_that_are_no_whole_blocks(size: int) -> None:
    assert jpeg_blocks(torch.rand(1, 3, size, size), _generator()).shape == (1, 3, size, size)


def _covers(mask: Tensor, points: Tensor) -> Tensor:
    """(N, K) whether a mask (N, 1, R, R) covers points (N, K, 2)."""
    cells = (points * SIZE).long().clamp(0, SIZE - 1)
    return torch.stack([one[0, cell[:, 1], cell[:, 0]] for one, cell in zip(mask, cells, strict=True)]) > 0


@pytest.mark.parametrize("yaw", [0.0, 40.0, -60.0])
def test_a_medical_mask_hides_mouth_and_nose_and_leaves_the_eyes(yaw: float) -> None:
    points = _points(yaw)
    hidden = _covers(medical_mask(points, SIZE, _generator()), points)[0]
    assert hidden[48:68].all()  # mouth
    assert hidden[30]  # tip of the nose
    assert not hidden[17:27].any()  # brows


def test_sunglasses_hide_the_eyes_alone() -> None:
    points = _points(0.0, 20.0, -20.0)
    hidden = _covers(sunglasses(points, SIZE, _generator()), points)
    assert hidden[:, 36:48].all()
    assert not hidden[:, 48:68].any()
    assert not hidden[:, 5:12].any()


def test_a_sheet_hides_the_lower_or_the_upper_face() -> None:
    points = _points(*[0.0] * 40)
    hidden = _covers(sheet(points, SIZE, _generator()), points)
    lower, upper = hidden[:, 57], hidden[:, [19, 24]].all(dim=1)
    assert (lower != upper).all()
    assert 20 <= lower.sum() <= 36


def test_a_share_of_the_faces_is_touched() -> None:
    images, points = _images(400), _points(*[0.0] * 400)
    for changed, kinds in (
        (degrade(images, 0.1, _generator()), DEGRADATIONS),
        (wear(images, points, 0.1, _generator()), WORN),
    ):
        share = ((changed - images).abs().amax(dim=(1, 2, 3)) > 0).float().mean()
        assert share == pytest.approx(1 - 0.9 ** len(kinds), abs=0.07)


def test_faces_without_a_jaw_wear_nothing() -> None:
    images = _images()
    assert torch.equal(wear(images, _points(0.0, 0.0, 0.0)[:, 17:], 1.0, _generator()), images)
