"""Figures of training studies: learning curves, error against cost, bars, amount of data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.stats import linregress, t

from src.visualization.style import NME, caption, figure, legend_beside, mark_mean_face, plot_style, plot_styles

_SPREAD = "{}: mean over the seeds; whisker: one standard deviation to each side"
_LEAST_SIZES, _LEAST_RUNS = 3, 2  # sizes, and runs of each, that a power law is fitted to
_HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")


def learning_curves(
    histories: Mapping[str, Sequence[pd.DataFrame]], *, title: str, mean_face: float | None = None
) -> Figure:
    """Validation NME by epoch, mean and range over the seeds. histories: label -> `Trained.history` of each seed.

    mean_face: the mean face's NME in percent, drawn as a level, here and in the other figures.
    """
    with figure(width=8.2) as (drawing, axes):
        styles = plot_styles(histories)
        for label, frames in histories.items():
            nme = np.stack([frame["validation_nme"] for frame in frames])  # (seeds, epochs)
            epochs = frames[0]["epoch"]
            axes.plot(epochs, nme.mean(axis=0), label=label, markersize=4, **styles[label])
            axes.fill_between(epochs, nme.min(axis=0), nme.max(axis=0), color=styles[label]["color"], alpha=0.2)
        mark_mean_face(axes, mean_face)
        axes.set(xlabel="epoch", ylabel=NME, title=title)
        _log_errors(axes)
        axes.xaxis.get_major_locator().set_params(integer=True)
        legend_beside(axes)
        caption(drawing, "line: mean over the seeds; band: from the lowest to the highest seed")
    return drawing


def pareto(
    table: pd.DataFrame,
    costs: Mapping[str, str],
    *,
    name: str,
    title: str,
    mean_face: float | None = None,
    note: str = _SPREAD.format("marker"),
) -> Figure:
    """Error against each cost, one panel per cost, with its Pareto front.

    table: one row per model with columns `name`, "nme", "nme_std" (the whiskers, which `note` explains) and the costs.
    costs: column -> label of the axis.
    """
    styles = plot_styles(table[name])
    with figure(width=1.8 + 3.8 * len(costs), height=4.4, columns=len(costs)) as (drawing, axes):
        for panel, (column, label) in zip(axes, costs.items(), strict=True):
            for row in table.to_dict("records"):
                style = styles[row[name]] | {"linestyle": "none"}
                panel.errorbar(row[column], row["nme"], yerr=row["nme_std"], capsize=3, label=row[name], **style)
            front = pareto_front(table, column)
            panel.plot(front[column], front["nme"], color="0.5", linewidth=1, zorder=0, label="Pareto front")
            mark_mean_face(panel, mean_face)
            panel.set(xlabel=label, ylabel=NME)
            panel.set_xlim(left=0)
        drawing.suptitle(title, fontsize=11)
        legend_beside(axes[-1])
        caption(drawing, note)
    return drawing


def pareto_front(table: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The rows that no other row beats in both cost and "nme", in order of cost."""
    ordered = table.sort_values([cost, "nme"])
    return ordered[ordered["nme"] < ordered["nme"].cummin().shift(fill_value=np.inf)]


def bars(
    table: pd.DataFrame,
    *,
    name: str,
    title: str,
    label: str = NME,
    ranked: bool = True,
    mean_face: float | None = None,
) -> Figure:
    """One horizontal bar per row, with its spread: the best at the top or, if not `ranked`, in the table's order.

    table: columns `name`, "nme" and "nme_std"; a name without a fixed color gets that of its place.
    """
    styles = plot_styles(table[name])
    ordered = table.sort_values("nme", ascending=False) if ranked else table.iloc[::-1]
    with figure(width=7.0 if mean_face is None else 8.6, height=1.7 + 0.34 * len(table)) as (drawing, axes):
        colors = [styles[row]["color"] for row in ordered[name]]
        drawn = axes.barh(ordered[name], ordered["nme"], xerr=ordered["nme_std"], color=colors, capsize=3)
        _outline_whiskers(drawn)
        for place, (number, spread) in enumerate(zip(ordered["nme"], ordered["nme_std"], strict=True)):
            text = axes.text(max(number, 0) + spread, place, f"  {number:.2f}", va="center")
            text.set_path_effects([withStroke(linewidth=4, foreground="white")])  # a line may pass behind it
        mark_mean_face(axes, mean_face, along="x")
        axes.set(xlabel=label, title=title)
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
        if mean_face is not None:
            legend_beside(axes)
        caption(drawing, _SPREAD.format("bar"))
    return drawing


def grouped_bars(
    table: pd.DataFrame, *, group: str, name: str, title: str, xlabel: str, mean_face: float | None = None
) -> Figure:
    """Bars of "nme" side by side: groups along the x axis, in each one bar per name with its own hatch.

    table: columns `group`, `name`, "nme" and "nme_std".
    """
    groups, names = list(dict.fromkeys(table[group])), list(dict.fromkeys(table[name]))
    width, styles = 0.8 / len(names), plot_styles(names)
    with figure(width=8.6) as (drawing, axes):
        for position, one in enumerate(names):
            rows = table[table[name] == one].set_index(group).reindex(groups)
            places = np.arange(len(groups)) + (position - (len(names) - 1) / 2) * width
            shape = {"color": styles[one]["color"], "hatch": _HATCHES[position % len(_HATCHES)], "edgecolor": "white"}
            drawn = axes.bar(places, rows["nme"], width, yerr=rows["nme_std"], capsize=2, label=one, **shape)
            _outline_whiskers(drawn)
        mark_mean_face(axes, mean_face, of=", all groups")
        axes.set_xticks(range(len(groups)), groups)
        axes.set(xlabel=xlabel, ylabel=NME, title=title)
        axes.grid(axis="x", visible=False)
        legend_beside(axes)
        caption(drawing, _SPREAD.format("bar"))
    return drawing


