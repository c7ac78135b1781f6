"""LandmarkNet: backbone, head and, in training, the auxiliary Euler-angle branch."""

import torch
from torch import Tensor, nn

from src.config import ModelConfig
from src.errors import InputError
from src.markup import POINT_SETS
from src.network.backbones import build_backbone
from src.network.channels import set_widths
from src.network.heads import build_head, head_options
from src.network.layers import conv_step
from src.network.stored import check_input_size

AUXILIARY = "auxiliary."  # prefix of the names of the Euler-angle branch's weights


class EulerBranch(nn.Module):
    """Head pose from a shallow feature map (the auxiliary net of Guo et al., "PFLD", 2019): training only.

    It makes the shared layers learn pose; the error of its angles also weights each face's loss.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_step(channels, 64, kernel_size=1),
            conv_step(64, 64, kernel_size=3, stride=2, groups=64),
            conv_step(64, 128, kernel_size=1),
            conv_step(128, 128, kernel_size=3, stride=2, groups=128),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
        )
        self.angles = nn.Linear(128 * 16, 3)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, R / 8, R / 8) -> pitch, yaw, roll (B, 3) in radians."""
        return self.angles(self.features(features))


class LandmarkNet(nn.Module):
    """images (B, 3, R, R) in [0, 1] -> the head's raw output; `predict` decodes it to points_input (B, K, 2).

    K is the configuration's number of points, 68 unless it says otherwise.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        options = _chosen_options(config)
        self.head = build_head(config.head, self.backbone.channels, config.input_size, points=config.points, **options)
        self.auxiliary = EulerBranch(self.backbone.channels[1]) if config.auxiliary else None
        if config.widths:
            set_widths(self, config.widths)

    def forward(self, images: Tensor) -> Tensor:
        """The head's raw output."""
        return self.head(self.features(images))

    def features(self, images: Tensor) -> list[Tensor]:
        """The backbone's maps at strides 4 to 32."""
        return self.backbone(_normalize(images))

    def pose(self, maps: list[Tensor]) -> Tensor | None:
        """Pitch, yaw, roll (B, 3) in radians from the backbone's maps; None without the auxiliary branch."""
        return self.auxiliary(maps[1]) if self.auxiliary is not None else None

    def predict(self, images: Tensor) -> Tensor:
        """points_input (B, K, 2)."""
        return self.head.decode(self(images))


def build_model(config: ModelConfig, *, seed: int = 0) -> LandmarkNet:
    """A network with random weights that depend on the seed alone. Raises InputError for a wrong configuration."""
    check_input_size(config.input_size)
    if config.points not in POINT_SETS:
        raise InputError(f"expected one of {', '.join(map(str, POINT_SETS))} points, found {config.points}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LandmarkNet(config)


def _chosen_options(config: ModelConfig) -> dict[str, object]:
    """The head options that differ from their default; a head then never sees other heads' options left at theirs."""
    values = {name: getattr(config, name) for name in head_options()}
    return {name: value for name, value in values.items() if value != getattr(ModelConfig, name)}


def _normalize(images: Tensor) -> Tensor:
    """[0, 1] to about zero mean and unit spread; inside the model, so that exported files take plain pictures."""
    return (images - 0.5) * 4
