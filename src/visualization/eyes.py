"""Figures of eye openness: predicted beside true, and how well a threshold on it finds closed eyes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from src.eyes import detection_rates
from src.visualization.style import color, figure, plot_style

_RATIO = "eye aspect ratio"
_AXIS_END = 0.8  # wide-open eyes have less; the few narrow ones of turned heads beyond it are not shown


def openness_scatter(predicted: Mapping[str, np.ndarray], true: np.ndarray, *, threshold: float, title: str) -> Figure:
    """Predicted against true openness, one panel a model, with the threshold. All (N, 2), NaN for hidden eyes."""
    with figure(width=3.4 * len(predicted), height=3.8, columns=len(predicted)) as (drawing, axes):
        for position, (panel, (name, openness)) in enumerate(zip(np.atleast_1d(axes), predicted.items(), strict=True)):
            style = plot_style(name, position) | {"linestyle": "none", "markersize": 3, "alpha": 0.6}
            panel.plot(true.ravel(), openness.ravel(), **style)
            panel.plot([0, _AXIS_END], [0, _AXIS_END], color="0.6", linewidth=1)
            panel.axhline(threshold, color="0.3", linestyle=":")
            panel.axvline(threshold, color="0.3", linestyle=":")
            panel.set(xlim=(0, _AXIS_END), ylim=(0, _AXIS_END), xlabel=f"true {_RATIO}", title=name)
        np.atleast_1d(axes)[0].set_ylabel(f"predicted {_RATIO}")
        drawing.suptitle(title, fontsize=11)
    return drawing


def detection_curves(
    predicted: Mapping[str, np.ndarray], is_closed: np.ndarray, *, threshold: float, title: str
) -> Figure:
    """Closed eyes found against false alarms, at every threshold; the marker is the given one. All (N, 2)."""
    with figure() as (drawing, axes):
        for position, (name, openness) in enumerate(predicted.items()):
            steps = [-np.inf, *np.unique(openness[np.isfinite(openness)]), np.inf]
            rates = np.array([detection_rates(openness, is_closed, step) for step in steps])  # (T, 2)
            axes.plot(
                100 * rates[:, 1], 100 * rates[:, 0], label=name, **plot_style(name, position) | {"marker": "none"}
            )
            found, false = detection_rates(openness, is_closed, threshold)
            axes.plot(
                100 * false, 100 * found, marker=plot_style(name, position)["marker"], color=color(name, position)
            )
        axes.set(xlabel="open eyes called closed (%)", ylabel="closed eyes found (%)", title=title)
        axes.set(xlim=(-2, 102), ylim=(-2, 102))
        axes.legend(loc="lower right")
    return drawing
