"""Options of heads: attention, places, boundaries, the pip head's neighbors and weights, and STAR on heat maps."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from src.config import ModelConfig
from src.errors import InputError
from src.export.onnx_file import TOLERANCE, export_onnx
from src.markup import CONTOURS, NUM_POINTS
from src.network.heads import HEADS, build_head
from src.network.heads.attention import CoordinateAttention, CoordinateRamp
from src.network.heads.pip import PipHead
from src.network.losses import CRITERIA, build_criterion, star
from src.network.model import build_model

CHANNELS = (16, 24, 32, 64)
SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", head="heatmap", input_size=64)
WITH_PYRAMID = sorted(HEADS.keys() - {"regression"})
L1 = CRITERIA["l1"]


def _maps(count: int = 2, size: int = 64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(count, width, size // stride, size // stride, generator=generator)
        for width, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


def _points(count: int = 2) -> Tensor:
    """points_input (count, 68, 2) well inside."""
    return 0.3 + 0.4 * torch.rand(count, NUM_POINTS, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("options", [{"attention": "se"}, {"attention": "coordinate"}, {"coord_conv": True}])
@pytest.mark.parametrize("name", WITH_PYRAMID)
def test_an_option_of_the_pyramid_adds_weights_that_learn(name: str, options: dict) -> None:
    plain, head = build_head(name, CHANNELS, 64), build_head(name, CHANNELS, 64, **options)
    assert head(_maps()).shape == plain(_maps()).shape
    added = set(dict(head.named_parameters())) - set(dict(plain.named_parameters()))
    assert added
    raw = head(_maps())
    head.loss(raw, _points(), L1).sum().backward()
    assert [key for key in added if not dict(head.named_parameters())[key].grad.any()] == []


def test_places_let_equal_cells_differ() -> None:
    ramp = CoordinateRamp(3)
    found = ramp(torch.zeros(1, 3, 5, 7))[0]
    slope_x, slope_y = ramp.slope.weight[:, :, 0, 0].T
    torch.testing.assert_close(found[:, 2, 6] - found[:, 2, 0], 2 * slope_x)
    torch.testing.assert_close(found[:, 4, 1] - found[:, 0, 1], 2 * slope_y)
    torch.testing.assert_close(found[:, 2, 3], torch.zeros(3), atol=1e-6, rtol=0)


def test_coordinate_attention_is_a_weight_a_row_times_a_weight_a_column() -> None:
    attention, features = CoordinateAttention(8).eval(), 1 + torch.rand(2, 8, 5, 6)
    gate = attention(features) / features
    assert ((gate > 0) & (gate < 1)).all()
    rank_one = gate[:, :, :1] * gate[:, :, :, :1] / gate[:, :, :1, :1]
    torch.testing.assert_close(gate, rank_one)


@pytest.mark.parametrize("changes", [{"head": "pip", "pip_neighbors": 4}, {"attention": "coordinate"}])
def test_options_are_part_of_the_configuration(changes: dict) -> None:
    plain, model = (
        build_model(replace(SMALL, head=changes.get("head", "heatmap"))),
        build_model(replace(SMALL, **changes)),
    )
    shapes, others = ({key: value.shape for key, value in m.state_dict().items()} for m in (plain, model))
    assert shapes != others


@pytest.mark.parametrize("neighbors", [0, 5, 67])
def test_the_pip_head_works_with_any_number_of_neighbors(neighbors: int) -> None:
    head, points = PipHead(CHANNELS, 64, pip_neighbors=neighbors), _points()
    assert head(_maps()).shape == head.encode(points).shape == (2, NUM_POINTS * (1 + 2 * (1 + neighbors)), 8, 8)
    torch.testing.assert_close(head.decode(head.encode(points)), points)
    assert head.candidates.shape == (NUM_POINTS, 1 + neighbors)
    assert head.loss(head.encode(points), points, L1).max() < 1e-3


def test_the_pip_heads_weights_scale_their_parts() -> None:
    points = _points()
    raw = PipHead(CHANNELS, 64).encode(points)
    worse_votes, worse_scores = raw.clone(), raw.clone()
    outputs = [maps.unflatten(1, (NUM_POINTS, -1)) for maps in (worse_votes, worse_scores)]
    outputs[0][:, :, 1:] += 0.1
    outputs[1][:, :, 0] += 0.1

    def losses(**weights: float) -> tuple[float, float]:
        head = PipHead(CHANNELS, 64, **weights)
        return head.loss(worse_votes, points, L1).sum().item(), head.loss(worse_scores, points, L1).sum().item()

    votes, scores = losses()
    assert losses(pip_offset_weight=3.0) == (pytest.approx(3 * votes, rel=1e-4), pytest.approx(scores, rel=1e-4))
    assert losses(pip_score_weight=20.0) == (pytest.approx(votes, rel=1e-4), pytest.approx(2 * scores, rel=1e-4))


@pytest.mark.slow
def test_a_whole_pip_network_with_all_options_gives_the_same_points_in_onnx_runtime(tmp_path: Path) -> None:
    options = {"pip_neighbors": 5, "attention": "coordinate", "coord_conv": True}
    model = build_model(replace(SMALL, head="pip", **options), seed=1)
    with torch.no_grad():
        for _ in range(10):
            model.train()(torch.rand(8, 3, 64, 64))  # settles the normalization's statistics
        weight = model.head.outputs.weight
        weight.copy_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    assert export_onnx(model, tmp_path / "pip.onnx") < TOLERANCE


def test_boundaries_are_one_on_their_lines_and_fall_off_beside_them() -> None:
    head, points = build_head("heatmap_boundary", CHANNELS, 64), _points(1)
    first, last, _ = CONTOURS[3]  # the bridge of the nose: make it a vertical line through cell centers
    column = head.centers[10].item()
    points[0, first : last + 1, 0] = column
    points[0, first : last + 1, 1] = torch.linspace(head.centers[5].item(), head.centers[12].item(), last - first + 1)
    line = head.encode_boundaries(points)[0, 3]  # (side, side)
    torch.testing.assert_close(line[5:13, 10], torch.ones(8))
    torch.testing.assert_close(line[8, 12], torch.tensor(math.exp(-2.0)))  # two cells away
    torch.testing.assert_close(line[14, 10], torch.tensor(math.exp(-2.0)))  # two cells below its end
    assert line[8, 19] < 1e-6


def test_closed_lines_join_their_ends() -> None:
    head, points = build_head("heatmap_boundary", CHANNELS, 64), torch.full((1, NUM_POINTS, 2), 0.2)
    first, last, closed = CONTOURS[5]
    assert closed
    points[0, first], points[0, last] = torch.tensor([0.2, 0.6]), torch.tensor([0.8, 0.6])
    middle = (head.centers - 0.5).abs().argmin()
    row = (head.centers - 0.6).abs().argmin()
    assert head.encode_boundaries(points)[0, 5, row, middle] > 0.5


def test_boundaries_teach_the_features_but_do_not_move_the_points() -> None:
    head = build_head("heatmap_boundary", CHANNELS, 64)
    raw = head(_maps())
    changed = raw.detach().clone()
    changed[:, NUM_POINTS:] += 1
    assert torch.equal(head.decode(raw), head.decode(changed))
    assert (head.loss(raw, _points(), L1) != head.loss(changed, _points(), L1)).all()


def _gaussian_logits(head: torch.nn.Module, points: Tensor, wide: tuple[float, float]) -> Tensor:
    """Logits of Gaussians about the points, so many times as wide as the target along x and along y."""
    width = head.centers[1] - head.centers[0]
    x, y = ((head.centers - points[..., axis, None]) / (width * wide[axis]) for axis in (0, 1))
    return -0.5 * (x[..., None, :] ** 2 + y[..., :, None] ** 2)


def test_the_covariance_is_in_units_of_the_targets() -> None:
    head = build_head("heatmap", CHANNELS, 112)
    found = head.covariance(_gaussian_logits(head, _points(), (1.0, 2.0)))
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, 4.0]).expand_as(found), atol=1e-2, rtol=0)
    torch.testing.assert_close(
        head.covariance(head.encode(_points()).log()), head.covariance(_gaussian_logits(head, _points(), (1, 1)))
    )


def test_the_covariance_is_exact_in_mixed_precision() -> None:
    head = build_head("heatmap", CHANNELS, 112)
    raw = _gaussian_logits(head, _points(), (1.0, 2.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = head.covariance(raw)
    torch.testing.assert_close(found, head.covariance(raw))


@pytest.mark.parametrize("turn", [0.0, 0.4, math.pi / 2, 2.0])
def test_star_counts_an_error_along_a_long_map_less_and_turns_with_it(turn: float) -> None:
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    (xx, xy), (_, yy) = (rotation @ torch.diag(torch.tensor([9.0, 1.0])) @ rotation.T).tolist()
    covariance = torch.tensor([xx, xy, yy]).expand(1, 1, 3)
    target = torch.full((1, 1, 2), 0.5)

    def value(along: float, across: float) -> float:
        return star(target + rotation @ torch.tensor([along, across]) / 100, target, covariance).item()

    restriction = 0.02 * (9 + 1)
    assert value(0.0, 0.0) == pytest.approx(restriction, rel=1e-4)
    assert value(3.0, 0.0) == pytest.approx(restriction + (3 - 0.25) / math.sqrt(9.02), rel=1e-3)
    assert value(0.0, 3.0) == pytest.approx(restriction + (3 - 0.25) / math.sqrt(1.02), rel=1e-3)


def test_star_has_finite_gradients_for_round_and_for_point_like_maps() -> None:
    for covariance in (torch.ones(1, 2, 3) * torch.tensor([1.0, 0.0, 1.0]), torch.zeros(1, 2, 3)):
        prediction = torch.full((1, 2, 2), 0.5, requires_grad=True)
        spread = covariance.clone().requires_grad_()
        star(prediction, torch.full((1, 2, 2), 0.5), spread).sum().backward()
        assert prediction.grad.isfinite().all()
        assert spread.grad.isfinite().all()


def test_the_restriction_keeps_a_right_map_from_growing() -> None:
    covariance = torch.tensor([[[2.0, 0.0, 2.0]]], requires_grad=True)
    star(torch.full((1, 1, 2), 0.5), torch.full((1, 1, 2), 0.5), covariance).sum().backward()
    torch.testing.assert_close(covariance.grad, torch.tensor([[[0.02, 0.0, 0.02]]]))


@pytest.mark.parametrize("name", ["heatmap", "heatmap_boundary"])
def test_star_prefers_the_right_map(name: str) -> None:
    head, points = build_head(name, CHANNELS, 112), _points()
    extra = torch.zeros(2, len(CONTOURS), len(head.centers), len(head.centers))[:, : 9 * (name != "heatmap")]

    def loss(at: Tensor, wide: tuple[float, float] = (1.0, 1.0)) -> Tensor:
        return head.loss(torch.cat([_gaussian_logits(head, at, wide), extra], dim=1), points, star)

    right = loss(points)
    assert right.shape == (2,)
    for wrong in (loss(points + 0.01), loss(points, (2.0, 1.0)), loss(points + 0.01, (2.0, 2.0))):
        assert (wrong > right).all()


def test_star_is_refused_by_heads_without_heat_maps() -> None:
    for name in ("regression", "pip", "simcc", "heatmap_deconv"):
        with pytest.raises(InputError, match="needs the shape of heat maps"):
            build_criterion("star", build_head(name, CHANNELS, 64).criteria)
    assert build_criterion("star", build_head("heatmap", CHANNELS, 64).criteria) is star
