"""Errors of networks and runtimes whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from src.config import ModelConfig
from src.datasets.prepared import load_prepared
from src.evaluation.evaluate import evaluate
from src.metrics import nme
from src.predict.inference import predict_unit


class _Constant(nn.Module):
    """Gives point i the same place for every picture."""

    def __init__(self, points_input: Tensor) -> None:
        super().__init__()
        self.config = ModelConfig()
        self.points_input = nn.Parameter(points_input)

    def predict(self, images: Tensor) -> Tensor:
        return self.points_input.expand(len(images), 68, 2)


def test_evaluation_gives_the_error_in_pixels_of_the_source(prepared: Path) -> None:
    faces = load_prepared(prepared / "AFLW_validation_data")
    center, side = np.array([0.5, 0.53]), 0.9
    points_unit = np.full((68, 2), 0.5)
    model = _Constant(torch.from_numpy((points_unit - center) / side + 0.5)[None].float())
    errors = evaluate(model, faces, batch_size=5)
    by_hand = 100 * np.linalg.norm(48 - faces.points_image, axis=2) / 96
    assert errors.shape == (12, 68)
    np.testing.assert_allclose(errors, by_hand, atol=1e-4)
    assert nme(errors) == pytest.approx(by_hand.mean(), abs=1e-4)


class _FileOfConstants:
    """A runtime: it has no `predict`, as a file that takes whole pictures."""

    def __init__(self, points_unit: np.ndarray) -> None:
        self.config = ModelConfig()
        self.points_unit = points_unit

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.points_unit, (len(squares), 68, 2))


@pytest.mark.parametrize("flip", [False, True])
def test_any_runtime_is_evaluated_as_its_network_is(prepared: Path, flip: bool) -> None:
    faces = load_prepared(prepared / "AFLW_validation_data")
    points_input = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(0))
    network = _Constant(points_input)
    squares = torch.from_numpy(np.array(faces.images[:1]))
    runtime = _FileOfConstants(predict_unit(network, squares)[0])
    expected = evaluate(network, faces, flip=flip)
    np.testing.assert_allclose(evaluate(runtime, faces, batch_size=5, flip=flip), expected, atol=1e-9)
