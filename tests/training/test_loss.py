"""What the Euler-angle branch does to a batch's gradients, in each of its three uses."""

import pytest
import torch
from torch import Tensor

from src.config import ModelConfig
from src.errors import InputError
from src.network.losses import CRITERIA
from src.network.model import build_model
from src.training.loss import EULER_BRANCH_USES, TrainingLoss


def _gradients(use: str) -> dict[str, Tensor]:
    """The gradient of each parameter after one batch."""
    network = build_model(ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)).train()
    generator = torch.Generator().manual_seed(0)
    images, points = torch.rand(4, 3, 64, 64, generator=generator), torch.rand(4, 68, 2, generator=generator)
    euler = 0.5 * torch.randn(4, 3, generator=generator)
    loss, _ = TrainingLoss(network, CRITERIA["l1"], euler_branch=use)(images, points, euler)
    loss.backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


def test_the_branch_learns_the_same_in_all_uses_and_the_rest_does_not() -> None:
    both, learning, weighting = (_gradients(use) for use in EULER_BRANCH_USES)
    for name, gradient in both.items():
        if name.startswith("auxiliary."):
            torch.testing.assert_close(learning[name], gradient, rtol=1e-3, atol=1e-5)
            torch.testing.assert_close(weighting[name], gradient, rtol=1e-3, atol=1e-5)
    head = next(name for name in both if name.startswith("head."))
    torch.testing.assert_close(weighting[head], both[head], rtol=1e-3, atol=1e-5)  # faces weigh the same
    assert not torch.allclose(learning[head], both[head], rtol=1e-2)
    first = next(name for name in both if name.startswith("backbone."))
    assert not torch.allclose(weighting[first], both[first], rtol=1e-2)  # the branch's gradient does not reach it


def test_another_use_is_refused() -> None:
    network = build_model(ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64))
    with pytest.raises(InputError, match="both, learning, weighting"):
        TrainingLoss(network, CRITERIA["l1"], euler_branch="none")
