"""Attention over the channels of a map, chosen by name, for the pyramid."""

import torch
from torch import Tensor, nn

from src.errors import InputError
from src.network.layers import conv_step

ATTENTIONS = ("none", "se", "coordinate")
_REDUCTION = 4  # ratio of a map's channels to those that its weights are computed in


class CoordinateAttention(nn.Module):
    """A weight for every row and one for every column of each channel.

    Hou et al., "Coordinate Attention for Efficient Mobile Network Design", 2021. Pooling one axis at a time keeps the
    position along the other, which squeeze-and-excitation averages away.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = width // _REDUCTION
        self.hidden = conv_step(width, hidden, kernel_size=1, activation=nn.Hardswish)
        self.rows = nn.Conv2d(hidden, width, kernel_size=1)
        self.columns = nn.Conv2d(hidden, width, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> the same shape."""
        height, width = features.shape[2:]
        rows = features.mean(dim=3, keepdim=True)  # (B, C, H, 1)
        columns = features.mean(dim=2, keepdim=True).transpose(2, 3)  # (B, C, W, 1)
        rows, columns = self.hidden(torch.cat([rows, columns], dim=2)).split([height, width], dim=2)
        return features * self.rows(rows).sigmoid() * self.columns(columns.transpose(2, 3)).sigmoid()


class CoordinateRamp(nn.Module):
    """Adds a learned ramp in x and one in y to every channel, so that a cell knows its position.

    This equals CoordConv (Liu et al., "An Intriguing Failing of Convolutional Neural Networks and the CoordConv
    Solution", 2018) before a 1x1 convolution: two extra input channels holding x and y add a ramp to each output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.slope = nn.Conv2d(2, width, kernel_size=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, H, W) -> the same shape."""
        height, width = features.shape[2:]
        axes = [torch.linspace(-1, 1, side, device=features.device) for side in (height, width)]
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        return features + self.slope(torch.stack([columns, rows])[None].to(features.dtype))


def build_attention(name: str, width: int) -> nn.Module:
    """The attention module of this name for maps of `width` channels; raises InputError for an unknown name."""
    if name == "none":
        return nn.Identity()
    if name == "se":  # Hu et al., "Squeeze-and-Excitation Networks", 2018
        from torchvision.ops import SqueezeExcitation  # slow to import

        return SqueezeExcitation(width, width // _REDUCTION)
    if name == "coordinate":
        return CoordinateAttention(width)
    raise InputError(f"unknown attention {name!r}; expected one of {', '.join(ATTENTIONS)}")
