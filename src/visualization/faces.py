"""Figures of faces: pictures with points, overlaid mean shapes, and distributions over a set of faces."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from src.errors import InputError
from src.markup import CONTOURS
from src.visualization import sheet
from src.visualization.style import figure, legend_beside, plot_style

PREDICTED, TRUE = ("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in (sheet.PREDICTED, sheet.TRUE))
_TILE = 1.6  # inches


def draw_points(axes: Axes, points: np.ndarray, *, contours: bool = True, **style: object) -> None:
    """Draw the mark-up's contours and dots. points: (68, 2) in the axes' units. style: of the lines and markers."""
    style = {"color": PREDICTED, "linewidth": 0.8, "marker": ".", "markersize": 2} | style
    label = style.pop("label", None)
    if not contours:
        style["linestyle"] = "none"
    for first, last, closed in CONTOURS:
        line = points[first : last + 1]
        line = np.concatenate([line, line[:1]]) if closed else line
        axes.plot(line[:, 0], line[:, 1], label=label, **style)
        label = None  # one legend entry per face


def _show_face(
    axes: Axes,
    picture: np.ndarray,
    points: np.ndarray | None = None,
    *,
    true_points: np.ndarray | None = None,
    caption: str = "",
) -> None:
    """Draw a picture (H, W, 3), uint8 or float in [0, 1], with predicted points as lines and true ones as dots.

    points and true_points: (68, 2) in the unit square of the picture.
    """
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0))  # a picture spans [0, W] x [0, H]
    if points is not None:
        draw_points(axes, points * [width, height])
    if true_points is not None:
        draw_points(axes, true_points * [width, height], contours=False, color=TRUE, markersize=2.5)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    if caption:
        axes.set_title(caption, fontsize=8, pad=3)


def face_grid(
    pictures: np.ndarray,
    points: np.ndarray | None = None,
    *,
    title: str,
    true_points: np.ndarray | None = None,
    captions: Sequence[str] = (),
    columns: int = 6,
    tile: float = _TILE,
) -> Figure:
    """Faces side by side. pictures: (N, H, W, 3). points and true_points: (N, 68, 2) in each picture's unit square.

    captions: one per face. tile: side of a picture in inches. Raises InputError for no pictures.
    """
    if len(pictures) == 0:
        raise InputError("expected at least one face to draw, found none")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    with _tiles(rows, columns, title, tile) as (drawing, grid):
        for axes in grid.flat:
            axes.set_axis_off()
        for i, (axes, picture) in enumerate(zip(grid.flat, pictures, strict=False)):
            _show_face(
                axes,
                picture,
                None if points is None else points[i],
                true_points=None if true_points is None else true_points[i],
                caption=captions[i] if captions else "",
            )
        return drawing


def face_rows(rows: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str) -> Figure:
    """One row of faces per name. Each is pictures (N, H, W, 3) and points (N, 68, 2) in [0, 1]."""
    if not rows:
        raise InputError("expected at least one row of faces to draw, found none")
    columns = max(len(pictures) for pictures, _ in rows.values())
    with _tiles(len(rows), columns, title) as (drawing, grid):
        for line, (name, (pictures, points)) in zip(grid, rows.items(), strict=True):
            for axes, picture, face in zip(line, pictures, points, strict=True):
                _show_face(axes, picture, face)
            line[0].text(-0.06, 0.5, name, transform=line[0].transAxes, ha="right", va="center")
        return drawing


def shape_overlay(panels: Mapping[str, Mapping[str, np.ndarray]], *, title: str) -> Figure:
    """Shapes drawn over each other, one panel per name: panel -> source -> (68, 2) in centimeters, y down.

    A source has the same color, line style and marker in every panel, so that a gray print is readable.
    """
    places = _places(panels)
    with figure(width=5 * len(panels), height=5.2, columns=len(panels)) as (drawing, grid):
        for axes, (name, shapes) in zip(grid, panels.items(), strict=True):
            for source, shape in shapes.items():
                draw_points(
                    axes, shape, label=source, markersize=4, linewidth=1.3, **plot_style(source, places[source])
                )
            axes.set(title=name, xlabel="x (cm)", ylabel="y (cm), down", aspect="equal")
            axes.invert_yaxis()
        lines = {line.get_label(): line for axes in drawing.axes for line in axes.get_legend_handles_labels()[0]}
        drawing.legend(lines.values(), lines, loc="outside lower center", ncols=3, fontsize=9)
        drawing.suptitle(title)
        return drawing


def histograms(panels: Mapping[str, Mapping[str, np.ndarray]], *, title: str, bins: int = 24) -> Figure:
    """Distributions as shares of each source, one panel per quantity: {"yaw (degrees)": {source: values (N,)}}."""
    places = _places(panels)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    with figure(width=4 * columns, height=3 * rows, rows=rows, columns=columns) as (drawing, grid):
        grid = grid.ravel()
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for axes, (quantity, by_source) in zip(grid, panels.items(), strict=False):
            everything = np.concatenate(list(by_source.values()))
            edges = np.histogram_bin_edges(everything, bins)
            for source, values in by_source.items():
                style = plot_style(source, places[source])
                share = 100 * np.histogram(values, edges)[0] / len(values)
                axes.stairs(
                    share, edges, label=source, color=style["color"], linestyle=style["linestyle"], linewidth=1.5
                )
            axes.set(xlabel=quantity, ylabel="faces (%)")
        handles, labels = grid[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
        drawing.suptitle(title)
        return drawing


def gap_bars(table: pd.DataFrame, *, columns: Sequence[str], names: Sequence[str], title: str) -> Figure:
    """Distances of each set's mean face from another's: one panel per pose, one group per column, one bar per set.

    table: one row per pose and set, with "pose", "set", the columns in millimeters and "by chance", marked by a tick on
    the first column's bar. names: all sets, in the order that decides their colors in every figure.
    """
    panels = list(dict.fromkeys(table["pose"]))
    with figure(width=1.8 + 5.2 * len(panels), height=3.6, columns=len(panels)) as (drawing, grid):
        for axes, pose in zip(grid, panels, strict=True):
            rows = table[table["pose"] == pose]
            width = 0.8 / len(rows)
            for place, row in enumerate(rows.to_dict("records")):
                x = np.arange(len(columns)) + (place - (len(rows) - 1) / 2) * width
                color = plot_style(row["set"], names.index(row["set"]))["color"]
                axes.bar(x, [row[column] for column in columns], width, label=row["set"], color=color)
                mark = {"color": "black", "linewidth": 2, "path_effects": [withStroke(linewidth=4, foreground="white")]}
                label = None if place else "chance (95 %)"
                axes.hlines(row["by chance"], x[0] - width / 2, x[0] + width / 2, label=label, **mark)
            axes.set_xticks(range(len(columns)), columns)
            axes.set(ylabel="gap (mm)", title=pose)
            axes.grid(axis="x", visible=False)
        legend_beside(grid[-1])
        drawing.suptitle(title)
        return drawing


def mesh_over_photo(
    photo: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray, *, title: str
) -> Figure:
    """A fitted mesh over its photograph (S, S, 3), next to the points that it was fitted to.

    vertices: (V, 2) and points: (68, 2), pixels of the photograph. triangles: (T, 3) vertex indices.
    """
    with figure(width=9, height=4.7, columns=2) as (drawing, grid):
        for axes in grid:
            _show_face(axes, photo)
        draw_points(grid[0], points)
        grid[1].triplot(*vertices.T, triangles, linewidth=0.15, color="white", alpha=0.6)
        draw_points(grid[1], points, contours=False, markersize=4)
        drawing.suptitle(title)
        return drawing


@contextmanager
def _tiles(rows: int, columns: int, title: str, tile: float = _TILE) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure of small pictures: axes (rows, columns)."""
    with figure(width=tile * columns, height=tile * rows + 0.5, rows=rows, columns=columns) as (drawing, axes):
        drawing.suptitle(title)
        yield drawing, np.reshape(axes, (rows, columns))


def _places(panels: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, int]:
    """Each source's index among all of them, which decides its style in every panel."""
    sources = dict.fromkeys(source for of_panel in panels.values() for source in of_panel)
    return {source: place for place, source in enumerate(sources)}
