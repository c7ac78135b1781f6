"""One step of training: the schedule, the averaged weights, the optimizer's groups, and a loss that breaks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stand_in import project, random_euler

from src.config import AUGMENTATIONS, ModelConfig, TrainingConfig
from src.errors import InputError
from src.network.heads import HEADS
from src.network.losses import CRITERIA
from src.network.model import build_model
from src.training.trainer import Trainer, learning_rate
from src.training.world import World

CONFIG = TrainingConfig(epochs=10, batch_size=8, augmentation=AUGMENTATIONS["none"], warmup=0.0)


def _trainer(config: TrainingConfig = CONFIG, head: str = "regression", **model: object) -> Trainer:
    network = build_model(ModelConfig(backbone="shufflenet_v2_x0_5", head=head, input_size=64, **model)).train()
    return Trainer(network, config, steps_per_epoch=5, device=torch.device("cpu"), world=World())


def _batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    euler = random_euler(8)
    squares = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return squares, torch.from_numpy(project(euler)).float(), torch.from_numpy(euler).float()


def test_the_learning_rate_rises_falls_and_has_no_jump() -> None:
    config = TrainingConfig(learning_rate=1.0, warmup=0.1, final_learning_rate=0.01)
    rates = np.array([learning_rate(progress, config) for progress in np.linspace(0, 1, 1001)])
    assert rates[0] == pytest.approx(0.01)
    assert rates[50] == pytest.approx(0.5)
    assert rates[100] == rates.max() == 1
    assert rates[550] == pytest.approx((1 + 0.01) / 2)
    assert rates[-1] == pytest.approx(0.01)
    assert (np.diff(rates[100:]) <= 0).all()
    assert np.abs(np.diff(rates)).max() < 0.011
    assert learning_rate(1.2, config) == pytest.approx(0.01)


def test_without_warm_up_training_starts_at_the_peak() -> None:
    assert learning_rate(0, replace(CONFIG, learning_rate=0.5)) == 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "criterion"),
    [*((head, "l1") for head in HEADS), *(("regression", name) for name in CRITERIA), ("heatmap_boundary", "star")],
)
def test_steps_on_the_same_faces_lower_their_loss(head: str, criterion: str) -> None:
    trainer = _trainer(replace(CONFIG, criterion=criterion, learning_rate=2e-4), head)
    losses = [trainer.step(*_batch(), progress=0.0)[0] for _ in range(15)]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < 0.9 * losses[0]


def test_training_begins_with_smaller_inputs_and_goes_on_with_the_models() -> None:
    sizes = []
    trainer = _trainer(replace(CONFIG, start_size=48, start_share=0.5), "heatmap")
    trainer.loss.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[-1]))
    distances = [trainer.step(*_batch(), progress=progress)[1] for progress in (0.0, 0.49, 0.5, 0.99)]
    assert sizes == [48, 48, 64, 64]
    assert max(distances) < 2 * min(distances)  # the same faces, measured in shares of either input


@pytest.mark.parametrize(
    ("head", "settings", "message"),
    [
        ("regression", {}, r"expects a head that reads any size \(heatmap"),
        ("heatmap", {"distill": "heatmap", "mutual": True}, "with distill, set it to 0"),
        ("heatmap", {"start_size": 50}, "multiple of 4 from 32 to below 64, found 50"),
        ("heatmap", {"start_size": 64}, "multiple of 4 from 32 to below 64, found 64"),
        ("heatmap", {"start_share": 1.0}, "between 0 and 1, found 1.0"),
    ],
)
def test_a_start_with_smaller_inputs_that_cannot_be_is_refused(head: str, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _trainer(replace(CONFIG, **{"start_size": 48} | settings), head)


def test_every_parameter_is_optimized_once_and_only_matrices_decay() -> None:
    trainer = _trainer()
    groups = trainer.optimizer.param_groups
    optimized = [id(p) for group in groups for p in group["params"]]
    assert sorted(optimized) == sorted(id(p) for p in trainer.network.parameters())
    for group in groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_the_average_follows_its_formula() -> None:
    trainer = _trainer(replace(CONFIG, ema_decay=0.2))
    averaged = None
    for step in range(3):
        trainer.step(*_batch(), progress=0.5)
        weights = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        # The first update copies. The decay starts at (1 + n) / (10 + n) and ends at 0.2.
        decay = 0.0 if step == 0 else min(0.2, (1 + step) / (10 + step))
        if step == 0:
            averaged = weights
        else:
            averaged = {
                name: decay * averaged[name] + (1 - decay) * value if value.is_floating_point() else value
                for name, value in weights.items()
            }
    for name, value in trainer.best_weights.state_dict().items():
        torch.testing.assert_close(value, averaged[name], atol=1e-5, rtol=1e-5)


def test_without_averaging_the_network_itself_is_shipped() -> None:
    trainer = _trainer(replace(CONFIG, ema_decay=0.0))
    assert trainer.best_weights is trainer.network


def test_a_non_finite_loss_stops_the_run_and_leaves_the_weights() -> None:
    trainer = _trainer()
    trainer.step(*_batch(), progress=0.5)
    before = [p.clone() for p in trainer.network.parameters()]
    squares, points_unit, euler = _batch()
    points_unit[3, 5, 0] = torch.nan
    with pytest.raises(InputError, match=r"the loss became nan at step 2 .* lower base_lr"):
        trainer.step(squares, points_unit, euler, progress=0.5)
    assert all(torch.equal(p, old) for p, old in zip(trainer.network.parameters(), before, strict=True))
    assert trainer.step_count == 1


def test_processes_draw_different_random_numbers_and_none_repeats() -> None:
    seen = set()
    for rank in range(2):
        trainer = _trainer()
        trainer.world = World(rank, 2, rank)
        for trainer.step_count in range(50):
            trainer._seed_generator()
            seen.add(torch.rand(1, generator=trainer.generator).item())
    assert len(seen) == 100


def test_a_snapshot_of_another_network_is_refused() -> None:
    state = _trainer().state(nme=1.0)
    for other in (_trainer(head="heatmap"), _trainer(auxiliary=False)):
        with pytest.raises(InputError, match="belongs to another network"):
            other.restore(state)
    with pytest.raises(InputError, match="found a model file"):
        _trainer().restore({"weights": {}})


def test_a_resumed_run_decays_weights_as_its_flags_say() -> None:
    state = _trainer(replace(CONFIG, weight_decay=0.3)).state(nme=1.0)
    state["trainer"]["optimizer"]["param_groups"][0]["maximize"] = True
    trainer = _trainer(replace(CONFIG, weight_decay=0.1))
    trainer.restore(state)
    groups = trainer.optimizer.param_groups
    assert [(group["weight_decay"], group["maximize"]) for group in groups] == [(0.1, False), (0.0, False)]


@pytest.mark.parametrize("changes", [{"step_count": 10**400}, {"step_count": -1}, {"seconds": 10**400}], ids=list)
def test_a_snapshot_of_absurd_numbers_is_refused(changes: dict) -> None:
    state = _trainer().state(nme=1.0)
    state["trainer"] |= changes
    with pytest.raises(InputError, match="belongs to another network"):
        _trainer().restore(state)


def test_a_held_rate_stays_at_its_peak_and_then_falls() -> None:
    config = replace(CONFIG, warmup=0.1, hold=0.5, learning_rate=1.0, final_learning_rate=0.01)
    assert [learning_rate(progress, config) for progress in (0.1, 0.3, 0.6)] == [1.0, 1.0, 1.0]
    assert learning_rate(0.8, config) == pytest.approx(0.505)
    assert learning_rate(1.0, config) == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq", "step"])
def test_moments_of_another_shape_are_refused_before_a_step_writes_beyond_them(name: str) -> None:
    trainer = _trainer()
    squares, points = torch.zeros(2, 64, 64, 3, dtype=torch.uint8), torch.rand(2, 68, 2)
    trainer.step(squares, points, torch.zeros(2, 3), progress=0.1)
    content = trainer.state(nme=1.0)
    moments = content["trainer"]["optimizer"]["state"]
    last = max(moments)
    moments[last][name] = torch.zeros(2) if name == "step" else moments[last][name].flatten()[:1]
    with pytest.raises(InputError, match=f"{name} of shape"):
        _trainer().restore(content)
