"""Calibration of the score: the reliability diagram (DeGroot and Fienberg, "The Comparison and Evaluation of
Forecasters", 1983).
"""

from matplotlib.figure import Figure

from src.metrics import ReliabilityBin
from src.predict.confidence import LIMIT
from src.visualization.style import figure, plot_style


def reliability_diagram(bins: dict[str, list[ReliabilityBin]]) -> Figure:
    """Share of good predictions over the mean score of each bin, one line per name; the diagonal is perfect."""
    with figure(width=5, height=4.5) as (drawing, axes):
        axes.plot([0, 1], [0, 1], color="gray", linewidth=1, label="perfect")
        for position, (name, its_bins) in enumerate(bins.items()):
            axes.plot(
                [part.score for part in its_bins],
                [part.good for part in its_bins],
                label=name,
                **plot_style(name, position),
            )
        axes.set(xlabel="score (predicted probability)", ylabel=f"share of faces with NME below {LIMIT:g} %")
        axes.set_title("Reliability of the score")
        axes.legend(loc="upper left")
    return drawing
