"""Heads: what is encoded is decoded, and a perfect output has the smallest loss."""

import pytest
import torch
from torch import Tensor

from src.errors import InputError
from src.markup import FLIP_PERMUTATION
from src.network.heads import HEADS, build_head
from src.network.heads.heatmap import HeatmapHead
from src.network.heads.heatmap_boundary import HeatmapBoundaryHead
from src.network.heads.regression import RegressionHead
from src.network.losses import CRITERIA

CHANNELS = (16, 24, 32, 64)
SIZES = [64, 100, 112, 130, 160]  # also such that are no multiple of every stride


def _points(size: int = 64) -> Tensor:
    """points_input (3, 68, 2) well inside the input frame: five cells of a heat map away from its border."""
    border = 5 * 4 / size
    return border + (1 - 2 * border) * torch.rand(3, 68, 2, generator=torch.Generator().manual_seed(0))


def _perfect(head: torch.nn.Module, points_input: Tensor) -> Tensor:
    """The raw output of a network that has learned these points."""
    if isinstance(head, RegressionHead):
        return points_input.flatten(1)
    if isinstance(head, HeatmapHead):  # encodes probabilities, gives logits
        logits = head.encode(points_input).clamp_min(1e-30).log()
        if isinstance(head, HeatmapBoundaryHead):
            logits = torch.cat([logits, head.encode_boundaries(points_input).logit(eps=1e-6)], dim=1)
        return logits
    return head.encode(points_input)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", HEADS)
def test_points_go_in_and_out_again(name: str, size: int) -> None:
    head = build_head(name, CHANNELS, size)
    found = head.decode(_perfect(head, _points(size)))
    torch.testing.assert_close(found, _points(size), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_coarser_heat_maps_are_as_exact(size: int) -> None:
    head = build_head("heatmap", CHANNELS, size, map_stride=8)
    points = 0.2 + 0.6 * _points(size)
    assert head.encode(points).shape[-1] == -(-size // 8) + 4
    torch.testing.assert_close(head.decode(_perfect(head, points)), points, atol=1e-4, rtol=0)
    maps = [
        torch.rand(2, width, -(-size // stride), -(-size // stride))
        for width, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]
    assert head(maps).shape[-1] == -(-size // 8) + 4


def test_other_strides_of_heat_maps_are_refused() -> None:
    with pytest.raises(InputError, match="stride of 4 or 8 pixels, found 16"):
        build_head("heatmap", CHANNELS, 112, map_stride=16)


@pytest.mark.parametrize("size", SIZES)
def test_heat_maps_are_probabilities_whose_largest_cell_holds_the_point(size: int) -> None:
    head = build_head("heatmap", CHANNELS, size)
    points = _points(size)
    maps = head.encode(points)
    torch.testing.assert_close(maps.sum(dim=(2, 3)), torch.ones(3, 68))
    side = maps.shape[-1]
    largest = maps.flatten(2).argmax(dim=2)
    cell = (torch.stack([largest % side, largest // side], dim=-1) - 2) * 4 / size  # two cells beyond the border
    assert ((points >= cell - 1e-5) & (points <= cell + 4 / size + 1e-5)).all()


@pytest.mark.parametrize("size", [32, 80, 160])
def test_heat_maps_of_another_input_size_are_read_as_by_a_head_of_that_size(size: int) -> None:
    own, other = build_head("heatmap", CHANNELS, size), build_head("heatmap", CHANNELS, 112)
    points, target = _points(100), own.encode(_points(100))
    torch.testing.assert_close(other.encode(points, target.shape[-1]), target)
    logits = target.clamp_min(1e-30).log() + torch.randn(target.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(other.decode(logits), own.decode(logits))
    torch.testing.assert_close(other.covariance(logits), own.covariance(logits))
    torch.testing.assert_close(*(head.loss(logits, points, CRITERIA["l1"]) for head in (other, own)))


@pytest.mark.parametrize("place", [-2.0, -0.1, 0.0, 1.0, 1.1, 3.0])
@pytest.mark.parametrize("name", HEADS)
def test_the_loss_stays_finite_for_points_outside_of_the_input_frame(name: str, place: float) -> None:
    """Augmentation moves points out of the picture; a face must not be lost for it."""
    head = build_head(name, CHANNELS, 112)
    raw = _perfect(head, _points()).requires_grad_()
    loss = head.loss(raw, torch.full((3, 68, 2), place), CRITERIA["l1"])
    loss.sum().backward()
    assert loss.isfinite().all()
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", HEADS)
def test_the_loss_is_smallest_for_a_perfect_output(name: str, criterion: str) -> None:
    head, points = build_head(name, CHANNELS, 64), _points()
    perfect = head.loss(_perfect(head, points), points, CRITERIA[criterion])
    off = head.loss(_perfect(head, points + torch.tensor([0.02, 0.01])), points, CRITERIA[criterion])
    noise = torch.randn(_perfect(head, points).shape, generator=torch.Generator().manual_seed(1))
    noisy = head.loss(_perfect(head, points) + 0.1 * noise, points, CRITERIA[criterion])
    assert perfect.shape == (3,)
    assert (perfect < off).all()
    assert (perfect < noisy).all()


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("name", HEADS)
def test_gradient_is_finite_at_a_perfect_output(name: str, criterion: str) -> None:
    head, points = build_head(name, CHANNELS, 64), _points()
    raw = _perfect(head, points).requires_grad_()
    head.loss(raw, points, CRITERIA[criterion]).sum().backward()
    assert raw.grad.isfinite().all()


def test_an_untrained_regression_starts_at_a_frontal_face() -> None:
    head = build_head("regression", CHANNELS, 64).eval()
    maps = [torch.zeros(1, width, side, side) for width, side in zip(CHANNELS, (16, 8, 4, 2), strict=True)]
    face = head.decode(head(maps))[0].detach()
    mirrored = face[list(FLIP_PERMUTATION)] * torch.tensor([-1, 1]) + torch.tensor([1, 0])
    torch.testing.assert_close(mirrored, face, atol=0.02, rtol=0)
    assert face[8, 1] > face[30, 1] > face[27, 1]  # the chin below the nose's tip below its root
    assert 0.1 < face.min() < face.max() < 0.9


def test_an_unknown_head_is_refused_with_the_known_names() -> None:
    with pytest.raises(InputError, match="regression, heatmap"):
        build_head("heat", CHANNELS, 64)
