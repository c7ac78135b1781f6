"""Learning from another network: what is imitated falls, what does not fit is refused, and a run can be continued."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import SMALL, assert_refused, run
from conftest import Run, data_flags, file_flags
from stand_in import project, random_euler
from torch import Tensor

from src.config import AUGMENTATIONS, ModelConfig, TrainingConfig
from src.errors import InputError
from src.network import checkpoint
from src.network.losses import CRITERIA
from src.network.model import LandmarkNet, build_model
from src.training.distillation import Peer, Teacher, build_companion
from src.training.trainer import Trainer
from src.training.world import World
from src.transforms import crop_batch

pytestmark = pytest.mark.slow

HEATMAP = ModelConfig(backbone="shufflenet_v2_x0_5", head="heatmap", input_size=64)
REGRESSION = replace(HEATMAP, head="regression")
LARGER = ModelConfig(backbone="shufflenet_v2_x1_0", head="heatmap", input_size=96)
# Two students, what they imitate and of whom: the same maps, another head at another size, features of other widths.
PAIRS = [("heatmap", HEATMAP, HEATMAP), ("landmark", REGRESSION, LARGER), ("feature", REGRESSION, LARGER)]
CONFIG = TrainingConfig(epochs=10, batch_size=8, augmentation=AUGMENTATIONS["none"], warmup=0.0, learning_rate=1e-3)


def _batch() -> tuple[Tensor, Tensor, Tensor]:
    """Squares (8, 64, 64, 3), points_unit, euler in degrees."""
    euler = random_euler(8)
    squares = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return squares, torch.from_numpy(project(euler)).float(), torch.from_numpy(euler).float()


def _save_teacher(folder: Path, config: ModelConfig) -> str:
    """A network that has seen the batch, and whose maps are narrow."""
    path, model = folder / "teacher.pth.tar", build_model(config, seed=11).train()
    trainer = Trainer(model, CONFIG, steps_per_epoch=5, device=torch.device("cpu"), world=World())
    for _ in range(5):
        trainer.step(*_batch(), progress=0.0)
    if config.head == "heatmap":
        with torch.no_grad():
            model.head.maps.weight.mul_(20)
    checkpoint.save(path, checkpoint.model_content(model, nme=1.0, training=CONFIG))
    return str(path)


def _trainer(student: ModelConfig, **changes: object) -> Trainer:
    network = build_model(student).train()
    config = replace(CONFIG, **changes)
    return Trainer(network, config, steps_per_epoch=5, device=torch.device("cpu"), world=World())


def _distance(trainer: Trainer) -> Tensor:
    """The student's distance from its companion on random pictures, (8,)."""
    images = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    network = trainer.network
    maps = network.features(images)
    labels = {"points_input": torch.rand(8, 68, 2), "euler": torch.zeros(8, 3)}
    return trainer.companion(network, images, maps=maps, raw=network.head(maps), **labels)


@pytest.mark.parametrize(("kind", "student", "teacher"), PAIRS)
def test_the_student_approaches_its_teacher_which_stays_as_it_is(
    kind: str, student: ModelConfig, teacher: ModelConfig, tmp_path: Path
) -> None:
    trainer = _trainer(student, teacher=_save_teacher(tmp_path, teacher), distill=kind, distill_weight=1000.0)
    (frozen,) = trainer.companion.frozen
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    measured = []
    original = trainer.companion.forward

    def measure(*arguments: object, **labels: object) -> Tensor:
        value = original(*arguments, **labels)
        measured.append(value.mean().item())
        return value

    trainer.companion.forward = measure
    for _ in range(20):
        trainer.step(*_batch(), progress=0.0)
    assert measured[-1] < 0.7 * measured[0]
    assert not frozen.training
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


@pytest.mark.parametrize(("kind", "config"), [("heatmap", HEATMAP), ("landmark", HEATMAP)])
def test_a_student_that_equals_its_teacher_is_closest_to_it(kind: str, config: ModelConfig) -> None:
    network = build_model(config).eval()
    teacher, images = build_model(config).eval(), torch.rand(2, 3, 64, 64)
    companion = Teacher(network, teacher, kind=kind, weight=1.0)

    def distance() -> float:
        maps = network.features(images)
        return companion(network, images, maps=maps, raw=network.head(maps)).mean().item()

    equal = distance()
    if kind == "heatmap":
        assert equal == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        network.head.maps.weight.add_(torch.randn(network.head.maps.weight.shape))
    assert distance() > equal + 0.05


