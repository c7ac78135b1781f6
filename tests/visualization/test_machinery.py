"""What heads and losses do inside: the drawn point is the one that the head decodes."""

import numpy as np
import pytest
import torch

from src.config import ModelConfig
from src.network.heads import HEADS
from src.network.model import build_model
from src.visualization.machinery import loss_curves, show_axes, show_map, show_votes
from src.visualization.style import figure

PICTURE = np.zeros((64, 64, 3), np.float32)
POINT = torch.full((1, 68, 2), 0.5) + torch.tensor([0.13, -0.07])


def _head(name: str) -> torch.nn.Module:
    assert name in HEADS
    return build_model(ModelConfig(backbone="shufflenet_v2_x0_5", head=name, input_size=64)).head


def test_the_cross_of_a_heat_map_is_its_point() -> None:
    head = _head("heatmap")
    with figure() as (_, axes):
        show_map(axes, PICTURE, head.encode(POINT)[0, 30].numpy(), head.centers.numpy())
        x, y = axes.lines[-1].get_data()
    assert (x[0], y[0]) == pytest.approx((0.63, 0.43), abs=1e-3)


def test_the_axes_cross_at_the_point() -> None:
    head = _head("simcc")
    with figure() as (_, axes):
        show_axes(axes, PICTURE, head.centers.numpy(), head.encode(POINT)[0, 30].exp().numpy())
        x, y = axes.lines[-1].get_data()
    assert (x[0], y[0]) == pytest.approx((0.63, 0.43), abs=1e-3)


def test_the_best_cell_votes_for_the_point() -> None:
    head = _head("pip")
    maps = head.encode(POINT).unflatten(1, (68, -1))[0, 30]  # (1 + 2 V, side, side)
    score, offsets = maps[0].numpy(), maps[1:].unflatten(0, (-1, 2)).numpy()
    row, column = np.unravel_index(score.argmax(), score.shape)
    votes = offsets[:, :, row, column]
    with figure() as (_, axes):
        show_votes(axes, PICTURE, score, votes)
        assert len(axes.patches) == len(votes)
    assert (np.array([column, row]) + 0.5 + votes[0]) / len(score) == pytest.approx([0.63, 0.43], abs=1e-4)


def test_losses_are_drawn_with_their_slopes() -> None:
    errors = np.linspace(-5, 5, 101)
    panels = loss_curves({"l1": np.abs(errors), "l2": errors**2}, errors, title="t").axes
    slope = panels[1].lines[0].get_ydata()
    assert (slope[0], slope[-1]) == (pytest.approx(-1), pytest.approx(1))
