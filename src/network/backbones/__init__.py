"""Backbones: images (B, 3, R, R) -> feature maps at strides 4, 8, 16 and 32. Name -> constructor.

The last ones are teachers: with some or all heads they exceed the challenge's size limit.
"""

from collections.abc import Callable

from src.errors import InputError
from src.network.backbones.mobile_timm import mobileone_s1, mobilevitv2_050
from src.network.backbones.mobilenet import mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small
from src.network.backbones.pfld import pfld
from src.network.backbones.resnet import irnet18, irnet50, irnet100, regnet_x_800mf
from src.network.backbones.shufflenet import shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5
from src.network.backbones.staged import StagedBackbone
from src.network.backbones.swin import swin_t

BACKBONES: dict[str, Callable[[], StagedBackbone]] = {
    constructor.__name__: constructor
    for constructor in (
        pfld,
        mobilenet_v3_small,
        mobilenet_v3_large,
        shufflenet_v2_x0_5,
        shufflenet_v2_x1_0,
        shufflenet_v2_x1_5,
        mobilenet_v2,
        mobilevitv2_050,
        mobileone_s1,
        regnet_x_800mf,
        irnet18,
        irnet50,
        irnet100,
        swin_t,
    )
}


def build_backbone(name: str) -> StagedBackbone:
    """A backbone by its name; raises InputError for an unknown one."""
    if name not in BACKBONES:
        raise InputError(f"unknown backbone {name!r}; expected one of {', '.join(BACKBONES)}")
    return BACKBONES[name]()
