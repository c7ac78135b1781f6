"""Convolution, normalization and activation as one step of a network.

The same as torchvision's, whose import takes longer than PyTorch's: networks of which no part is torchvision's do
without it, so that test.py, a Predictor and the help of train.py begin earlier.
"""

from collections.abc import Callable

from torch import nn


def conv_step(
    incoming: int,
    outgoing: int,
    *,
    kernel_size: int,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    activation: Callable[..., nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """A convolution with batch normalization and an activation. padding: None keeps the sides of an odd kernel."""
    padding = (kernel_size - 1) // 2 if padding is None else padding
    conv = nn.Conv2d(incoming, outgoing, kernel_size, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outgoing), activation(inplace=True))
