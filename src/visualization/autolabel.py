"""Figures of auto-labeling: the error by round and by certainty."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from src.visualization.style import NME, color, figure, legend_beside, mark_mean_face, plot_style

_LIMIT = 0.5  # certainty from which a label is kept


def error_by_round(
    rounds: pd.DataFrame, references: dict[str, float], *, title: str, mean_face: float | None = None
) -> Figure:
    """Held-out NME and the true error of the pseudo-labels by round, with each reference's NME as a level.

    rounds: rounds.csv of a run. references: name -> NME in percent. mean_face: its NME on the held-out faces.
    """
    with figure(width=7.5, height=4.0) as (drawing, axes):
        axes.plot(rounds["round"], rounds["held_out_nme"], label="held-out faces", **plot_style("held-out faces", 0))
        known = rounds.dropna(subset=["pseudo_nme"])
        axes.plot(
            known["round"], known["pseudo_nme"], label="pseudo-labels trained on", **plot_style("pseudo-labels", 1)
        )
        for place, (name, level) in enumerate(references.items(), start=2):
            style = plot_style(name, place)
            axes.axhline(level, label=name, color=style["color"], linestyle=style["linestyle"])
        mark_mean_face(axes, mean_face)
        axes.set(xlabel="round", ylabel=NME, title=title, xticks=rounds["round"])
        legend_beside(axes)
        return drawing


def error_by_certainty(certainty: np.ndarray, nme: np.ndarray, *, title: str) -> Figure:
    """The true error of each pseudo-label over its certainty. certainty, nme: (N,); nme in percent."""
    with figure(width=6.0, height=4.0) as (drawing, axes):
        kept = certainty >= _LIMIT
        for place, (name, part) in enumerate({"kept": kept, "left out": ~kept}.items()):
            axes.scatter(certainty[part], nme[part], s=12, alpha=0.6, label=name, color=color(name, place))
        axes.axvline(_LIMIT, color="black", linewidth=1)
        axes.set(xlabel="certainty", ylabel=f"true {NME}", title=title)
        legend_beside(axes)
        return drawing
