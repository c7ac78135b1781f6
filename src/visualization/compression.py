"""Figures of compression: what each round of pruning costs and saves."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.visualization.style import NME, color, figure, mark_mean_face, plot_style

_COSTS = {"mmacs": "million multiply-adds", "megabytes": "MB (float32)"}


def pruning_rounds(
    table: pd.DataFrame, *, limit: float, control: Sequence[float] = (), mean_face: float | None = None
) -> Figure:
    """NME, multiply-adds and size by round. table: one row per round, columns of `src.compression.prune.Round`.

    limit: the highest NME allowed, in percent. control: NME in percent of the unpruned model after the same training,
    by round from 0 on. mean_face: its NME. Milliseconds are left out: `src.compression.table` times files in turns.
    """
    with figure(width=11, height=3.6, columns=3) as (drawing, axes):
        axes[0].plot(table["round"], table["nme_before"], label="pruned, before training", **plot_style("before", 1))
        axes[0].plot(table["round"], table["nme"], label="pruned, after", **plot_style("after", 0))
        if len(control):
            axes[0].plot(range(len(control)), control, label="unpruned, as long", **plot_style("control", 2))
        axes[0].axhline(limit, color="0.5", linestyle="--", label="limit")
        mark_mean_face(axes[0], mean_face)
        axes[0].set(xlabel="round", ylabel=NME, ylim=(0, np.clip(table["nme_before"].max(), limit, 3 * limit) * 1.05))
        for panel, (column, label) in zip(axes[1:], _COSTS.items(), strict=True):
            panel.bar(table["round"], table[column], color=color("after", 0))
            panel.set(xlabel="round", ylabel=label)
        for panel in axes:
            panel.set_xticks(np.asarray(table["round"]))
        drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
        drawing.suptitle("Iterative pruning", fontsize=11)
    return drawing
