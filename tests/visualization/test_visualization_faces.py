"""Figures of faces: every point stands where it is, and every set has one look."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from stand_in import project, random_euler

from src.errors import InputError
from src.markup import MEAN_SHAPE
from src.visualization.faces import (
    draw_points,
    face_grid,
    face_rows,
    gap_bars,
    histograms,
    mesh_over_photo,
    shape_overlay,
)
from src.visualization.style import figure, plot_style


def _drawn_points(axes: object) -> set[tuple[float, float]]:
    return {tuple(np.round(point, 6)) for line in axes.lines for point in line.get_xydata()}


def _pictures(count: int) -> np.ndarray:
    return np.full((count, 20, 40, 3), 90, np.uint8)


def test_all_points_are_drawn_at_their_places_of_a_picture_that_is_not_square() -> None:
    points = project(random_euler(2))
    drawing = face_grid(_pictures(2), points, true_points=points + 0.1, title="faces", captions=["a", "b"])
    axes = drawing.axes[1]
    expected = np.concatenate([points[1], points[1] + 0.1]) * [40, 20]
    assert _drawn_points(axes) == {tuple(np.round(point, 6)) for point in expected}
    assert axes.get_title() == "b"
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 40), (20, 0))


def test_a_grid_has_a_place_for_every_face_and_hides_the_rest() -> None:
    drawing = face_grid(_pictures(7), title="faces", columns=3)
    assert len(drawing.axes) == 9
    assert [bool(axes.images) for axes in drawing.axes] == [True] * 7 + [False] * 2
    assert not any(axes.axison for axes in drawing.axes)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InputError, match="at least one face"):
        face_grid(_pictures(0), title="none")
    with pytest.raises(InputError, match="at least one row"):
        face_rows({}, title="none")


def test_rows_carry_their_names() -> None:
    points = project(random_euler(3))
    drawing = face_rows({"gray": (_pictures(3), points), "flip": (_pictures(3), points)}, title="transforms")
    assert [axes.texts[0].get_text() for axes in drawing.axes if axes.texts] == ["gray", "flip"]


def test_closed_contours_are_closed_and_a_face_has_one_entry_in_the_legend() -> None:
    with figure() as (_, axes):
        draw_points(axes, MEAN_SHAPE[:, :2], label="face")
        eye = axes.lines[5].get_xydata()
        assert (eye[0] == eye[-1]).all()
        assert len(axes.get_legend_handles_labels()[1]) == 1


def test_a_source_looks_the_same_in_every_panel() -> None:
    shape = MEAN_SHAPE[:, :2]
    drawing = shape_overlay({"frontal": {"a": shape, "b": shape}, "turned": {"b": shape}}, title="shapes")
    first, second = drawing.axes
    assert second.lines[0].get_color() == first.lines[-1].get_color() != first.lines[0].get_color()
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["a", "b"]


def test_histograms_are_shares_of_each_source_over_common_bins() -> None:
    values = {"few": np.array([0.0, 1.0]), "many": np.linspace(0, 4, 100)}
    drawing = histograms({"yaw (degrees)": values, "roll (degrees)": values}, title="poses", bins=8)
    stairs = drawing.axes[0].patches
    assert [patch.get_data().values.sum() for patch in stairs] == pytest.approx([100, 100])
    assert (stairs[0].get_data().edges == stairs[1].get_data().edges).all()
    assert drawing.axes[0].get_xlabel() == "yaw (degrees)"


def test_gaps_have_a_bar_a_set_and_a_mark_of_chance() -> None:
    row = {"pose": "frontal", "all": 2.0, "jaw": 3.0, "by chance": 0.5}
    table = pd.DataFrame([row | {"set": "a"}, row | {"set": "c", "all": 1.0}])
    drawing = gap_bars(table, columns=["all", "jaw"], names=["a", "b", "c"], title="t")
    assert [bar.get_height() for bar in drawing.axes[0].patches] == [2.0, 3.0, 1.0, 3.0]
    assert drawing.axes[0].patches[2].get_facecolor() == to_rgba(plot_style("c", 2)["color"])
    assert [marks.get_segments()[0][0][1] for marks in drawing.axes[0].collections] == [0.5, 0.5]


def test_a_mesh_lies_over_its_photograph() -> None:
    vertices, triangles = np.array([[0.0, 0], [8, 0], [0, 8]]), np.array([[0, 1, 2]])
    points = np.full((68, 2), 4.0)
    drawing = mesh_over_photo(np.zeros((8, 8, 3), np.uint8), vertices, triangles, points, title="t")
    assert len(drawing.axes) == 2
    assert [axes.get_xlim() for axes in drawing.axes] == [(0, 8), (0, 8)]
