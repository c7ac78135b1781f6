"""Training faces as a second look shows them: where prediction's own second look would put the same face."""

import numpy as np
import pytest
import torch
from stand_in import centroid, gaussian_dot, project, random_euler

from src.augmentation import augment, geometry
from src.config import AUGMENTATIONS, AugmentationConfig
from src.geometry import apply_affine, crop_affine
from src.markup import FLIP_PERMUTATION
from src.pose import fit_pose, in_plane_rotation
from src.predict.looks import upright_affine

CROP, SECOND_LOOK = (0.5, 0.53, 0.9), (0.5, 0.55, 0.63, 0.7)
SIZE = 112


def _seen(flip: float, count: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """points_unit, then what augmentation makes of a face with a dot at point 30: images, points_input, euler."""
    points_unit = project(random_euler(count))
    euler = fit_pose(points_unit)
    squares = np.stack([gaussian_dot((192, 192), points[30] * 192, 3.0) for points in points_unit])
    images, points_input, angles = augment(
        torch.from_numpy(squares)[..., None].repeat(1, 1, 1, 3),
        torch.from_numpy(points_unit).float(),
        torch.from_numpy(euler).float(),
        crop=CROP,
        size=SIZE,
        config=AugmentationConfig(**vars(AUGMENTATIONS["none"]) | {"second_looks": 1.0, "flip": flip}),
        generator=torch.Generator().manual_seed(0),
        second_look=SECOND_LOOK,
    )
    return points_unit, images.numpy(), points_input.numpy(), angles.numpy()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_points_stay_on_their_pixels_and_angles_follow(flip: float) -> None:
    _, images, points_input, angles = _seen(flip)
    for image, points in zip(images, points_input, strict=True):
        np.testing.assert_allclose(centroid(image[0]), points[30] * SIZE, atol=0.1)
    np.testing.assert_allclose(fit_pose(points_input), angles, atol=0.05)


def test_without_errors_of_a_first_look_it_is_predictions_own_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_TILT", "_SHIFT", "_SCALE"):
        monkeypatch.setattr(geometry, name, 0.0)
    points_unit, _, points_input, _ = _seen(0.0)
    expected = apply_affine(crop_affine(CROP), apply_affine(upright_affine(points_unit, SECOND_LOOK), points_unit))
    np.testing.assert_allclose(points_input, expected, atol=1e-4)
    _, _, mirrored, _ = _seen(1.0)
    np.testing.assert_allclose(mirrored[:, FLIP_PERMUTATION] * [-1, 1] + [1, 0], expected, atol=1e-4)


def test_they_are_as_near_as_a_first_look_errs() -> None:
    _, _, points_input, angles = _seen(0.5, count=300)
    assert np.abs(in_plane_rotation(angles)).mean() == pytest.approx(8 * np.sqrt(2 / np.pi), abs=1)
    middle = (points_input.max(axis=1) + points_input.min(axis=1)) / 2
    assert np.abs(middle - [0.5, 0.5 + 0.02 / 0.9]).max() < 0.15
