"""Studies: a run is trained once, goes on after Ctrl-C to the same weights, and its identity is its content."""

import json
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from stand_in import forget_content

from src.config import ModelConfig, TrainingConfig
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.evaluation.evaluate import evaluate
from src.files import alone_in
from src.metrics import nme
from src.network import checkpoint
from src.network.checkpoint import load_model
from src.notebook import identity, study
from src.notebook.study import Run, Trained, cost, draw_faces, train_all
from src.training import loop as engine
from src.training import runs

pytestmark = pytest.mark.slow


@pytest.fixture
def run(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Two epochs of five steps that live in the test's own folder, trained in this process."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(identity, "RUNS", tmp_path / "runs")
    return Run(
        ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64),
        TrainingConfig(epochs=2, batch_size=8, seed=1),
        prepared / "AFLW_train_data",
        prepared / "AFLW_validation_data",
    )


def train(run: Run) -> Trained:
    return train_all([run])[0]


def test_a_run_leaves_a_model_its_history_and_nothing_else(run: Run) -> None:
    trained = train(run)
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "model.pth.tar",
        "result.json",
        "summary.csv",
        "train.logs",
    ]
    assert trained.history["epoch"].tolist() == [1, 2]
    assert (trained.steps, trained.trained_faces) == (10, 40)
    assert trained.nme == pytest.approx(trained.history["validation_nme"].iloc[-1], rel=1e-5)
    assert trained.nme == pytest.approx(nme(trained.errors()), rel=1e-5)
    deployed, _ = load_model(trained.model_path)
    assert nme(evaluate(deployed, load_prepared(run.validation_data))) == pytest.approx(trained.nme, rel=1e-5)


def test_what_runs_cost_is_measured_and_each_counts_once(run: Run) -> None:
    trained = train(run)
    assert 0 < trained.cpu_seconds < 600
    assert cost([trained, trained]).startswith("Cost: 1 training runs (1 on CPU), 10 steps, ")


