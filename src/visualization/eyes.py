"""Figures of eye openness: predicted against true, and how well a threshold on it finds closed eyes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from src.predict.eyes import detection_rates, roc_auc
from src.visualization.style import figure, plot_style

_RATIO = "eye aspect ratio"
_AXIS_END = 0.8  # wide-open eyes have less; a few higher values of turned heads are not shown


def openness_scatter(predicted: Mapping[str, np.ndarray], true: np.ndarray, *, threshold: float, title: str) -> Figure:
    """Predicted against true openness, one panel per model, with the threshold. All (N, 2), NaN for hidden eyes."""
    with figure(width=3.4 * len(predicted), height=3.8, columns=len(predicted)) as (drawing, axes):
        for position, (panel, (name, openness)) in enumerate(zip(axes, predicted.items(), strict=True)):
            style = plot_style(name, position) | {"linestyle": "none", "markersize": 3, "alpha": 0.6}
            panel.plot(true.ravel(), openness.ravel(), **style)
            panel.plot([0, _AXIS_END], [0, _AXIS_END], color="0.6", linewidth=1)
            panel.axhline(threshold, color="0.3", linestyle=":")
            panel.axvline(threshold, color="0.3", linestyle=":")
            panel.set(xlim=(0, _AXIS_END), ylim=(0, _AXIS_END), xlabel=f"true {_RATIO}", title=name)
        axes[0].set_ylabel(f"predicted {_RATIO}")
        drawing.suptitle(title, fontsize=11)
    return drawing


def detection_curves(
    predicted: Mapping[str, np.ndarray], is_closed: np.ndarray, *, threshold: float, title: str
) -> Figure:
    """ROC of each model: closed eyes found against false alarms at every threshold, with the AUC and the chance level.

    The marker is at the given threshold. predicted: label -> (N, 2). is_closed: (N, 2).
    """
    with figure(width=5.6, height=5.2 + 0.17 * len(predicted)) as (drawing, axes):
        axes.plot([0, 100], [0, 100], color="0.5", linewidth=1, label="chance: AUC 0.5")
        for position, (name, openness) in enumerate(predicted.items()):
            steps = [-np.inf, *np.unique(openness[np.isfinite(openness)]), np.inf]
            rates = np.array([detection_rates(openness, is_closed, step) for step in steps])  # (T, 2)
            style = plot_style(name, position)
            label = f"{name}: AUC {roc_auc(openness, is_closed):.3f}"
            axes.plot(100 * rates[:, 1], 100 * rates[:, 0], label=label, **style | {"marker": "none"})
            found, false = detection_rates(openness, is_closed, threshold)
            axes.plot(100 * false, 100 * found, marker=style["marker"], color=style["color"])
        axes.set(xlabel="open eyes called closed (%)", ylabel="closed eyes found (%)", title=title)
        axes.set(xlim=(-2, 102), ylim=(-2, 102), aspect="equal")
        drawing.legend(loc="outside lower center", fontsize=8)
    return drawing
