"""Figures of errors: cumulative curves, by region and pose, scatter of each point, sensitivity to damage."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from src.errors import InputError
from src.metrics import auc, cumulative_errors, failure_rate, nme
from src.visualization.faces import draw_points
from src.visualization.style import NME, PERCENT, caption, color, figure, legend_beside, plot_style


def ced_curves(errors: Mapping[str, np.ndarray], *, title: str, limit: float) -> Figure:
    """Cumulative error distribution of each model, with its AUC and failure rate.

    errors: model -> (N, 68) in percent of sqrt(H * W). limit: percent; a face beyond it has failed.
    """
    thresholds = np.linspace(0, limit, 251)
    with figure(width=6.5, height=4.2 + 0.16 * len(errors)) as (drawing, axes):
        for i, (model, of_model) in enumerate(errors.items()):
            label = (
                f"{model}: NME {nme(of_model):.2f} %, AUC {auc(of_model, limit):.3f}, "
                f"failures {100 * failure_rate(of_model, limit):.1f} %"
            )
            style = plot_style(model, i) | {"marker": ""}
            axes.plot(thresholds, 100 * cumulative_errors(of_model, thresholds), label=label, **style)
        axes.set(xlabel=f"NME of a face ({PERCENT})", ylabel="faces with at most this NME (%)", title=title)
        axes.set(xlim=(0, limit), ylim=(0, 101))
        drawing.legend(loc="outside lower center", fontsize=8)
        return drawing


def interval_dots(table: pd.DataFrame, *, title: str) -> Figure:
    """One dot per model, with the 95 % interval over faces as its bar and the smallest error at the top.

    table: columns model, nme, low and high in percent, and is_ours. An open dot without a bar is a figure from others
    (not is_ours; low and high NaN).
    """
    ordered = table.sort_values("nme", ascending=False).reset_index(drop=True)
    kinds = {"measured here, 95 % interval over faces": ordered["is_ours"], "of others": ~ordered["is_ours"]}
    with figure(width=7.5, height=1.6 + 0.3 * len(ordered)) as (drawing, axes):
        for position, (label, chosen) in enumerate(kinds.items()):
            rows, shade = ordered[chosen], color("", position)
            if rows.empty:
                continue
            bars = np.nan_to_num([rows["nme"] - rows["low"], rows["high"] - rows["nme"]])
            face = "white" if position else shade
            axes.errorbar(rows["nme"], rows.index, xerr=bars, fmt="o", color=shade, mfc=face, capsize=3, label=label)
        axes.set_yticks(range(len(ordered)), ordered["model"])
        axes.set(xlabel=NME, title=title)
        drawing.legend(loc="outside lower center", ncols=2, fontsize=8)
        return drawing


def error_by_region_and_yaw(table: pd.DataFrame, *, title: str) -> Figure:
    """The NME as a map of gray cells with their numbers: regions down, bins of |yaw| across.

    table: from `src.evaluation.report.error_table`.
    """
    values, counts = table.drop(columns="faces").T, table["faces"]
    with figure(width=6, height=3.8) as (drawing, axes):
        image = axes.imshow(values, cmap="Greys", vmin=0, aspect="auto")
        middle = np.nanmax(values.to_numpy()) / 2
        for row, column in np.ndindex(values.shape):
            value = values.iat[row, column]
            text = "no face" if np.isnan(value) else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color="white" if value > middle else "black")
        axes.set_xticks(range(len(counts)), [f"{name}\nn = {count}" for name, count in counts.items()])
        axes.set_yticks(range(len(values)), values.index)
        axes.set(xlabel="|yaw| (degrees)", ylabel="region", title=title)
        axes.grid(visible=False)
        drawing.colorbar(image, label=NME)
        return drawing


def covariance_ellipses(shapes: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str) -> Figure:
    """The scatter of each point's error as an ellipse of one standard deviation, and its mean error as an arrow.

    shapes: panel -> points (68, 2), where the ellipses are drawn, and residuals (N, 68, 2), prediction - truth; all in
    percent of the picture, y down, at the same scale. Raises InputError for fewer than two faces in a panel.
    """
    with figure(width=5 * len(shapes), height=5, columns=len(shapes)) as (drawing, grid):
        for axes, (name, (points, residuals)) in zip(grid, shapes.items(), strict=True):
            if len(residuals) < 2:
                raise InputError(f"{name}: a scatter needs at least 2 faces, found {len(residuals)}")
            draw_points(axes, points, color="0.6", linewidth=0.6, markersize=1)
            for point, of_point in zip(points, np.moveaxis(residuals, 1, 0), strict=True):
                axes.add_patch(_ellipse(point, of_point))
            bias = residuals.mean(axis=0)
            axes.quiver(*points.T, *bias.T, angles="xy", scale_units="xy", scale=1, color=color("", 1), width=0.006)
            axes.set(title=f"{name} (n = {len(residuals)})", aspect="equal")
            axes.set(xlabel="x (% of the picture's side)", ylabel="y (% of the picture's side), down")
            axes.margins(0.08)
            axes.invert_yaxis()
        drawing.suptitle(title)
        return drawing


def sensitivity_curves(frames: Mapping[str, pd.DataFrame], *, units: Mapping[str, str], title: str) -> Figure:
    """NME against the strength of each kind of damage, one panel per kind, with the 95 % interval over faces.

    frames: model -> rows from `src.evaluation.sensitivity.measure` for any number of kinds. units: kind -> unit of its
    level.
    """
    with figure(width=4 * len(units), height=3.4, columns=len(units)) as (drawing, grid):
        for axes, (damage, unit) in zip(grid, units.items(), strict=True):
            for i, (model, frame) in enumerate(frames.items()):
                rows = frame[frame["damage"] == damage]
                axes.plot(rows["level"], rows["nme"], label=model, markersize=4, **plot_style(model, i))
                axes.fill_between(rows["level"], rows["low"], rows["high"], color=color(model, i), alpha=0.2, lw=0)
            axes.set(title=damage, xlabel=unit, ylabel=NME)
            axes.set_ylim(bottom=0)
        legend_beside(grid[-1])
        drawing.suptitle(title)
        caption(drawing, "line: mean; band: 95 % interval over the faces")
        return drawing


def _ellipse(center: np.ndarray, residuals: np.ndarray) -> Ellipse:
    """One standard deviation of residuals (N, 2) in every direction, drawn around a point (2,)."""
    variances, axes = np.linalg.eigh(np.cov(residuals.T))
    height, width = 2 * np.sqrt(np.maximum(variances, 0))
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
    return Ellipse(center, width, height, angle=angle, color=color("", 0), alpha=0.35)
