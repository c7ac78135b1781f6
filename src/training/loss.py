"""What a training step minimizes: the loss on the labels and, optionally, that of imitating another network."""

import torch
from torch import Tensor, nn

from src.errors import InputError
from src.network.losses import Criterion, pose_weight
from src.network.model import LandmarkNet

EULER_BRANCH_USES = ("both", "learning", "weighting")


def label_loss(
    network: LandmarkNet,
    criterion: Criterion,
    *,
    maps: list[Tensor],
    raw: Tensor,
    points_input: Tensor,
    euler: Tensor,
    euler_branch: str,
) -> Tensor:
    """Each face's loss times 1 + PFLD's pose weight (Guo et al., 2019). Returns (B,).

    The weight is the auxiliary branch's own error, so it also trains that branch; the 1 keeps the landmarks learning
    once the pose is predicted well. maps, raw: the network's; points_input (B, 68, 2); euler (B, 3) radians.
    euler_branch: as in `TrainingConfig`; the branch itself learns the same in all three uses.
    """
    per_face = network.head.loss(raw, points_input, criterion)
    angles = network.pose([features.detach() for features in maps] if euler_branch == "weighting" else maps)
    if angles is None:
        return per_face
    weight = pose_weight(angles.float(), euler)
    if euler_branch == "learning":
        return per_face + per_face.detach() * weight
    return per_face * (1 + weight)


class TrainingLoss(nn.Module):
    """Loss of a batch. companion: a `Teacher` or `Peer` of src/training/distillation.py."""

    def __init__(
        self,
        network: LandmarkNet,
        criterion: Criterion,
        companion: nn.Module | None = None,
        *,
        euler_branch: str = "both",
    ) -> None:
        super().__init__()
        if euler_branch not in EULER_BRANCH_USES:
            raise InputError(f"expected euler_branch as one of {', '.join(EULER_BRANCH_USES)}, found {euler_branch!r}")
        self.network, self.criterion, self.companion, self.euler_branch = network, criterion, companion, euler_branch

    def forward(self, images: Tensor, points_input: Tensor, euler: Tensor) -> tuple[Tensor, Tensor]:
        """images (B, 3, R, R), points_input (B, 68, 2), euler (B, 3) radians.

        Returns the batch's loss and its mean point distance in the input frame.
        """
        maps = self.network.features(images)
        raw = self.network.head(maps)
        labels = {"points_input": points_input, "euler": euler}
        per_face = label_loss(
            self.network, self.criterion, maps=maps, raw=raw, **labels, euler_branch=self.euler_branch
        )
        if self.companion is not None:
            per_face = per_face + self.companion(self.network, images, maps=maps, raw=raw, **labels)
        with torch.no_grad():
            distance = (self.network.head.decode(raw) - points_input).norm(dim=-1).mean()
        return per_face.mean(), distance
