"""Heads: feature maps -> raw output -> points_input (B, 68, 2). Name -> constructor.

Every head has `forward(maps) -> raw`, `decode(raw) -> points_input`, and `loss(raw, points_input, criterion) -> (B,)`,
one value a face; heads that are trained on maps also have `encode(points_input) -> target`. Nothing outside knows which
head it is.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from src.errors import InputError
from src.heads.heatmap import HeatmapHead
from src.heads.heatmap_deconv import HeatmapDeconvHead
from src.heads.pip import PipHead
from src.heads.regression import RegressionHead
from src.heads.simcc import SimccHead
from src.losses import adaptive_wing

HEADS: dict[str, Callable[[tuple[int, ...], int], nn.Module]] = {
    "regression": RegressionHead,
    "heatmap": HeatmapHead,
    "heatmap_deconv": HeatmapDeconvHead,
    "heatmap_awing": partial(HeatmapDeconvHead, map_loss=adaptive_wing),
    "pip": PipHead,
    "simcc": SimccHead,
}


def build_head(name: str, channels: tuple[int, ...], input_size: int) -> nn.Module:
    """A head by its name, for feature maps of the given widths; raises InputError for an unknown name."""
    if name not in HEADS:
        raise InputError(f"unknown head {name!r}; expected one of {', '.join(HEADS)}")
    return HEADS[name](channels, input_size)