def test_the_weight_scales_the_distance(tmp_path: Path) -> None:
    path = _save_teacher(tmp_path, HEATMAP)
    one, three = (_trainer(HEATMAP, teacher=path, distill="heatmap", distill_weight=w) for w in (1.0, 3.0))
    torch.testing.assert_close(3 * _distance(one), _distance(three))


def test_the_teacher_gets_its_own_input_size_and_no_gradient() -> None:
    seen = []
    teacher = build_model(LARGER).eval()
    teacher.backbone.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[-1]))
    student = build_model(REGRESSION)
    images = torch.rand(2, 3, 64, 64)
    maps = student.features(images)
    companion = Teacher(student, teacher, kind="landmark", weight=1.0)
    companion(student, images, maps=maps, raw=student.head(maps)).sum().backward()
    assert seen == [96]
    assert all(p.grad is None for p in teacher.parameters())
    assert student.head.linear.weight.grad.any()
    assert list(companion.state_dict()) == []


def test_only_the_adapters_of_a_teacher_are_optimized_and_saved(tmp_path: Path) -> None:
    trainer = _trainer(REGRESSION, teacher=_save_teacher(tmp_path, LARGER), distill="feature")
    optimized = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert optimized == {id(p) for p in (*trainer.network.parameters(), *trainer.companion.adapters.parameters())}
    assert all(name.startswith("adapters.") for name in trainer.state(nme=1.0)["trainer"]["companion"])


def test_adapters_depend_on_the_seed_alone(tmp_path: Path) -> None:
    path = _save_teacher(tmp_path, LARGER)
    one, same, other = (
        _trainer(REGRESSION, teacher=path, distill="feature", seed=seed).companion.adapters[0].weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("kind", "weight"), [("heatmap", 1000.0), ("landmark", 50.0)])
def test_peers_learn_from_the_labels_and_approach_each_other(kind: str, weight: float) -> None:
    def train(weight: float) -> tuple[float, float]:
        """Loss of the first and of the last step in ratio, and how far the peers' points are apart."""
        trainer = _trainer(HEATMAP, mutual=True, distill=kind, distill_weight=weight)
        losses = [trainer.step(*_batch(), progress=0.0)[0] for _ in range(15)]
        images = crop_batch(_batch()[0], HEATMAP.crop, HEATMAP.input_size)
        with torch.no_grad():
            apart = trainer.network.predict(images) - trainer.companion.peer.predict(images)
        return losses[-1] / losses[0], apart.norm(dim=-1).mean().item()

    fallen, together = train(weight)
    _, alone = train(1e-9)
    assert fallen < 0.9
    assert together < 0.9 * alone


def test_a_peer_is_another_network_of_the_same_form() -> None:
    network = build_model(HEATMAP, seed=CONFIG.seed)
    companion = build_companion(network, replace(CONFIG, mutual=True, distill="landmark"), CRITERIA["l1"])
    assert isinstance(companion, Peer)
    assert companion.peer.config == network.config
    assert not torch.equal(companion.peer.head.maps.weight, network.head.maps.weight)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distill": "heatmap"}, "both or none"),
        ({"mutual": True}, "both or none"),
        ({"teacher": "absent.pth.tar", "distill": "landmark"}, "absent.pth.tar: no such checkpoint"),
        ({"teacher": "absent.pth.tar", "mutual": True, "distill": "landmark"}, "found both"),
        ({"mutual": True, "distill": "feature"}, "found feature"),
        ({"mutual": True, "distill": "heatmap", "distill_weight": 0.0}, "distill_weight above 0"),
        ({"mutual": True, "distill": "logits"}, "expected one of none, heatmap"),
    ],
)
def test_contradictions_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        _trainer(HEATMAP, **changes)


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        (REGRESSION, REGRESSION),
        (REGRESSION, HEATMAP),
        (HEATMAP, replace(HEATMAP, head="simcc")),
        (HEATMAP, replace(HEATMAP, input_size=96)),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(student: ModelConfig, teacher: ModelConfig) -> None:
    with pytest.raises(InputError, match=r"same maps at the same input size, found .*; landmark fits any"):
        Teacher(build_model(student), build_model(teacher), kind="heatmap", weight=1.0)


