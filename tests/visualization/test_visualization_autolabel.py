"""Figures of auto-labeling."""

import pandas as pd
import pytest

from src.visualization.autolabel import error_by_round


def test_references_and_the_mean_face_are_levels_beside_the_rounds() -> None:
    rounds = pd.DataFrame({"round": [0, 1], "held_out_nme": [5.0, 4.0], "pseudo_nme": [float("nan"), 4.5]})
    (axes,) = error_by_round(rounds, {"all labels": 2.0}, title="t", mean_face=9.0).axes
    levels = {line.get_label(): line.get_ydata()[-1] for line in axes.lines}
    named = {"held-out faces": 4.0, "pseudo-labels trained on": 4.5, "all labels": 2.0, "mean face (9.00)": 9.0}
    assert levels == pytest.approx(named)
