"""Heads: name -> class. Their interface is `Head`; no code outside this folder depends on which head it is given.

A new head is one file with a subclass of `Head`, and one line in HEADS.
"""

from src.errors import InputError
from src.markup import NUM_POINTS
from src.network.heads.head import Head
from src.network.heads.heatmap import HeatmapHead
from src.network.heads.heatmap_boundary import HeatmapBoundaryHead
from src.network.heads.heatmap_deconv import HeatmapAwingHead, HeatmapDeconvHead
from src.network.heads.pip import PipHead
from src.network.heads.regression import RegressionHead
from src.network.heads.simcc import SimccHead

HEADS: dict[str, type[Head]] = {
    "regression": RegressionHead,
    "heatmap": HeatmapHead,
    "heatmap_boundary": HeatmapBoundaryHead,
    "heatmap_deconv": HeatmapDeconvHead,
    "heatmap_awing": HeatmapAwingHead,
    "pip": PipHead,
    "simcc": SimccHead,
}


def head_options() -> frozenset[str]:
    """Fields of ModelConfig that at least one head takes."""
    return frozenset().union(*(head.options for head in HEADS.values()))


def build_head(
    name: str, channels: tuple[int, ...], input_size: int, *, points: int = NUM_POINTS, **options: object
) -> Head:
    """A head by its name, for feature maps with these numbers of channels. options: some of `head_options`.

    points: a key of `src.markup.POINT_SETS`, written as 68 in the shapes of the heads' docstrings.
    Raises InputError for an unknown name and for an option that this head does not have.
    """
    if name not in HEADS:
        raise InputError(f"unknown head {name!r}; expected one of {', '.join(HEADS)}")
    foreign = options.keys() - HEADS[name].options
    if foreign:
        raise InputError(f"the head {name} has no {', '.join(sorted(foreign))}; leave it out or take another head")
    return HEADS[name](channels, input_size, points=points, **options)
