"""One style for all figures: a color, marker and line style for each name, the same everywhere and readable in gray.

Colors are those of Okabe and Ito ("Color Universal Design", 2008), which color-blind readers can distinguish, with
purple, brown and gray in place of yellow, which is too faint for lines.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.config import AUGMENTATIONS
from src.markup import REGIONS
from src.network.backbones import BACKBONES
from src.network.heads import HEADS
from src.network.losses import CRITERIA

PERCENT = "% of sqrt(H W)"
NME = f"NME ({PERCENT})"  # label of axes that show it

_COLORS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#8C6BB1", "#7A4B1F", "#999999"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2, 1, 2)))
_FAR = 2.0  # times the highest error in a plot
_SETTINGS = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "axes.axisbelow": True,  # the grid is behind bars
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "font.size": 10,
    "legend.frameon": False,
}


def _style_at(place: int) -> dict[str, object]:
    """The style at a place in a list; after the last color, colors repeat with other markers and lines."""
    shape = place % len(_MARKERS)
    return {"color": _COLORS[place % len(_COLORS)], "marker": _MARKERS[shape], "linestyle": _LINES[shape]}


_PLACES = {
    name: place for names in (BACKBONES, HEADS, CRITERIA, AUGMENTATIONS, REGIONS) for place, name in enumerate(names)
}


def plot_style(name: str, position: int = 0) -> dict[str, object]:
    """Keyword arguments of `Axes.plot` for a name: color, marker and linestyle.

    Backbones, heads, losses, augmentations and regions have fixed styles; any other name gets the style of its
    `position` in the plot.
    """
    return _style_at(_PLACES.get(name, position))


def color(name: str, position: int = 0) -> str:
    """Only the color of `plot_style`."""
    return str(plot_style(name, position)["color"])


def plot_styles(names: Iterable[str]) -> dict[str, dict[str, object]]:
    """Different styles for the names in one plot: a name's fixed one, else its position's, else the next one unused."""
    names = list(dict.fromkeys(names))
    own = {_PLACES[name] for name in names if name in _PLACES}
    kept = {position for position, name in enumerate(names) if name not in _PLACES and position not in own}
    left = (place for place in count() if place not in own | kept)
    places = [
        _PLACES[name] if name in _PLACES else position if position in kept else next(left)
        for position, name in enumerate(names)
    ]
    return {name: _style_at(place) for name, place in zip(names, places, strict=True)}


def mark_mean_face(axes: Axes, nme: float | None, *, along: str = "y", of: str = "") -> None:
    """A line across what is already plotted, at the error of the mean face: that of a network that has learned nothing.

    If it lies so far off that the line would squeeze the rest, only the legend names it. nme: percent; None draws
    nothing. along: the axis that shows the error, x or y. of: a note on which faces it is of.
    """
    if nme is None:
        return
    label, highest = f"mean face{of} ({nme:.2f})", axes.dataLim.y1 if along == "y" else axes.dataLim.x1
    if nme > _FAR * highest:
        axes.plot([], [], linestyle="none", label=f"{label},\noff the axis")
    else:
        draw = axes.axhline if along == "y" else axes.axvline
        draw(nme, color="0.35", linestyle=(0, (6, 3)), linewidth=1.2, zorder=1, label=label)


def caption(drawing: Figure, text: str) -> None:
    """A line below the whole figure that explains its bars, whiskers and bands."""
    drawing.supxlabel(text, fontsize=8, color="0.3")


def legend_beside(axes: Axes) -> None:
    """A legend to the right of the plot, where it hides no curve."""
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def title(text: str, *, n: int, seeds: object, of: str = "validation faces") -> str:
    """A plot's title: what it shows, on how many faces, with which seeds (an int or several)."""
    several = not isinstance(seeds, int)
    listed = ", ".join(map(str, seeds)) if several else str(seeds)
    return f"{text}\n(n = {n} {of}, seed{'s' if several and len(seeds) > 1 else ''} {listed})"


@contextmanager
def figure(
    *, width: float = 7.0, height: float = 4.2, rows: int = 1, columns: int | None = None
) -> Iterator[tuple[Figure, Axes | np.ndarray]]:
    """A figure in inches, in the project's style, and its Axes, or an array of them if `columns` is given.

    It is closed at the end, but can be shown and saved.
    """
    with plt.rc_context(_SETTINGS):
        drawing, axes = plt.subplots(rows, columns or 1, figsize=(width, height))
        yield drawing, axes if columns is None else np.atleast_1d(axes)
        plt.close(drawing)
