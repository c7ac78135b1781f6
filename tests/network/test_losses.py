"""Losses: values at known points, continuity, and gradients where prediction and target meet."""

import math

import pytest
import torch

from src.errors import InputError
from src.network.losses import CRITERIA, adaptive_wing, build_criterion, pose_weight

LOG = math.log1p
# (criterion, error of x in percent, value)
KNOWN = [
    ("distance", 3.0, 3.0),
    ("l1", 3.0, 3.0),
    ("l2", 3.0, 9.0),
    ("smooth_l1", 0.5, 0.125),
    ("smooth_l1", 3.0, 2.5),
    ("wing", 1.0, 5 * LOG(1)),
    ("wing", 7.0, 5 * LOG(5) + 2),
    ("smooth_wing", 0.25, 0.25 * 5 / 1.5),
    ("smooth_wing", 2.0, 5 * LOG(2) - 5 * LOG(0.5) + 0.5 * 5 / 1.5),
    ("smooth_wing", 7.0, 5 * LOG(5) - 5 * LOG(0.5) + 0.5 * 5 / 1.5 + 2),
]
STEEPEST = {"distance": 1, "l1": 1, "l2": 20, "smooth_l1": 1, "wing": 5, "smooth_wing": 5 / 1.5}  # up to 10 percent


def _pair(errors_percent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions (1, K, 2) off by these percent on x, and their targets."""
    target = torch.full((1, len(errors_percent), 2), 0.5, dtype=torch.float64)
    prediction = target.clone()
    prediction[0, :, 0] += errors_percent / 100
    return prediction, target


@pytest.mark.parametrize(("name", "error", "value"), KNOWN)
def test_values_are_those_computed_by_hand(name: str, error: float, value: float) -> None:
    for sign in (1, -1):
        found = CRITERIA[name](*_pair(torch.tensor([sign * error], dtype=torch.float64)))
        assert found.item() == pytest.approx(value, abs=1e-6)


def test_every_criterion_has_a_known_value_here() -> None:
    assert {name for name, _, _ in KNOWN} == set(CRITERIA) == set(STEEPEST)


def test_distance_is_euclidean_and_l1_adds_the_axes() -> None:
    target = torch.zeros(1, 1, 2)
    prediction = torch.tensor([[[0.03, 0.04]]])
    assert CRITERIA["distance"](prediction, target).item() == pytest.approx(5, abs=1e-5)
    assert CRITERIA["l1"](prediction, target).item() == pytest.approx(7, abs=1e-5)


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_is_continuous_and_rises(name: str) -> None:
    step = 1e-3
    values = CRITERIA[name](*_pair(torch.arange(0, 10, step, dtype=torch.float64)))[0]
    jumps = values.diff()
    assert jumps.min() >= 0
    assert jumps.max() <= STEEPEST[name] * step * (1 + 1e-3)


@pytest.mark.parametrize("name", CRITERIA)
def test_gradient_is_finite_where_prediction_and_target_meet(name: str) -> None:
    prediction = torch.rand(2, 68, 2, requires_grad=True)
    CRITERIA[name](prediction, prediction.detach().clone()).sum().backward()
    assert prediction.grad.isfinite().all()


@pytest.mark.parametrize("name", CRITERIA)
def test_every_point_has_its_own_value(name: str) -> None:
    assert CRITERIA[name](torch.rand(3, 68, 2), torch.rand(3, 68, 2)).shape == (3, 68)


def test_an_unknown_loss_is_refused_with_the_known_names() -> None:
    with pytest.raises(InputError, match="smooth_wing, star"):
        build_criterion("wings", frozenset())


def test_pose_weight_vanishes_for_the_right_pose_and_is_two_an_angle_at_most() -> None:
    euler = torch.tensor([[0.1, -0.5, 0.3]])
    assert pose_weight(euler, euler).item() == 0
    assert pose_weight(euler + torch.tensor([math.pi, 0, 0]), euler).item() == pytest.approx(2)
    assert pose_weight(euler + torch.tensor([0, math.pi / 3, 0]), euler).item() == pytest.approx(0.5)


def _map_errors(errors: torch.Tensor, target: float) -> torch.Tensor:
    """adaptive_wing of maps that are off by these errors where the target has this value."""
    targets = torch.full((1, len(errors), 1, 1), target, dtype=torch.float64)
    return adaptive_wing(targets + errors[:, None, None], targets)[0, :, 0, 0]


@pytest.mark.parametrize("target", [0.0, 0.1, 0.3, 1.0])
def test_adaptive_wing_is_continuous_and_rises(target: float) -> None:
    step = 1e-3
    for sign in (1, -1):
        jumps = _map_errors(sign * torch.arange(0, 3, step, dtype=torch.float64), target).diff()
        assert jumps.min() >= 0
        assert jumps.max() <= 11 * 14 * 2.1 * step
        second = jumps.diff().abs()
        assert second[3:].max() < 0.01 * 11 * 14  # nor has its slope a jump at the knot


def test_adaptive_wing_has_the_papers_values() -> None:
    assert _map_errors(torch.tensor([0.25], dtype=torch.float64), 0.0).item() == pytest.approx(14 * LOG(0.25**2.1))
    assert _map_errors(torch.tensor([0.25], dtype=torch.float64), 1.0).item() == pytest.approx(11 * 14 * LOG(0.25**1.1))


def test_adaptive_wing_has_a_finite_gradient_where_maps_meet() -> None:
    target = torch.rand(1, 3, 8, 8)
    prediction = target.clone().requires_grad_()
    adaptive_wing(prediction, target).sum().backward()
    assert prediction.grad.isfinite().all()
