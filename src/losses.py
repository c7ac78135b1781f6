"""Point-wise losses: f(prediction, target) -> (B, K), both (B, K, 2) in the input frame.

All work in percent of the input's side, so that the widths below read like the challenge's NME.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from src.errors import InputError

_PERCENT = 100.0
_EPSILON = 1e-6  # percent^2: keeps the gradient of a distance finite where prediction and target meet


def distance(prediction: Tensor, target: Tensor) -> Tensor:
    """Euclidean distance, the quantity that NME averages."""
    return ((_PERCENT * (prediction - target)).square().sum(-1) + _EPSILON).sqrt()


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Sum of absolute differences of x and y."""
    return _PERCENT * (prediction - target).abs().sum(-1)


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared distance."""
    return (_PERCENT * (prediction - target)).square().sum(-1)


def smooth_l1(prediction: Tensor, target: Tensor, *, beta: float = 1.0) -> Tensor:
    """Quadratic below `beta` percent, linear above (Girshick, "Fast R-CNN", 2015)."""
    difference = F.smooth_l1_loss(_PERCENT * prediction, _PERCENT * target, beta=beta, reduction="none")
    return difference.sum(-1)


def wing(prediction: Tensor, target: Tensor, *, width: float = 5.0, curvature: float = 1.0) -> Tensor:
    """Logarithmic near zero, linear far away (Feng et al., "Wing Loss", 2018)."""
    difference = _PERCENT * (prediction - target).abs()
    constant = width - width * math.log1p(width / curvature)
    near = width * torch.log1p(difference / curvature)
    return torch.where(difference < width, near, difference - constant).sum(-1)


def smooth_wing(
    prediction: Tensor, target: Tensor, *, inner: float = 0.5, width: float = 5.0, curvature: float = 1.0
) -> Tensor:
    """Linear within `inner`, then a wing (as in Lin et al., "Structure-Coherent Deep Feature Learning", 2021).

    The linear core keeps small label noise from dominating, which the wing's steep center would amplify.
    """
    difference = _PERCENT * (prediction - target).abs()
    slope = width / (inner + curvature)  # the wing's slope where the parts meet
    at_inner, at_width = width * math.log1p(inner / curvature), width * math.log1p(width / curvature)
    near = slope * difference
    middle = width * torch.log1p(difference / curvature) - at_inner + slope * inner
    far = difference - width + at_width - at_inner + slope * inner
    return torch.where(difference < inner, near, torch.where(difference < width, middle, far)).sum(-1)


CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    function.__name__: function for function in (distance, l1, l2, smooth_l1, wing, smooth_wing)
}


def build_criterion(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss by its name; raises InputError for an unknown one."""
    if name not in CRITERIA:
        raise InputError(f"unknown loss {name!r}; expected one of {', '.join(CRITERIA)}")
    return CRITERIA[name]


def pose_weight(euler_prediction: Tensor, euler_target: Tensor) -> Tensor:
    """PFLD's weight of a face, sum over the angles of 1 - cos(error) (Guo et al., "PFLD", 2019). Returns (B,).

    Both (B, 3) in radians. It vanishes for a face whose pose is understood, so it is to be used as 1 + weight.
    """
    return (1 - torch.cos(euler_prediction - euler_target)).sum(-1)
