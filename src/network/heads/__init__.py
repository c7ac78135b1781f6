"""Heads: feature maps -> raw output -> points_input (B, 68, 2). Name -> constructor.

Every head has `forward(maps) -> raw`, `decode(raw) -> points_input`, and `loss(raw, points_input, criterion) -> (B,)`,
one value a face. Heads that are trained on maps also have `encode(points_input) -> target` and, where another network
can imitate the maps, `divergence(raw, the other's raw) -> (B,)`. Nothing outside knows which head it is.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from src.errors import InputError
from src.markup import NUM_POINTS
from src.network.heads.heatmap import HeatmapHead
from src.network.heads.heatmap_boundary import HeatmapBoundaryHead
from src.network.heads.heatmap_deconv import HeatmapDeconvHead
from src.network.heads.pip import PipHead
from src.network.heads.regression import RegressionHead
from src.network.heads.simcc import SimccHead
from src.network.losses import adaptive_wing

HEADS: dict[str, Callable[..., nn.Module]] = {
    "regression": RegressionHead,
    "heatmap": HeatmapHead,
    "heatmap_boundary": HeatmapBoundaryHead,
    "heatmap_deconv": HeatmapDeconvHead,
    "heatmap_awing": partial(HeatmapDeconvHead, map_loss=adaptive_wing),
    "pip": PipHead,
    "simcc": SimccHead,
}


# What of ModelConfig goes to a head, and which head knows it.
_PYRAMID_OPTIONS = frozenset({"attention", "coord_conv"})
_PIP_OPTIONS = frozenset({"pip_neighbors", "pip_score_weight", "pip_offset_weight"})
HEAD_OPTIONS = _PYRAMID_OPTIONS | _PIP_OPTIONS
_KNOWN = {name: _PYRAMID_OPTIONS for name in HEADS} | {"regression": frozenset(), "pip": HEAD_OPTIONS}


def build_head(
    name: str, channels: tuple[int, ...], input_size: int, *, points: int = NUM_POINTS, **options: object
) -> nn.Module:
    """A head by its name, for feature maps of the given widths, with some of HEAD_OPTIONS.

    points: a key of `src.markup.POINT_SETS`; what the heads' shapes below call 68.

    Raises InputError for an unknown name and for an option that this head does not have.
    """
    if name not in HEADS:
        raise InputError(f"unknown head {name!r}; expected one of {', '.join(HEADS)}")
    foreign = options.keys() - _KNOWN.get(name, frozenset())
    if foreign:
        raise InputError(f"the head {name} has no {', '.join(sorted(foreign))}; leave it out or take another head")
    return HEADS[name](channels, input_size, points=points, **options)
