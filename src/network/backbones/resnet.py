"""Residual networks as teachers: IRNet and RegNet. All but the smallest exceed the challenge's size limit.

IRNet is the residual network of face recognition (Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face
Recognition", 2019): normalization before the first convolution, PReLU, and no activation after the sum. RegNetX
(Radosavovic et al., "Designing Network Design Spaces", 2020) is torchvision's network without its classifier.
"""

from torch import Tensor, nn

from src.network.backbones.staged import StagedBackbone, split_by_stride

_WIDTHS = (64, 128, 256, 512)  # of IRNet's stages


class _Block(nn.Module):
    """Two 3x3 convolutions; the second one carries the stride."""

    def __init__(self, incoming: int, width: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(incoming),
            nn.Conv2d(incoming, width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or incoming != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(incoming, width, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, incoming, H, W) -> (B, width, H / stride, W / stride), rounded up."""
        return self.shortcut(features) + self.residual(features)


def irnet18() -> StagedBackbone:
    return _irnet((2, 2, 2, 2))


def irnet50() -> StagedBackbone:
    return _irnet((3, 4, 14, 3))


def irnet100() -> StagedBackbone:
    return _irnet((3, 13, 30, 3))


def regnet_x_800mf() -> StagedBackbone:
    from torchvision import models  # slow to import

    network = models.regnet_x_800mf(weights=None)
    return split_by_stride(nn.Sequential(network.stem, *network.trunk_output.children()))


def _irnet(depths: tuple[int, ...]) -> StagedBackbone:
    """IRNet with `depths` blocks per stage. The stem and each stage halve the sides of the map: strides 4 to 32."""
    incoming = _WIDTHS[0]
    stem = nn.Sequential(
        nn.Conv2d(3, incoming, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(incoming),
        nn.PReLU(incoming),
    )
    stages: list[nn.Module] = []
    for width, depth in zip(_WIDTHS, depths, strict=True):
        blocks = [_Block(incoming, width, stride=2), *(_Block(width, width, stride=1) for _ in range(depth - 1))]
        stages.append(nn.Sequential(*blocks))
        incoming = width
    stages[0] = nn.Sequential(stem, *stages[0])
    return StagedBackbone(stages, list(_WIDTHS))
