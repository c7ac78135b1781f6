"""Error figures show the numbers of `src.metrics`."""

import numpy as np
import pandas as pd
import pytest

from src.errors import InputError
from src.evaluation.report import error_table
from src.evaluation.sensitivity import DAMAGES
from src.markup import MEAN_SHAPE, REGIONS
from src.metrics import nme
from src.visualization.errors import (
    ced_curves,
    covariance_ellipses,
    error_by_region_and_yaw,
    interval_dots,
    sensitivity_curves,
)

RNG = np.random.default_rng(0)
ERRORS = RNG.uniform(1, 6, size=(40, 68))
YAW = RNG.uniform(-90, 90, size=40)


def test_the_ced_ends_at_the_share_of_faces_below_the_limit() -> None:
    drawing = ced_curves({"a": ERRORS, "b": ERRORS / 2}, title="CED", limit=3.5)
    share = 100 * (ERRORS.mean(axis=1) <= 3.5).mean()
    assert drawing.axes[0].lines[0].get_ydata()[-1] == pytest.approx(share)
    entry = drawing.legends[0].get_texts()[0].get_text()
    assert f"failures {100 - share:.1f} %" in entry
    assert f"NME {nme(ERRORS):.2f} %" in entry


def test_dots_are_sorted_and_others_have_no_interval() -> None:
    ours = pd.DataFrame(
        {"model": ["a", "b"], "nme": [2.0, 1.5], "low": [1.8, 1.4], "high": [2.3, 1.7], "is_ours": True}
    )
    drawing = interval_dots(ours, title="t")
    assert [label.get_text() for label in drawing.axes[0].get_yticklabels()] == ["a", "b"]
    assert len(drawing.legends[0].get_texts()) == 1
    with_others = pd.concat([ours, pd.DataFrame({"model": ["c"], "nme": [1.7], "is_ours": [False]})], ignore_index=True)
    drawing = interval_dots(with_others, title="t")
    assert [label.get_text() for label in drawing.axes[0].get_yticklabels()] == ["a", "c", "b"]
    ends = [bars[2][0].get_segments() for bars in drawing.axes[0].containers]
    assert ends[0][1][:, 0] == pytest.approx([1.4, 1.7])
    assert ends[1][0][:, 0] == pytest.approx([1.7, 1.7])


def test_a_bin_without_faces_is_empty_and_said_so() -> None:
    table = error_table(ERRORS, np.full(40, 10.0))
    assert table.loc["60-90"].drop("faces").isna().all()
    drawing = error_by_region_and_yaw(table, title="map")
    assert sum(text.get_text() == "no face" for text in drawing.axes[0].texts) == 2 * (1 + len(REGIONS))


def test_ellipses_have_the_axes_of_the_scatter_and_arrows_its_mean() -> None:
    residuals = RNG.normal(0, 1, size=(4000, 68, 2)) * [3, 1] + [2, 0]
    drawing = covariance_ellipses({"all": (MEAN_SHAPE[:, :2], residuals)}, title="scatter")
    ellipse = drawing.axes[0].patches[0]
    assert (ellipse.width, ellipse.height) == pytest.approx((6, 2), rel=0.1)
    assert min(ellipse.angle % 180, 180 - ellipse.angle % 180) < 3
    arrows = drawing.axes[0].collections[0]
    assert (arrows.U.mean(), arrows.V.mean()) == pytest.approx((2, 0), abs=0.05)


def test_a_scatter_of_one_face_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 faces"):
        covariance_ellipses({"profile": (MEAN_SHAPE[:, :2], np.zeros((1, 68, 2)))}, title="scatter")


def test_sensitivity_has_a_panel_a_damage_and_a_line_a_model() -> None:
    rows = [{"damage": kind, "level": x, "nme": 2 + x, "low": 1.0, "high": 4.0} for kind in DAMAGES for x in (0.0, 1.0)]
    drawing = sensitivity_curves({"a": pd.DataFrame(rows), "b": pd.DataFrame(rows)}, units=DAMAGES, title="damage")
    assert [axes.get_xlabel() for axes in drawing.axes] == list(DAMAGES.values())
    assert [len(axes.lines) for axes in drawing.axes] == [2, 2, 2]
    assert drawing.axes[0].lines[0].get_ydata().tolist() == [2, 3]
