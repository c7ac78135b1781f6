"""What heads and losses compute, drawn on a face: a heat map, a cell's votes, distributions over x and y; loss curves.

All points are in the input frame: the unit square of the network's picture, y down.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from src.visualization.style import color, figure, legend_beside, plot_style

_SHOWN = 0.02  # of the largest probability: fainter cells are not drawn


def show_map(axes: Axes, picture: np.ndarray, probability: np.ndarray, centers: np.ndarray) -> None:
    """A heat map over the face: darker cells are more probable, and the cross is the mean position.

    picture: (R, R, 3) float. probability: (side, side), sums to 1. centers: (side,) of the cells, in the input frame.
    """
    _picture(axes, picture)
    half = (centers[1] - centers[0]) / 2
    low, high = centers[0] - half, centers[-1] + half
    shade = np.zeros((*probability.shape, 4))
    shade[..., :3] = to_rgb(color("", 0))
    shade[..., 3] = np.sqrt(probability / probability.max()) * (probability > _SHOWN * probability.max())
    axes.imshow(shade, extent=(low, high, high, low), interpolation="nearest")
    mean = probability.sum(axis=0) @ centers, probability.sum(axis=1) @ centers
    axes.plot(*mean, "+", color=color("", 1), markersize=12, markeredgewidth=2)
    axes.set(xlim=(0, 1), ylim=(1, 0))


def show_votes(axes: Axes, picture: np.ndarray, score: np.ndarray, votes: np.ndarray) -> None:
    """A coarse grid of scores over the face, with the best cell's votes for its point and for the point's neighbors.

    score: (side, side). votes: (V, 2), in cells from the best cell's center; the first is for the point itself.
    """
    _picture(axes, picture)
    side = len(score)
    row, column = np.unravel_index(score.argmax(), score.shape)
    shade = np.zeros((side, side, 4))
    shade[..., :3] = to_rgb(color("", 0))
    shade[..., 3] = 0.7 * np.clip(score / score.max(), 0, 1)
    axes.imshow(shade, extent=(0, 1, 1, 0), interpolation="nearest")
    edges = np.arange(side + 1) / side
    axes.set(xticks=edges, yticks=edges)
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    axes.grid(visible=True, color="white", linewidth=0.6, alpha=0.8)
    center = np.array([column + 0.5, row + 0.5]) / side
    for place, vote in enumerate(votes / side):
        width, above = (0.004, 2) if place else (0.01, 3)  # the vote for the point itself lies on top
        shape = {"color": color("", 4 if place else 1), "width": width, "head_width": 3 * width, "zorder": above}
        axes.arrow(*center, *vote, length_includes_head=True, **shape)
    axes.set(xlim=(0, 1), ylim=(1, 0))


def show_axes(axes: Axes, picture: np.ndarray, centers: np.ndarray, probability: np.ndarray) -> None:
    """Two distributions along the picture's edges, x at the bottom and y at the left; their means meet at the point.

    centers: (bins,) in the input frame. probability: (2, bins), of x and of y, each sums to 1.
    """
    _picture(axes, picture)
    x, y = probability @ centers
    heights = 0.3 * probability / probability.max(axis=1, keepdims=True)
    axes.fill_between(centers, 1 - heights[0], 1, color=color("", 0), alpha=0.8, linewidth=0)
    axes.fill_betweenx(centers, 0, heights[1], color=color("", 4), alpha=0.8, linewidth=0)
    axes.plot([x, x], [1, y], color=color("", 0), linewidth=1, linestyle="--")
    axes.plot([0, x], [y, y], color=color("", 4), linewidth=1, linestyle="--")
    axes.plot(x, y, "+", color=color("", 1), markersize=12, markeredgewidth=2)
    axes.set(xlim=(0, 1), ylim=(1, 0))


def loss_curves(curves: Mapping[str, np.ndarray], errors: np.ndarray, *, title: str) -> Figure:
    """Losses of one coordinate and their slopes over its error. curves: loss -> values at `errors` (in percent)."""
    with figure(width=9.2, height=3.6, columns=2) as (drawing, (values, slopes)):
        for position, (name, curve) in enumerate(curves.items()):
            style = plot_style(name, position) | {"marker": "none"}
            values.plot(errors, curve, label=name, **style)
            slopes.plot(errors, np.gradient(curve, errors), label=name, **style)
        values.set(xlabel="error (% of the input's side)", ylabel="loss", ylim=(0, 16))
        slopes.set(xlabel="error (% of the input's side)", ylabel="slope: how hard it pulls", ylim=(-7, 7))
        legend_beside(slopes)
        drawing.suptitle(title, fontsize=11)
    return drawing


def _picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, extent=(0, 1, 1, 0), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
