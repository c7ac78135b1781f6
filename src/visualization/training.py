"""Figures of training studies: learning curves, cost against error, bars, amount of data."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.visualization.style import color, figure, plot_style

NME = "NME (% of sqrt(H W))"
_HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")


def learning_curves(histories: Mapping[str, Sequence[pd.DataFrame]], *, title: str) -> Figure:
    """Validation NME by epoch. histories: label -> `Trained.history` of each seed; mean and range over the seeds."""
    with figure() as (drawing, axes):
        for position, (label, frames) in enumerate(histories.items()):
            nme = np.stack([frame["validation_nme"] for frame in frames])  # (seeds, epochs)
            epochs = frames[0]["epoch"]
            axes.plot(epochs, nme.mean(axis=0), label=label, **plot_style(label, position))
            axes.fill_between(epochs, nme.min(axis=0), nme.max(axis=0), color=color(label, position), alpha=0.2)
        axes.set(xlabel="epoch", ylabel=NME, title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return drawing


def pareto(table: pd.DataFrame, costs: Mapping[str, str], *, name: str, title: str) -> Figure:
    """Error against each cost, one panel a cost, with the front that no row beats in both.

    table: a row a model with columns `name`, "nme", "nme_std" and the costs. costs: column -> label of the axis.
    """
    with figure(width=5.2 * len(costs), height=4.4, columns=len(costs)) as (drawing, axes):
        for panel, (column, label) in zip(np.atleast_1d(axes), costs.items(), strict=True):
            for position, row in enumerate(table.to_dict("records")):
                style = plot_style(row[name], position) | {"linestyle": "none"}
                panel.errorbar(row[column], row["nme"], yerr=row["nme_std"], capsize=3, label=row[name], **style)
            front = pareto_front(table, column)
            panel.plot(front[column], front["nme"], color="0.5", linewidth=1, zorder=0)
            panel.set(xlabel=label, ylabel=NME)
            panel.set_xlim(left=0)
        drawing.suptitle(title, fontsize=11)
        np.atleast_1d(axes)[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return drawing


def pareto_front(table: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The rows that no other row beats in both cost and "nme", by rising cost."""
    ordered = table.sort_values([cost, "nme"])
    return ordered[ordered["nme"] < ordered["nme"].cummin().shift(fill_value=np.inf)]


def bars(table: pd.DataFrame, *, name: str, title: str, value: str = "nme", label: str = NME) -> Figure:
    """A horizontal bar a row, the best at the top, with its spread. Columns: `name`, `value` and `<value>_std`."""
    ordered = table.sort_values(value, ascending=False)
    with figure(height=1.4 + 0.34 * len(table)) as (drawing, axes):
        colors = [color(row, place) for place, row in zip(ordered.index, ordered[name], strict=True)]
        axes.barh(ordered[name], ordered[value], xerr=ordered[f"{value}_std"], color=colors, capsize=3)
        for place, (number, spread) in enumerate(zip(ordered[value], ordered[f"{value}_std"], strict=True)):
            axes.text(number + spread, place, f"  {number:.2f}", va="center")
        axes.set(xlabel=label, title=title)
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
    return drawing


def grouped_bars(table: pd.DataFrame, *, group: str, name: str, title: str, xlabel: str) -> Figure:
    """Bars of "nme" side by side: a group on the x axis, a bar of its own hatch for each name. Needs "nme_std"."""
    groups, names = list(dict.fromkeys(table[group])), list(dict.fromkeys(table[name]))
    width = 0.8 / len(names)
    with figure() as (drawing, axes):
        for position, one in enumerate(names):
            rows = table[table[name] == one].set_index(group).reindex(groups)
            places = np.arange(len(groups)) + (position - (len(names) - 1) / 2) * width
            shape = {"color": color(one, position), "hatch": _HATCHES[position % len(_HATCHES)], "edgecolor": "white"}
            axes.bar(places, rows["nme"], width, yerr=rows["nme_std"], capsize=3, label=one, **shape)
        axes.set_xticks(range(len(groups)), groups)
        axes.set(xlabel=xlabel, ylabel=NME, title=title)
        axes.grid(axis="x", visible=False)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return drawing


def error_by_size(table: pd.DataFrame, *, size: str, xlabel: str, title: str) -> Figure:
    """NME against a size, both logarithmic, with the power law that fits it. Columns: `size`, "nme", "nme_std"."""
    factor, power = fit_power_law(table[size].to_numpy(), table["nme"].to_numpy())
    with figure() as (drawing, axes):
        axes.errorbar(
            table[size], table["nme"], yerr=table["nme_std"], capsize=3, label="measured", **plot_style("", 0)
        )
        fitted = factor * table[size].astype(float) ** power
        axes.plot(table[size], fitted, color="0.4", linestyle="--", label=f"NME = {factor:.3g} N$^{{{power:.2f}}}$")
        axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=NME, title=title)
        axes.set_xticks(table[size], [str(number) for number in table[size]])
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.legend()
    return drawing


def fit_power_law(size: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Factor and power of error = factor * size^power, by least squares of the logarithms. Needs two sizes."""
    power, offset = np.polyfit(np.log(size), np.log(error), deg=1)
    return float(np.exp(offset)), float(power)


def learning_rates(rates: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Schedules: label -> learning rate at equal steps from the start of a run to its end."""
    with figure(height=3.0) as (drawing, axes):
        for position, (label, rate) in enumerate(rates.items()):
            style = plot_style(label, position) | {"marker": "none"}
            axes.plot(np.linspace(0, 100, len(rate)), rate, label=label, **style)
        axes.set(xlabel="progress of the run (%)", ylabel="learning rate", title=title)
        axes.legend()
    return drawing
