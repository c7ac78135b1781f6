"""Figures of faces: every point stands where it is, every set has one look, and a set's numbers are right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from stand_in import project, random_euler

from src.datasets.description import describe_faces, split_sources
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.evaluation.mean_shapes import align, chance_of_gap, in_pose, mean_shape, shapes_in_pose, turn_right
from src.markup import FLIP_PERMUTATION, MEAN_SHAPE
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


def test_alignment_undoes_any_similarity_map() -> None:
    reference = MEAN_SHAPE[:, :2] * [1, -1]
    angle = np.radians(33)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 7.5 * reference @ turn.T + [100, -30]
    np.testing.assert_allclose(align(moved[None], reference)[0], reference, atol=1e-9)


def test_the_jaw_does_not_steer_the_alignment() -> None:
    reference = MEAN_SHAPE[:, :2] * [1, -1]
    other_jaw = reference.copy()
    other_jaw[:17] += [0, 2]
    shift = align(other_jaw[None], reference)[0] - reference
    np.testing.assert_allclose(shift[17:], 0, atol=1e-9)
    np.testing.assert_allclose(shift[:17], np.broadcast_to([0, 2], (17, 2)), atol=1e-9)


@pytest.mark.parametrize(("yaw", "angles"), [((0, 15), [-5.0, 5.0]), ((40, 60), [50.0, -50.0])])
def test_the_mean_shape_of_mean_faces_is_the_mean_shape_seen_from_there(yaw: tuple, angles: list) -> None:
    euler = np.array([[0, angles[0], 20], [0, angles[1], -35]])
    found = mean_shape(300 * project(euler), euler, yaw=yaw)
    middle = 0.0 if yaw[0] == 0 else 50.0
    expected = project(np.array([[0, middle, 0.0]]), side=np.ptp(MEAN_SHAPE[:, 0]))
    assert np.abs(align(found[None], expected[0])[0] - expected[0]).max() < 0.1  # centimeters


def test_a_pose_that_no_face_has_is_refused() -> None:
    euler = np.array([[0.0, 10, 0], [40, 50, 0]])
    assert in_pose(euler, yaw=(0, 15)).tolist() == [True, False]
    with pytest.raises(InputError, match="40 to 60"):
        mean_shape(project(euler), euler, yaw=(40, 60))


def test_a_habit_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    first, second = (MEAN_SHAPE[:, :2] + rng.normal(0, 0.2, (count, 68, 2)) for count in (40, 15))
    gap, by_chance, p = chance_of_gap(first, second)
    assert gap == pytest.approx(np.linalg.norm(first.mean(0) - second.mean(0), axis=1).mean())
    assert p > 0.05
    assert gap < 2 * by_chance
    moved, by_chance, p = chance_of_gap(first, np.add(second, [0.3, 0.0]))
    assert moved > by_chance
    assert p < 0.01


def test_frontal_faces_are_symmetric_and_each_counts_once() -> None:
    euler = np.array([[0.0, 5, 20], [0, -3, 0], [0, 50, 0]])
    shapes = shapes_in_pose(project(euler), euler, yaw=(0, 15))
    assert shapes.shape == (2, 68, 2)
    np.testing.assert_allclose(shapes[:, FLIP_PERMUTATION] * [-1, 1], shapes, atol=1e-9)


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


def test_turning_right_mirrors_only_faces_that_look_left() -> None:
    euler = np.array([[0.0, 30, 0], [0, -30, 0]])
    points = project(euler, center=(0, 0))
    turned = turn_right(points, euler[:, 1])
    np.testing.assert_allclose(turned[1], turned[0], atol=1e-9)
    np.testing.assert_array_equal(turned[0], points[0])


def test_a_set_is_described_face_by_face(prepared: Path) -> None:
    faces = load_prepared(prepared / "AFLW_validation_data")
    images = np.zeros_like(faces.images)
    images[3] = 51  # a fifth of the range
    table = describe_faces(replace(faces, images=images), np.array([3, 0]))
    assert table["brightness"].tolist() == pytest.approx([20, 0])
    assert table["contrast"].tolist() == pytest.approx([0, 0])
    assert table["picture"].tolist() == [96, 96]
    assert table["yaw"].iloc[0] == pytest.approx(faces.euler[3, 1])
    box = np.ptp(faces.points_unit[3], axis=0)
    assert table["face"].iloc[0] == pytest.approx(100 * np.sqrt(box[0] * box[1]), rel=1e-5)


def test_sources_are_told_apart_by_name(prepared: Path) -> None:
    folders = [load_prepared(prepared / name) for name in ("AFLW_train_data", "AFLW_validation_data")]
    sources = split_sources(folders)
    assert {name: len(rows) for name, (_, rows) in sources.items()} == {"synthetics_train": 40, "aflw_val": 12}
    twice = replace(folders[1], source=np.arange(12) % 2, source_names=np.array(["turned", "turned"]))
    assert split_sources([twice])["turned"][1].tolist() == list(range(12))
    with pytest.raises(InputError, match="aflw_val twice"):
        split_sources([folders[1], folders[1]])