def bar_panels(
    tables: Mapping[str, pd.DataFrame], *, by: str, title: str, mean_face: Mapping[str, float] | None = None
) -> Figure:
    """One panel of horizontal bars per condition: mean NME, standard deviation over seeds.

    tables: condition -> frame with columns `by`, a mean and its standard deviation, in this order (from
    `src.notebook.data.mean_and_spread`). mean_face: condition -> its NME on these faces.
    """
    names = next(iter(tables.values()))[by]
    with figure(width=2.2 + 2.3 * len(tables), height=1.2 + 0.32 * len(names), columns=len(tables)) as (drawing, grid):
        for axes, (condition, table) in zip(grid, tables.items(), strict=True):
            _, mean, spread = table.columns[:3]
            colors = [style["color"] for style in plot_styles(names).values()]
            _outline_whiskers(axes.barh(range(len(names)), table[mean], xerr=table[spread], color=colors, capsize=3))
            axes.set(title=condition, xlabel=NME)
            axes.set_yticks(range(len(names)), names if axes is grid[0] else [""] * len(names))
            axes.invert_yaxis()
            if mean_face is not None:
                mark_mean_face(axes, mean_face[condition], along="x")
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), fontsize=8)
        drawing.suptitle(title)
        caption(drawing, _SPREAD.format("bar"))
        return drawing


def _outline_whiskers(drawn: BarContainer) -> None:
    """A white outline, so that whiskers show on every color, black included."""
    _, caps, lines = drawn.errorbar
    for artist in (*caps, *lines):
        artist.set_path_effects([withStroke(linewidth=3, foreground="white")])


@dataclass(frozen=True)
class PowerLaw:
    """error = factor * size^power, fitted to single runs. low, high: the 95 % interval of the power."""

    factor: float
    power: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the power differs significantly from 0, that is, whether the size matters at all."""
        return self.low > 0 or self.high < 0


def fit_power_law(size: np.ndarray, error: np.ndarray) -> PowerLaw | None:
    """Least squares of the logarithms, with a t interval. size, error: (N,), one entry per run.

    None unless at least three sizes were run at least twice, as a line fits any two points.
    """
    sizes, runs = np.unique(size, return_counts=True)
    if len(sizes) < _LEAST_SIZES or runs.min() < _LEAST_RUNS:
        return None
    fitted = linregress(np.log(size), np.log(error))
    reach = t.ppf(0.975, len(size) - 2) * fitted.stderr
    return PowerLaw(float(np.exp(fitted.intercept)), fitted.slope, fitted.slope - reach, fitted.slope + reach)


def error_by_size(
    table: pd.DataFrame,
    *,
    size: str,
    xlabel: str,
    title: str,
    by: str = "",
    law: PowerLaw | None = None,
    mean_face: float | None = None,
) -> Figure:
    """NME against a size or a length, both logarithmic. Columns: `size`, "nme", "nme_std".

    by: a column whose names get one line each. law: of a single line; drawn if it `is_certain`.
    """
    groups = dict(list(table.groupby(by, sort=False))) if by else {"measured": table}
    with figure(width=8.2) as (drawing, axes):
        styles = plot_styles(groups)
        for label, rows in groups.items():
            axes.errorbar(rows[size], rows["nme"], yerr=rows["nme_std"], capsize=3, label=label, **styles[label])
        if law is not None and law.is_certain:
            fitted = law.factor * table[size].astype(float) ** law.power
            label = f"{law.factor:.3g} N$^{{{law.power:.2f}}}$\n(power {law.low:.2f} to {law.high:.2f})"
            axes.plot(table[size], fitted, color="0.4", linestyle="--", label=label)
        mark_mean_face(axes, mean_face)
        axes.set(xscale="log", xlabel=xlabel, ylabel=NME, title=title)
        _log_errors(axes)
        sizes = list(dict.fromkeys(table[size]))
        axes.set_xticks(sizes, [str(number) for number in sizes])
        axes.set_xticks([], minor=True)
        legend_beside(axes)
        caption(drawing, _SPREAD.format("marker"))
    return drawing


def _log_errors(axes: Axes) -> None:
    """A logarithmic axis of errors, with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")


def learning_rates(rates: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Schedules: label -> learning rate at equal steps from the start of a run to its end."""
    with figure(width=8.2, height=3.0) as (drawing, axes):
        for position, (label, rate) in enumerate(rates.items()):
            style = plot_style(label, position) | {"marker": "none"}
            axes.plot(np.linspace(0, 100, len(rate)), rate, label=label, **style)
        axes.set(xlabel="progress of the run (%)", ylabel="learning rate", title=title)
        legend_beside(axes)
    return drawing
