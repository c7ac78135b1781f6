"""Heads trained on maps, bins and votes: label round trips, gradients, sizes, mixed precision, and ONNX."""

import math
from pathlib import Path

import pytest
import torch

from src.markup import FLIP_PERMUTATION, NUM_POINTS
from src.network.heads import HEADS, build_head
from src.network.heads.heatmap_deconv import HeatmapDeconvHead
from src.network.heads.pip import PipHead
from src.network.losses import CRITERIA, adaptive_wing

NEW = ("heatmap_deconv", "heatmap_awing", "pip", "simcc")
CHANNELS = (24, 48, 96, 192)  # shufflenet_v2_x0_5's
SIZES = (64, 100, 112, 256)  # 100 and 112 end inside a cell of the coarse maps
ROUND_TRIP = 1e-4  # of the input's side, 0.01 %


def _points(count: int = 8) -> torch.Tensor:
    """Points (count, 68, 2) all over the input; the first two faces' lie in its corners and on its borders."""
    points = torch.rand(count, NUM_POINTS, 2, generator=torch.Generator().manual_seed(0))
    points[0] = points[0].round()
    points[1, :, 0] = points[1, :, 0].round()
    return points


def _maps(input_size: int, count: int = 2) -> list[torch.Tensor]:
    """Random feature maps at strides 4 to 32."""
    generator = torch.Generator().manual_seed(1)
    sides = [-(-input_size // stride) for stride in (4, 8, 16, 32)]
    return [
        torch.randn(count, width, side, side, generator=generator) for width, side in zip(CHANNELS, sides, strict=True)
    ]


@pytest.mark.parametrize("input_size", SIZES)
@pytest.mark.parametrize("name", NEW)
def test_labels_survive_encoding_and_decoding(name: str, input_size: int) -> None:
    head, points = build_head(name, CHANNELS, input_size), _points()
    assert (head.decode(head.encode(points)) - points).norm(dim=-1).max() < ROUND_TRIP


def test_labels_survive_the_softmax_heat_map_two_cells_from_the_border() -> None:
    head = build_head("heatmap", CHANNELS, 112)
    points = 2 / 28 + _points() * 24 / 28
    assert (head.decode(head.encode(points).log()) - points).norm(dim=-1).max() < ROUND_TRIP


@pytest.mark.parametrize("input_size", SIZES)
@pytest.mark.parametrize("name", NEW)
def test_the_target_has_the_form_of_the_output(name: str, input_size: int) -> None:
    head = build_head(name, CHANNELS, input_size)
    assert head(_maps(input_size)).shape == head.encode(_points(2)).shape


def test_the_published_maps_have_96_cells_at_384_pixels() -> None:
    head = HeatmapDeconvHead(CHANNELS, 384)
    assert head(_maps(384, 1)).shape == (1, NUM_POINTS, 96, 96)
    assert head.sigma == 4


@pytest.mark.parametrize(("input_size", "side"), [(64, 8), (96, 6), (112, 7), (128, 8), (160, 10), (192, 6), (256, 8)])
def test_the_grid_of_votes_stays_about_eight_cells_wide(input_size: int, side: int) -> None:
    assert PipHead(CHANNELS, input_size).side == side


@pytest.mark.parametrize("name", NEW)
def test_points_outside_of_the_input_have_a_finite_loss(name: str) -> None:
    head = build_head(name, CHANNELS, 112)
    raw = head(_maps(112)).detach().requires_grad_()
    loss = head.loss(raw, _points(2) * 3 - 1, CRITERIA["l1"])
    loss.sum().backward()
    assert loss.shape == (2,)
    assert loss.isfinite().all()
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("name", NEW)
def test_the_right_output_has_a_lower_loss_than_any_other(name: str) -> None:
    head, points = build_head(name, CHANNELS, 112), _points(2)
    right = head.encode(points)
    assert head.loss(right, points, CRITERIA["l1"]).max() < 1e-2
    for wrong in (right.roll(1, dims=-1), torch.zeros_like(right)):
        assert head.loss(wrong, points, CRITERIA["l1"]).min() > 0.1


@pytest.mark.parametrize("name", NEW)
def test_mixed_precision_costs_little(name: str) -> None:
    head, maps, points = build_head(name, CHANNELS, 112).eval(), _maps(112), _points(2)
    expected = head.loss(head(maps), points, CRITERIA["l1"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        raw = head(maps)
        found = head.loss(raw, points, CRITERIA["l1"])
        decoded = head.decode(raw)
        exact = head.decode(head.encode(points))
    assert raw.dtype == torch.bfloat16
    assert found.dtype == decoded.dtype == torch.float32
    assert torch.allclose(found, expected, rtol=0.02)
    assert (exact - points).norm(dim=-1).max() < ROUND_TRIP


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_decoding_runs_in_onnx_runtime(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    head = build_head(name, CHANNELS, 64)
    raw = head.encode(_points(2))

    class Decoder(torch.nn.Module):
        def forward(self, raw: torch.Tensor) -> torch.Tensor:
            return head.decode(raw)

    torch.onnx.export(Decoder().eval(), (raw,), tmp_path / "decode.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "decode.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: raw.numpy()})
    assert torch.allclose(torch.from_numpy(found), head.decode(raw), atol=1e-6)


def test_heat_maps_blurred_and_noisy_still_decode_below_a_cell() -> None:
    head, points = HeatmapDeconvHead(CHANNELS, 112), 0.1 + 0.8 * _points()
    noise = 0.02 * torch.randn(*head.encode(points).shape, generator=torch.Generator().manual_seed(2))
    sharp = (head.decode(head.encode(points) + noise) - points).norm(dim=-1) / head.cell_size
    assert sharp.mean() < 0.1
    wide = 0.8 * head.encode(points).sqrt()  # the root of a Gaussian is wider by the root of 2
    assert (head.decode(wide) - points).abs().max() < ROUND_TRIP


def test_neighbors_are_the_ten_nearest_others_and_mirror_each_other() -> None:
    head = PipHead(CHANNELS, 112)
    assert head.candidates.shape == (NUM_POINTS, 11)
    assert torch.equal(head.candidates[:, 0], torch.arange(NUM_POINTS))
    assert all(len(set(row)) == 11 for row in head.candidates.tolist())
    assert {0, 2}.issubset(head.candidates[1].tolist())
    mirrored = FLIP_PERMUTATION[head.candidates[FLIP_PERMUTATION[39]].numpy()]
    assert set(mirrored) == set(head.candidates[39].tolist())
    assert torch.allclose(head.voter_weight.sum(dim=1), torch.ones(NUM_POINTS))


def test_every_vote_for_a_point_counts_equally() -> None:
    head, points = PipHead(CHANNELS, 112), 0.3 + 0.4 * _points()[:1]
    raw = head.encode(points)
    voter, column = (head.candidates[:, 1:] == 30).nonzero()[0].tolist()
    # Its vote for point 30 moves a cell to the right.
    raw.unflatten(1, (NUM_POINTS, 23))[0, voter, 1 + 2 * (column + 1)] += 1
    moved = head.decode(raw) - points
    votes = int((head.candidates == 30).sum())
    assert moved[0, 30, 0].item() == pytest.approx(head.cell_size / votes, rel=1e-3)
    assert moved.abs().sum().item() == pytest.approx(head.cell_size / votes, rel=1e-2)


@pytest.mark.parametrize(
    ("prediction", "target", "value"),
    [
        (0.25, 0.0, 14 * math.log1p(0.25**2.1)),
        (0.5, 1.0, 11 * 14 * math.log1p(0.5**1.1)),
        (1.0, 0.0, 14 * math.log1p(0.5**2.1) + 0.5 * 14 * 2.1 * 0.5**1.1 / (1 + 0.5**2.1)),
        (1.0, 1.0, 0.0),
    ],
)
def test_adaptive_wing_is_the_one_computed_by_hand(prediction: float, target: float, value: float) -> None:
    found = adaptive_wing(torch.full((1, 1, 4, 4), prediction), torch.full((1, 1, 4, 4), target))
    assert found.mean().item() == pytest.approx(value, rel=1e-5)


def test_an_empty_map_costs_five() -> None:
    head = HeatmapDeconvHead(CHANNELS, 112)
    points = torch.full((1, NUM_POINTS, 2), 0.5)
    empty = torch.zeros_like(head.encode(points))
    assert head.loss(empty, points, CRITERIA["l1"]).item() == pytest.approx(5, rel=1e-3)


def test_adaptive_wing_weighs_one_cell_around_the_foreground() -> None:
    target = torch.zeros(1, 1, 7, 7)
    target[0, 0, 3, 3] = 1
    error = adaptive_wing(torch.full_like(target, 0.1), target)[0, 0]
    assert error[2, 2] / error[1, 1] == pytest.approx(11)


def test_every_head_is_listed() -> None:
    assert set(HEADS) == {"regression", "heatmap", "heatmap_boundary", *NEW}