def test_a_teacher_with_boundaries_serves_a_student_without() -> None:
    student, teacher = build_model(HEATMAP), build_model(replace(HEATMAP, head="heatmap_boundary"))
    companion, images = Teacher(student, teacher, kind="heatmap", weight=1.0), torch.rand(2, 3, 64, 64)
    maps = student.features(images)
    assert companion(student, images, maps=maps, raw=student.head(maps)).shape == (2,)


@pytest.mark.parametrize("changed", [{"crop": (0.5, 0.5, 1.0)}, {"convention": "300w"}])
def test_a_teacher_of_another_crop_or_convention_is_refused(changed: dict) -> None:
    other: LandmarkNet = build_model(replace(HEATMAP, **changed))
    with pytest.raises(InputError, match=f"teacher of the student's crop and convention, found {next(iter(changed))}"):
        Teacher(build_model(HEATMAP), other, kind="landmark", weight=1.0)


def _flags(prepared: Path, folder: Path) -> tuple[object, ...]:
    return *data_flags(prepared), *file_flags(folder)


@pytest.mark.parametrize("how", ["teacher", "mutual"])
def test_a_run_continued_from_a_snapshot_ends_at_the_same_weights(how: str, trained: Run, tmp_path: Path) -> None:
    flags = ("--mutual", "--distill", "landmark") if how == "mutual" else ("--teacher", trained.best)
    flags = flags if how == "mutual" else (*flags, "--distill", "feature")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    outcome = run("train.py", *SMALL, *flags, "--end_epoch", 2, *_flags(trained.prepared, whole))
    assert outcome.code == 0, outcome
    first = whole / "snapshot" / "checkpoint_epoch_1.pth.tar"
    outcome = run("train.py", "--resume", first, "-j", 1, *_flags(trained.prepared, resumed))
    assert outcome.code == 0, outcome
    one, other = (checkpoint.load(folder / "snapshot" / "checkpoint_epoch_2.pth.tar") for folder in (whole, resumed))
    for part in ("network", "companion"):
        assert one["trainer"][part].keys() == other["trainer"][part].keys()
        assert all(torch.equal(value, other["trainer"][part][name]) for name, value in one["trainer"][part].items())
    assert one["training"]["distill"] == flags[-1]
    assert not [name for name in one["weights"] if "companion" in name or "peer" in name]


def test_a_snapshot_without_the_companion_is_refused(trained: Run, tmp_path: Path) -> None:
    first = trained.snapshots / "checkpoint_epoch_1.pth.tar"
    flags = ("--resume", first, "--mutual", "--distill", "landmark", "-j", 1)
    assert_refused(run("train.py", *flags, *_flags(trained.prepared, tmp_path / "run")), "belongs to another network")


def test_a_large_network_needs_to_be_allowed(prepared: Path, tmp_path: Path) -> None:
    flags = ("--backbone", "irnet18", "--input_size", 64, "--train_batchsize", 40, "--end_epoch", 1, "-j", 1)
    refused = run("train.py", *flags, *_flags(prepared, tmp_path / "run"))
    assert_refused(refused, "expected at most 15", "--allow_large")
    assert not (tmp_path / "run").exists()
    allowed = run("train.py", *flags, "--allow_large", *_flags(prepared, tmp_path / "run"))
    assert allowed.code == 0, allowed


def test_a_shipped_teacher_is_found_from_anywhere(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ("--teacher", "small.pth.tar", "--distill", "landmark", "--crop", 0.5, 0.53, 0.8, "--end_epoch", 1)
    outcome = run("train.py", *SMALL, *flags, *Run(tmp_path, prepared).flags)
    assert outcome.code == 0, outcome
