"""From squares to points, with networks whose answer is known."""

import numpy as np
import pytest
import torch
from stand_in import gaussian_dot
from torch import Tensor, nn

from src.config import ModelConfig
from src.errors import InputError
from src.markup import FLIP_PERMUTATION
from src.predict.inference import predict_unit


class _DotFinder(nn.Module):
    """Says that every point lies at the dot."""

    def __init__(self) -> None:
        super().__init__()
        self.config = ModelConfig()
        self.unused = nn.Parameter(torch.zeros(1))

    def predict(self, images: Tensor) -> Tensor:
        brightness = images.mean(dim=1)
        ticks = (torch.arange(brightness.shape[-1]) + 0.5) / brightness.shape[-1]
        total = brightness.sum(dim=(1, 2))
        x, y = (brightness.sum(1) @ ticks) / total, (brightness.sum(2) @ ticks) / total
        return torch.stack([x, y], dim=-1)[:, None].expand(-1, 68, 2)


class _Constant(_DotFinder):
    """Gives point i the same place for every picture."""

    def __init__(self, points_input: Tensor) -> None:
        super().__init__()
        self.points_input = points_input

    def predict(self, images: Tensor) -> Tensor:
        return self.points_input.expand(len(images), 68, 2)


@pytest.mark.parametrize("flip", [False, True])
def test_a_prediction_is_given_in_the_unit_square(flip: bool) -> None:
    places = np.array([[0.3, 0.4], [0.61, 0.72]])
    dots = np.stack([gaussian_dot((192, 192), tuple(192 * place), 3.0) for place in places])
    squares = torch.from_numpy(dots)[..., None].repeat(1, 1, 1, 3)
    points_unit = predict_unit(_DotFinder(), squares, flip=flip)
    assert points_unit.dtype == np.float64
    np.testing.assert_allclose(points_unit, np.broadcast_to(places[:, None], (2, 68, 2)), atol=0.1 / 192)


def test_a_mirrored_prediction_counts_for_the_mirrored_points() -> None:
    points_input = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0))
    model = _Constant(points_input)
    found = predict_unit(model, torch.zeros(1, 8, 8, 3, dtype=torch.uint8), flip=True)[0]
    plain = points_input[0].double().numpy()
    mirrored = plain[FLIP_PERMUTATION] * [-1, 1] + [1, 0]
    center_x, center_y, side = model.config.crop
    np.testing.assert_allclose(found, ((plain + mirrored) / 2 - 0.5) * side + [center_x, center_y], atol=1e-6)


def test_points_that_are_no_numbers_are_refused() -> None:
    points_input = torch.full((1, 68, 2), 0.5)
    points_input[0, 7, 1] = torch.nan
    with pytest.raises(InputError, match="expected finite points from the network"):
        predict_unit(_Constant(points_input), torch.zeros(2, 8, 8, 3, dtype=torch.uint8), looks=3)