def test_a_teacher_is_known_by_its_run_wherever_the_runs_lie(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def folder() -> str:
        return run.vary(teacher=str(identity.RUNS / "abc" / "model.pth.tar"), distill="landmark").folder.name

    here = folder()
    monkeypatch.setattr(identity, "RUNS", tmp_path / "elsewhere")
    assert folder() == here


def test_names_of_other_bytes_than_text_are_part_of_the_identity(run: Run, tmp_path: Path) -> None:
    odd = shutil.copytree(run.training_data, tmp_path / "odd")
    with np.load(odd / "labels.npz") as labels:
        arrays = dict(labels)
    arrays["names"][0] = arrays["names"][0][:-1] + "\udcff"  # as Python reads a byte that is not UTF-8
    np.savez(odd / "labels.npz", **arrays)
    forget_content(odd)
    assert run.vary(training_data=odd).folder != run.folder


def test_the_euler_branch_comes_back_trained(run: Run) -> None:
    network = train(run).load()
    fresh = study.build_model(run.model, seed=run.training.seed)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        angles, untrained = (model.pose(model.features(images)) for model in (network, fresh.eval()))
    assert angles.shape == (2, 3)
    assert not torch.allclose(angles, untrained)
    assert train(run.vary(auxiliary=False)).load().auxiliary is None


def test_a_second_call_only_reads(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train_all([run])
    monkeypatch.setattr(study, "train_in", lambda *_, **__: pytest.fail("trained again"))
    assert train_all([run, run]) == first * 2


def test_a_run_that_another_study_trains_is_awaited_and_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(run)
    unfinished = (run.folder / "result.json").rename(run.folder / "later")
    monkeypatch.setattr(study, "train_in", lambda *_, **__: pytest.fail("trained again"))
    with ThreadPoolExecutor(1) as pool:
        with alone_in(run.folder):
            waiting = pool.submit(train, run)
            time.sleep(0.2)
            unfinished.rename(run.folder / "result.json")
        assert waiting.result() == first


@pytest.mark.parametrize(("between", "saved"), [(0.0, [1, 2]), (1e9, [2])])
def test_short_epochs_share_a_snapshot(
    run: Run, between: float, saved: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    names, save = [], checkpoint.save
    monkeypatch.setattr(runs, "_BETWEEN_SNAPSHOTS", between)
    monkeypatch.setattr(checkpoint, "save", lambda path, content: (names.append(path.name), save(path, content)))
    train(run)
    assert [name for name in names if "epoch" in name] == [checkpoint.epoch_name(epoch) for epoch in saved]


def test_results_come_in_the_order_asked_for(run: Run) -> None:
    runs = [run.vary(seed=seed, epochs=1) for seed in (3, 2, 3)]
    assert [one.run.training.seed for one in train_all(runs)] == [3, 2, 3]


@pytest.mark.parametrize("ema_decay", [0.999, 0.0])
def test_an_interrupted_run_ends_at_the_same_weights(
    run: Run, ema_decay: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run.vary(ema_decay=ema_decay)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "evaluate", _interrupting(engine.evaluate))
        with pytest.raises(KeyboardInterrupt):
            train(run)
    assert not (run.folder / "result.json").exists()
    continued = train(run).load().state_dict()
    monkeypatch.setattr(identity, "RUNS", tmp_path / "others")
    straight = train(run).load().state_dict()
    assert all(torch.equal(value, straight[name]) for name, value in continued.items())


def _interrupting(evaluate: object) -> object:
    """`evaluate` with Ctrl-C pressed meanwhile."""

    def interrupted(*arguments: object, **options: object) -> np.ndarray:
        signal.raise_signal(signal.SIGINT)
        return evaluate(*arguments, **options)

    return interrupted


def test_runs_differ_by_configuration_and_content_and_not_by_place(run: Run, tmp_path: Path) -> None:
    for changes in ({"seed": 2}, {"head": "pip"}, {"epochs": 3}, {"faces": 16}, {"training_data": run.validation_data}):
        assert run.vary(**changes).folder != run.folder
    moved = shutil.copytree(run.training_data, tmp_path / "moved")
    assert run.vary(training_data=moved).folder == run.folder


def test_other_pixels_under_the_same_labels_are_another_run(run: Run, tmp_path: Path) -> None:
    darker = shutil.copytree(run.training_data, tmp_path / "darker")
    np.save(darker / "images.npy", np.load(darker / "images.npy") // 2)
    forget_content(darker)
    assert run.vary(training_data=darker).folder != run.folder


def test_a_run_refuses_a_name_that_is_no_field(run: Run) -> None:
    with pytest.raises(InputError, match="epoch"):
        run.vary(epoch=3)


def test_a_damaged_result_is_one_clear_line(run: Run) -> None:
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text(json.dumps({"nme": 1.0}))
    with pytest.raises(InputError, match="delete its folder"):
        train(run)


def test_an_absent_data_folder_is_an_input_error(run: Run) -> None:
    with pytest.raises(InputError, match="no prepared faces"):
        train(run.vary(training_data=Path("nowhere")))


def test_a_smaller_draw_is_part_of_a_larger_one(run: Run) -> None:
    faces = load_prepared(run.training_data)
    small, large = draw_faces(faces, 8, seed=4), draw_faces(faces, 20, seed=4)
    assert set(small.names) < set(large.names)
    assert len(small) == len(small.points_unit) == len(small.euler) == 8
    row = int(np.flatnonzero(faces.names == small.names[0])[0])
    np.testing.assert_array_equal(small.images[0], faces.images[row])
    with pytest.raises(InputError, match="at most 40"):
        draw_faces(faces, 41, seed=4)


def test_processes_make_the_same_weights(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = run.vary(epochs=1)
    alone = train(run).load().state_dict()
    monkeypatch.setattr(identity, "RUNS", tmp_path / "processes")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    together = train(run).load().state_dict()
    assert all(torch.equal(value, together[name]) for name, value in alone.items())
