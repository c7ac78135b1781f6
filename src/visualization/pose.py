"""Figures of head pose: predicted against fitted angles."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from src.visualization.style import figure, legend_beside, plot_style

ANGLES = ("pitch", "yaw", "roll")


def angle_scatter(predicted: Mapping[str, np.ndarray], fitted: np.ndarray, *, title: str) -> Figure:
    """Predicted angles over those fitted to the true points, one panel per angle.

    predicted: label -> euler (N, 3) in degrees. fitted: (N, 3) in degrees. The line is where both agree.
    """
    with figure(width=12, height=3.9, columns=3) as (drawing, axes):
        for angle, panel in enumerate(axes):
            for position, (label, euler) in enumerate(predicted.items()):
                style = plot_style(label, position) | {"linestyle": "none", "markersize": 4, "alpha": 0.6}
                panel.plot(fitted[:, angle], euler[:, angle], label=label, **style)
            low, high = fitted[:, angle].min(), fitted[:, angle].max()
            panel.plot([low, high], [low, high], color="0.4", linewidth=1)
            panel.set(xlabel=f"fitted {ANGLES[angle]} (degrees)", ylabel=f"predicted {ANGLES[angle]} (degrees)")
        legend_beside(axes[-1])
        drawing.suptitle(title, fontsize=11)
    return drawing
