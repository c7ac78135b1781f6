"""Learning from another network besides the labels: a fixed teacher, or a peer that learns at the same time.

Hinton et al., "Distilling the Knowledge in a Neural Network", 2015; Romero et al., "FitNets: Hints for Thin Deep Nets",
2015 (features); Zhang et al., "Deep Mutual Learning", 2018 (peers). What is imitated, by name:

- heatmap: the maps of a head of the same kind, cell by cell
- landmark: the points, with the student's own loss, so that any two heads fit together
- feature: the direction of the teacher's feature vectors at every stride, after a 1x1 convolution
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.config import TrainingConfig
from src.errors import InputError
from src.network.checkpoint import load_model
from src.network.losses import Criterion, l1
from src.network.model import LandmarkNet, build_model
from src.network.stored import differences
from src.training.loss import label_loss

DISTILLATIONS = ("none", "heatmap", "landmark", "feature")


class Teacher(nn.Module):
    """A trained network that the student imitates; it is given the same batch, resampled to its own input size.

    Raises InputError if the two do not fit together.
    """

    def __init__(self, student: LandmarkNet, teacher: LandmarkNet, *, kind: str, weight: float) -> None:
        super().__init__()
        if found := differences(student.config, teacher.config, ("crop", "convention")):
            raise InputError(f"expected a teacher of the student's crop and convention, found {found}")
        if kind == "heatmap":
            _check_same_maps(student, teacher)
        self.kind, self.weight = kind, weight
        self.frozen = [teacher.requires_grad_(False)]  # in a list it is not a submodule: neither saved nor optimized
        pairs = zip(student.backbone.channels, teacher.backbone.channels, strict=True) if kind == "feature" else ()
        self.adapters = nn.ModuleList(nn.Conv2d(own, others, kernel_size=1) for own, others in pairs)

    def forward(
        self, student: LandmarkNet, images: Tensor, *, maps: list[Tensor], raw: Tensor, **_labels: Tensor
    ) -> Tensor:
        """images (B, 3, R, R); maps, raw: the student's. Returns the weighted distance from the teacher (B,)."""
        (teacher,) = self.frozen
        with torch.no_grad():
            size = teacher.config.input_size
            if size != images.shape[-1]:
                images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
            target_maps = teacher.features(images)
            target_raw = teacher.head(target_maps) if self.kind != "feature" else None
        if self.kind == "feature":
            adapted = (adapter(features) for adapter, features in zip(self.adapters, maps, strict=True))
            apart = [_direction_error(*pair) for pair in zip(adapted, target_maps, strict=True)]
            return self.weight * torch.stack(apart).mean(dim=0)
        return self.weight * _imitation(self.kind, student, raw, teacher, target_raw)


class Peer(nn.Module):
    """A second network of the same configuration and another seed: each learns from the labels and from the other."""

    def __init__(self, student: LandmarkNet, config: TrainingConfig, criterion: Criterion) -> None:
        super().__init__()
        if config.distill == "feature":
            raise InputError("expected heatmap or landmark as the distillation between peers (mutual), found feature")
        self.peer = build_model(student.config, seed=config.seed + 1)
        if config.distill == "heatmap":
            _check_same_maps(student, self.peer)
        self.config, self.criterion = config, criterion

    def forward(
        self, student: LandmarkNet, images: Tensor, *, maps: list[Tensor], raw: Tensor, **labels: Tensor
    ) -> Tensor:
        """images (B, 3, R, R); raw: the student's. Returns the peer's own loss and both imitations (B,)."""
        peer_maps = self.peer.features(images)
        peer_raw = self.peer.head(peer_maps)
        use, kind = self.config.euler_branch, self.config.distill
        own = label_loss(self.peer, self.criterion, maps=peer_maps, raw=peer_raw, **labels, euler_branch=use)
        of_student = _imitation(kind, student, raw, self.peer, peer_raw.detach())
        of_peer = _imitation(kind, self.peer, peer_raw, student, raw.detach())
        return own + self.config.distill_weight * (of_student + of_peer)


def build_companion(student: LandmarkNet, config: TrainingConfig, criterion: Criterion) -> Teacher | Peer | None:
    """The teacher or peer that the configuration asks for, if any. Raises InputError for contradictory settings."""
    if config.distill not in DISTILLATIONS:
        raise InputError(f"unknown distillation {config.distill!r}; expected one of {', '.join(DISTILLATIONS)}")
    if config.teacher and config.mutual:
        raise InputError("expected a teacher or a peer (mutual), found both")
    if bool(config.teacher or config.mutual) != (config.distill != "none"):
        raise InputError("expected a teacher or mutual, with distill heatmap, landmark or feature: both or none")
    if not config.distill_weight > 0:
        raise InputError(f"expected distill_weight above 0, found {config.distill_weight}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)  # the adapters' weights depend on the seed alone
        if config.mutual:
            return Peer(student, config, criterion)
        if config.teacher:
            teacher, _ = load_model(config.teacher, next(student.parameters()).device, points=student.config.points)
            return Teacher(student, teacher, kind=config.distill, weight=config.distill_weight)
    return None


def _check_same_maps(student: LandmarkNet, teacher: LandmarkNet) -> None:
    """Raise InputError if the heads' maps cannot be compared cell by cell."""
    measures = [getattr(type(network.head), "divergence", None) for network in (student, teacher)]
    cells = [(network.config.input_size, network.config.map_stride) for network in (student, teacher)]
    if None in measures or measures[0] is not measures[1] or cells[0] != cells[1]:
        student_form, teacher_form = (
            f"{network.config.head} of stride {network.config.map_stride} at {network.config.input_size} px"
            for network in (student, teacher)
        )
        raise InputError(
            "the distillation heatmap expects two heads with the same maps at the same input size, found "
            f"{student_form} and {teacher_form}; landmark fits any"
        )


def _imitation(kind: str, student: LandmarkNet, raw: Tensor, teacher: LandmarkNet, target_raw: Tensor) -> Tensor:
    """Distance (B,) of a network's raw output from a target network's, which must carry no gradient."""
    if kind == "heatmap":
        return student.head.divergence(raw, target_raw)
    return student.head.loss(raw, teacher.head.decode(target_raw), l1)


def _direction_error(features: Tensor, target: Tensor) -> Tensor:
    """1 - cosine similarity of two maps' feature vectors (B, C, H, W), mean over the target's cells (B,)."""
    if features.shape != target.shape:
        features = F.interpolate(features, size=target.shape[2:], mode="bilinear")
    return 1 - F.cosine_similarity(features.float(), target.float(), dim=1).mean(dim=(1, 2))
