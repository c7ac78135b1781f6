"""Batch normalizations folded into the convolutions before them: the same function in evaluation mode, in less time."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_normalizations(model: nn.Module) -> None:
    """Remove, in place, each batch normalization that follows a convolution in a Sequential, and change that one.

    model: in evaluation mode. Its weights are then no longer those of a model file.
    """
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            for index in reversed(range(1, len(module))):
                if isinstance(module[index], nn.BatchNorm2d) and isinstance(module[index - 1], nn.Conv2d):
                    module[index - 1] = fuse_conv_bn_eval(module[index - 1], module[index])
                    del module[index]
