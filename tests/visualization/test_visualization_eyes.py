"""Figures and numbers about eye openness."""

import math

import numpy as np
import pytest

from src.visualization.eyes import best_threshold, detection_curves, detection_rates, openness_scatter

OPENNESS = np.array([[0.1, 0.15], [0.3, np.nan], [0.25, 0.12], [0.4, 0.35]])
IS_CLOSED = np.array([[True, True], [False, True], [False, False], [False, False]])


def test_rates_count_seen_eyes_alone() -> None:
    assert detection_rates(OPENNESS, IS_CLOSED, 0.2) == (1.0, 0.2)
    assert detection_rates(OPENNESS, IS_CLOSED, 0.1) == (0.5, 0.0)
    found, false = detection_rates(OPENNESS, np.zeros_like(IS_CLOSED), 0.2)
    assert math.isnan(found)
    assert false == pytest.approx(3 / 7)


def test_the_best_threshold_parts_the_eyes() -> None:
    assert best_threshold(OPENNESS, IS_CLOSED) == 0.15
    assert math.isnan(best_threshold(OPENNESS, np.zeros_like(IS_CLOSED)))


def test_figures_show_every_network() -> None:
    predicted = {"68 points": OPENNESS, "12 points": OPENNESS + 0.05}
    scatter = openness_scatter(predicted, OPENNESS, threshold=0.2, title="t")
    assert [axes.get_title() for axes in scatter.axes] == list(predicted)
    curves = detection_curves(predicted, IS_CLOSED, threshold=0.2, title="t").axes[0]
    assert [text.get_text() for text in curves.get_legend().get_texts()] == list(predicted)
    line, marker = curves.get_lines()[:2]
    assert line.get_xydata()[[0, -1]].tolist() == [[0, 0], [100, 100]]
    assert marker.get_xydata().tolist() == [[20, 100]]
