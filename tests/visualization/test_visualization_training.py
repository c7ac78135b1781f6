"""Figures of studies: what they show is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from src.visualization.pose import angle_scatter
from src.visualization.style import plot_style
from src.visualization.training import (
    bar_panels,
    bars,
    error_by_size,
    fit_power_law,
    grouped_bars,
    learning_curves,
    learning_rates,
    pareto,
    pareto_front,
)

TABLE = pd.DataFrame(
    {"name": ["a", "b", "c"], "cost": [1.0, 2.0, 3.0], "nme": [5.0, 6.0, 4.0], "nme_std": [0.1, 0.2, 0.3], "n": 2}
)


def test_the_front_holds_what_no_other_row_beats() -> None:
    assert pareto_front(TABLE, "cost")["name"].tolist() == ["a", "c"]


def test_learning_curves_show_the_mean_of_the_seeds() -> None:
    frames = [pd.DataFrame({"epoch": [1, 2], "validation_nme": nme}) for nme in ([9.0, 5.0], [7.0, 3.0])]
    axes = learning_curves({"pfld": frames}, title="t").axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [8.0, 4.0])
    assert axes.lines[0].get_color() == plot_style("pfld")["color"]


def test_pareto_has_a_panel_for_every_cost() -> None:
    panels = pareto(TABLE, {"cost": "cost (ms)", "nme_std": "other (MB)"}, name="name", title="t").axes
    assert [panel.get_xlabel() for panel in panels] == ["cost (ms)", "other (MB)"]


def test_bars_are_sorted_with_the_best_at_the_top() -> None:
    axes = bars(TABLE, name="name", title="t").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "a", "c"]
    assert [bar.get_width() for bar in axes.patches] == [6.0, 5.0, 4.0]


def test_bars_of_steps_keep_the_order_of_the_table() -> None:
    axes = bars(TABLE, name="name", title="t", ranked=False).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["c", "b", "a"]  # from the bottom


def test_a_row_has_the_color_of_its_place_in_the_table_however_it_is_ranked() -> None:
    colors = {
        ranked: [bar.get_facecolor() for bar in bars(TABLE, name="name", title="t", ranked=ranked).axes[0].patches]
        for ranked in (True, False)
    }
    assert colors[True] == [colors[False][::-1][place] for place in (1, 0, 2)]


def test_the_mean_face_is_a_level_in_every_figure_of_errors() -> None:
    level = 3.5
    frames = [pd.DataFrame({"epoch": [1, 2], "validation_nme": [9.0, 5.0]})]
    grouped = pd.DataFrame({"yaw": ["0-30"], "way": ["x"], "nme": [2.0], "nme_std": 0.0})
    figures = (
        bars(TABLE, name="name", title="t", mean_face=level),
        pareto(TABLE, {"cost": "cost"}, name="name", title="t", mean_face=level),
        learning_curves({"a": frames}, title="t", mean_face=level),
        grouped_bars(grouped, group="yaw", name="way", title="t", xlabel="yaw", mean_face=level),
        error_by_size(TABLE, size="cost", xlabel="x", title="t", mean_face=level),
    )
    for drawing in figures:
        (line,) = (line for line in drawing.axes[0].lines if "mean face" in str(line.get_label()))
        assert level in (line.get_xdata()[0], line.get_ydata()[0])
        assert drawing.get_supxlabel()  # what bars and bands are
        assert drawing.dpi >= 110


def test_grouped_bars_leave_a_gap_where_a_value_is_missing() -> None:
    table = pd.DataFrame({"yaw": ["0-30", "0-30", "30-60"], "way": ["x", "y", "x"], "nme": [1.0, 2.0, 3.0]})
    axes = grouped_bars(table.assign(nme_std=0.0), group="yaw", name="way", title="t", xlabel="yaw").axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights[:3] == [1.0, 3.0, 2.0]
    assert np.isnan(heights[3])


def test_bars_of_panels_stand_for_the_means_and_their_whiskers_for_the_spread() -> None:
    table = pd.DataFrame({"augmentation": ["none", "gray"], "nme": [3.0, 2.0], "nme_std": [0.5, 0.25], "n": [2, 2]})
    levels = {"clean": 4.0, "blur": 5.0}
    drawing = bar_panels(dict.fromkeys(levels, table), by="augmentation", title="ablation", mean_face=levels)
    first, second = drawing.axes
    assert [axes.lines[-1].get_xdata()[0] for axes in drawing.axes] == [4, 5]
    assert [bar.get_width() for bar in first.patches] == [3, 2]
    whiskers = first.collections[0].get_segments()
    assert [tuple(segment[:, 0]) for segment in whiskers] == [(2.5, 3.5), (1.75, 2.25)]
    assert [label.get_text() for label in first.get_yticklabels()] == ["none", "gray"]
    assert [label.get_text() for label in second.get_yticklabels()] == ["", ""]


def test_ten_bars_of_a_group_have_ten_colors_and_show_their_whiskers() -> None:
    table = pd.DataFrame({"group": "a", "name": [f"step {i}" for i in range(10)], "nme": 2.0, "nme_std": 1.0})
    axes = grouped_bars(table, group="group", name="name", title="t", xlabel="x").axes[0]
    drawn = [container for container in axes.containers if hasattr(container, "patches")]
    assert len({bar.patches[0].get_facecolor() for bar in drawn}) == 10
    assert all(artist.get_path_effects() for bar in drawn for artist in (*bar.errorbar[1], *bar.errorbar[2]))


def test_a_power_law_is_found_and_drawn_where_the_size_matters() -> None:
    sizes = np.repeat([100, 200, 400], 2)
    law = fit_power_law(sizes, 50 * sizes**-0.3 * np.tile([1.01, 0.99], 3))
    assert (law.factor, law.power) == (pytest.approx(50, rel=0.01), pytest.approx(-0.3, abs=0.01))
    assert law.low < -0.3 < law.high < 0
    noise = fit_power_law(sizes, np.array([5.0, 4.0, 4.1, 5.2, 4.9, 4.2]))
    assert not noise.is_certain
    table = pd.DataFrame({"faces": [100, 200, 400], "nme": [12.6, 10.2, 8.3], "nme_std": 0.1})
    for of_runs, legend in ((law, 2), (noise, 1), (None, 1)):
        axes = error_by_size(table, size="faces", xlabel="faces", title="t", law=of_runs).axes[0]
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert len(axes.get_legend().get_texts()) == legend


@pytest.mark.parametrize("sizes", [[100, 100, 200, 200], [100, 200, 400], [100, 100, 200, 200, 400]])
def test_two_sizes_or_single_runs_allow_no_law(sizes: list[int]) -> None:
    assert fit_power_law(np.array(sizes), 50 * np.array(sizes) ** -0.3) is None


def test_angles_get_a_panel_each() -> None:
    euler = np.random.default_rng(0).normal(size=(6, 3))
    panels = angle_scatter({"branch": euler}, euler, title="t").axes
    assert [panel.get_xlabel().split()[1] for panel in panels] == ["pitch", "yaw", "roll"]
    np.testing.assert_array_equal(panels[1].lines[0].get_ydata(), euler[:, 1])


def test_schedules_span_the_run() -> None:
    line = learning_rates({"cosine": np.linspace(1, 0, 11)}, title="t").axes[0].lines[0]
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (0, 100)
