"""Losses for points and for heat maps, and PFLD's pose weight.

Losses for points are f(prediction, target) -> (B, K), both (B, K, 2) in the input frame; CRITERIA lists them. They are
computed in percent of the input's side, so that their constants are on the scale of the challenge's NME.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from src.errors import InputError

# A loss for points, or for points and the covariance (B, K, 3) that a head's maps give them (MAP_CRITERIA).
Criterion = Callable[..., Tensor]

_PERCENT = 100.0
_LEAST_VARIANCE = 0.02  # relative to the target's; added because a map's own may shrink to 0
_EPSILON = 1e-6  # percent^2: keeps a distance's gradient finite where prediction and target coincide


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
    """Logarithmic below `width` percent, linear above (Feng et al., "Wing Loss", 2018)."""
    difference = _PERCENT * (prediction - target).abs()
    constant = width - width * math.log1p(width / curvature)
    near = width * torch.log1p(difference / curvature)
    return torch.where(difference < width, near, difference - constant).sum(-1)


def smooth_wing(
    prediction: Tensor, target: Tensor, *, inner: float = 0.5, width: float = 5.0, curvature: float = 1.0
) -> Tensor:
    """Linear below `inner` percent, then a wing (as in Lin et al., "Structure-Coherent Deep Feature Learning", 2021).

    The linear core keeps small label noise, which the wing's steep center would amplify, from dominating.
    """
    difference = _PERCENT * (prediction - target).abs()
    slope = width / (inner + curvature)  # the wing's slope where the parts meet
    at_inner, at_width = width * math.log1p(inner / curvature), width * math.log1p(width / curvature)
    near = slope * difference
    middle = width * torch.log1p(difference / curvature) - at_inner + slope * inner
    far = difference - width + at_width - at_inner + slope * inner
    return torch.where(difference < inner, near, torch.where(difference < width, middle, far)).sum(-1)


def star(
    prediction: Tensor, target: Tensor, covariance: Tensor, *, beta: float = 0.5, restriction: float = 0.02
) -> Tensor:
    """Smooth L1 along the two principal axes of each point's heat map, in units of the map's width along each axis.

    Where a point is ambiguous, as along the jaw, its map is elongated and the error in that direction counts less;
    `restriction` keeps maps from widening for that reason (Zhou et al., "STAR Loss: Reducing Semantic Ambiguity in
    Facial Landmark Detection", 2023). covariance: (B, K, 3), variance of x, covariance and variance of y in units of
    the target's variance, so that a map as narrow as its target gives plain smooth L1. The axes' directions get no
    gradient, since it is undefined for a round map.
    """
    xx, xy, yy = covariance.unbind(dim=-1)
    angle = 0.5 * torch.atan2(2 * xy, xx - yy).detach()
    cos, sin = angle.cos(), angle.sin()
    x, y = (_PERCENT * (prediction - target)).unbind(dim=-1)
    error = torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)  # (B, K, 2) along the axes
    cross = 2 * cos * sin * xy
    variance = torch.stack([cos**2 * xx + cross + sin**2 * yy, sin**2 * xx - cross + cos**2 * yy], dim=-1)
    error = F.smooth_l1_loss(error, torch.zeros_like(error), beta=beta, reduction="none")
    return (error / (variance + _LEAST_VARIANCE).sqrt() + restriction * variance).sum(dim=-1)


CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    function.__name__: function for function in (distance, l1, l2, smooth_l1, wing, smooth_wing)
}
MAP_CRITERIA: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"star": star}  # for heads with a `covariance`


def build_criterion(name: str, offered: frozenset[str]) -> Criterion:
    """A loss by its name. offered: what the head supports beyond the losses for points (`Head.criteria`).

    Raises InputError for an unknown name and for a loss that the head does not support.
    """
    if name in CRITERIA:
        return CRITERIA[name]
    if name not in MAP_CRITERIA:
        raise InputError(f"unknown loss {name!r}; expected one of {', '.join((*CRITERIA, *MAP_CRITERIA))}")
    if name not in offered:
        raise InputError(
            f"the loss {name} needs the shape of heat maps; take another loss, or a head that offers it (heatmap)"
        )
    return MAP_CRITERIA[name]


def map_l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared error of heat maps, times 10: an empty map then costs 5, as much as a point that is 5 percent off."""
    return 10 * (prediction - target).square()


def adaptive_wing(
    prediction: Tensor, target: Tensor, *, power: float = 2.1, width: float = 14.0, threshold: float = 0.5
) -> Tensor:
    """Error of heat maps whose Gaussians are 1 at the point; all shapes (B, K, H, W).

    Where the target is high it is a wing, steep near zero; on the background, where errors matter little, it is nearly
    a parabola. The foreground (where the target reaches 0.2, plus one cell) counts 11-fold (Wang et al., "Adaptive Wing
    Loss for Robust Face Alignment via Heatmap Regression", 2019, with its constants and curvature 1).
    """
    difference = (prediction - target).abs()
    exponent = power - target
    at_threshold = threshold**exponent
    slope = width * exponent * at_threshold / threshold / (1 + at_threshold)  # where the parts meet
    near = width * torch.log1p(difference**exponent)
    far = slope * (difference - threshold) + width * torch.log1p(at_threshold)
    foreground = F.max_pool2d(target, kernel_size=3, stride=1, padding=1) >= 0.2
    return torch.where(difference < threshold, near, far) * (1 + 10 * foreground)


def pose_weight(euler_prediction: Tensor, euler_target: Tensor) -> Tensor:
    """PFLD's weight of a face, sum over the angles of 1 - cos(error) (Guo et al., "PFLD", 2019). Returns (B,).

    Both arguments are (B, 3) in radians. The weight vanishes for a correctly predicted pose: multiply by 1 + weight.
    """
    return (1 - torch.cos(euler_prediction - euler_target)).sum(-1)
