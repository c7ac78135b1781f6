"""What a training step minimizes: the loss of the labels, and where asked for that of imitating another network."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from src.network.losses import pose_weight
from src.network.model import LandmarkNet


def label_loss(
    network: LandmarkNet,
    criterion: Callable[..., Tensor],
    *,
    maps: list[Tensor],
    raw: Tensor,
    points_input: Tensor,
    euler: Tensor,
) -> Tensor:
    """Each face's loss times 1 + PFLD's pose weight (Guo et al., 2019). Returns (B,).

    The weight is the auxiliary branch's own error, so it also trains that branch; the 1 keeps the landmarks learning
    where the pose is understood. maps, raw: the network's; points_input (B, 68, 2); euler (B, 3) radians.
    """
    per_face = network.head.loss(raw, points_input, criterion)
    angles = network.pose(maps)
    return per_face if angles is None else per_face * (1 + pose_weight(angles.float(), euler))


class TrainingLoss(nn.Module):
    """Loss of a batch. `companion` is a module of src/training/distillation.py."""

    def __init__(
        self, network: LandmarkNet, criterion: Callable[..., Tensor], companion: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.network, self.criterion, self.companion = network, criterion, companion

    def forward(self, images: Tensor, points_input: Tensor, euler: Tensor) -> tuple[Tensor, Tensor]:
        """images (B, 3, R, R), points_input (B, 68, 2), euler (B, 3) radians. Returns loss and mean distance."""
        maps = self.network.features(images)
        raw = self.network.head(maps)
        labels = {"points_input": points_input, "euler": euler}
        per_face = label_loss(self.network, self.criterion, maps=maps, raw=raw, **labels)
        if self.companion is not None:
            per_face = per_face + self.companion(self.network, images, maps=maps, raw=raw, **labels)
        with torch.no_grad():
            distance = (self.network.head.decode(raw) - points_input).norm(dim=-1).mean()
        return per_face.mean(), distance
