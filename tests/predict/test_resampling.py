"""NumPy's resampling gives what PyTorch's gives, also where a view leaves its square."""

import numpy as np
import pytest
import torch

from src import transforms
from src.predict.resampling import crop_batch, warp_squares


def _squares() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("crop", [(0.5, 0.53, 0.9), (0.1, 0.95, 0.5), (0.5, 0.5, 1.6)])
def test_crops(crop: tuple[float, float, float]) -> None:
    expected = transforms.crop_batch(torch.from_numpy(_squares()), crop, 28).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(crop_batch(_squares(), crop, 28), expected, atol=1e-4)


def test_warps() -> None:
    affine = _affine()
    expected = transforms.warp_squares(torch.from_numpy(_squares()), affine).numpy()
    found = warp_squares(_squares(), affine)
    assert (expected > 0).mean() > 0.3
    assert np.abs(found.astype(int) - expected).max() <= 1  # where a value lies between two numbers
    assert (found != expected).mean() < 1e-3


@pytest.mark.parametrize("crop", [(0.5, 0.53, 0.8), (0.4, 0.53, 0.7), (0.1, 0.95, 0.5), (0.5, 0.5, 1.6)])
@pytest.mark.parametrize("step", [1, -1])
def test_what_a_crop_shows_is_warped(crop: tuple[float, float, float], step: int) -> None:
    """Also what it shows of the mirror image; the rest may be black."""
    whole, part = warp_squares(_squares(), _affine()), warp_squares(_squares(), _affine(), crop)
    np.testing.assert_array_equal(crop_batch(part[:, :, ::step], crop, 48), crop_batch(whole[:, :, ::step], crop, 48))
    np.testing.assert_array_equal(part, np.where(part > 0, whole, 0))


def _affine() -> np.ndarray:
    """Three turned and enlarged views, (3, 2, 3)."""
    angle = np.radians([0.0, 33.0, -140.0])
    cos, sin = 1.3 * np.cos(angle), 1.3 * np.sin(angle)
    rows = [[cos, -sin, np.array([0.0, 0.2, 1.0])], [sin, cos, np.array([-0.3, -0.4, 1.2])]]
    return np.moveaxis(np.array(rows), -1, 0)
