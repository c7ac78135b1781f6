"""Figures about eye openness."""

import numpy as np

from src.predict.eyes import roc_auc
from src.visualization.eyes import detection_curves, openness_scatter

OPENNESS = np.array([[0.1, 0.15], [0.3, np.nan], [0.25, 0.12], [0.4, 0.35]])
IS_CLOSED = np.array([[True, True], [False, True], [False, False], [False, False]])


def test_figures_show_every_network() -> None:
    predicted = {"68 points": OPENNESS, "12 points": OPENNESS + 0.05}
    scatter = openness_scatter(predicted, OPENNESS, threshold=0.2, title="t")
    assert [axes.get_title() for axes in scatter.axes] == list(predicted)
    curves = detection_curves(predicted, IS_CLOSED, threshold=0.2, title="t")
    entries = [text.get_text() for text in curves.legends[0].get_texts()]
    auc = roc_auc(OPENNESS, IS_CLOSED)
    assert entries == ["chance: AUC 0.5", *(f"{name}: AUC {auc:.3f}" for name in predicted)]
    chance, line, marker = curves.axes[0].get_lines()[:3]
    assert chance.get_xydata().tolist() == line.get_xydata()[[0, -1]].tolist() == [[0, 0], [100, 100]]
    assert marker.get_xydata().tolist() == [[20, 100]]
