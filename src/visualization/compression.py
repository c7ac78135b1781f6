"""Figures of smaller models: what each round of pruning costs and saves."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.visualization.style import color, figure, plot_style
from src.visualization.training import NME

_COSTS = {"mmacs": "10^6 multiply-adds", "megabytes": "MB (float32)", "milliseconds": "ms a picture, one thread"}


def pruning_rounds(table: pd.DataFrame, *, limit: float) -> Figure:
    """NME, multiply-adds, size and time by round. table: a row a round, columns of `src.compression.prune.Round`.

    limit: percent, the NME that no kept model exceeds.
    """
    with figure(width=10, height=5.6, rows=2, columns=2) as (drawing, axes):
        panels = axes.flat
        panels[0].plot(table["round"], table["nme_before"], label="before training", **plot_style("before", 1))
        panels[0].plot(table["round"], table["nme"], label="after", **plot_style("after", 0))
        panels[0].axhline(limit, color="0.5", linestyle="--", label="limit")
        panels[0].set(xlabel="round", ylabel=NME, ylim=(0, min(table["nme_before"].max(), 3 * limit) * 1.05))
        panels[0].legend()
        for position, (panel, (column, label)) in enumerate(zip(panels[1:], _COSTS.items(), strict=True)):
            panel.bar(table["round"], table[column], color=color(column, position))
            panel.set(xlabel="round", ylabel=label)
        for panel in panels:
            panel.set_xticks(np.asarray(table["round"]))
        drawing.suptitle("Iterative pruning", fontsize=11)
    return drawing
