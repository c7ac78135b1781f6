"""Whole training runs: their files, and that a stopped and continued run ends at the very same weights."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import ROOT, SMALL, assert_refused, run
from conftest import Run, data_flags, file_flags

from src.network import checkpoint
from src.training import loop as engine
from src.training.trainer import Trainer

pytestmark = pytest.mark.slow

STEPS = 5  # an epoch of 40 faces in batches of 8


def _run(prepared: Path, folder: Path) -> Run:
    return Run(folder, prepared)


def _stop_after(step: int, monkeypatch: pytest.MonkeyPatch, *, seconds: float = 0.0) -> None:
    """Ctrl-C arrives while this step is computed, which takes so many more seconds by the run's clock."""
    original = Trainer.step

    def interrupted(self: Trainer, *arguments: object, **options: object) -> tuple:
        if self.step_count == step - 1:
            os.kill(os.getpid(), signal.SIGINT)
            self.seconds += seconds
        return original(self, *arguments, **options)

    monkeypatch.setattr(Trainer, "step", interrupted)


def _assert_equal(one: object, other: object) -> None:
    """Nested containers of tensors and numbers, bit for bit."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            if key != "seconds":
                _assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            _assert_equal(a, b)
    else:
        assert one == other or one != one


def _assert_same_run(one: Run, other: Run) -> None:
    names = sorted(path.name for path in one.snapshots.glob("checkpoint_epoch_*"))
    assert names
    for name in names:
        _assert_equal(checkpoint.load(one.snapshots / name), checkpoint.load(other.snapshots / name))
    _assert_equal(checkpoint.load(one.best), checkpoint.load(other.best))
    assert _rows(one) == _rows(other)


def _rows(run: Run) -> list[dict[str, str]]:
    with open(run.folder / "summary.csv", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_a_run_leaves_its_files_and_nothing_else(trained: Run) -> None:
    found = sorted(str(path.relative_to(trained.folder)) for path in trained.folder.rglob("*") if path.is_file())
    snapshots = [f"snapshot/checkpoint_epoch_{epoch}.pth.tar" for epoch in (1, 2)]
    assert found == sorted(["best_model/best.pth.tar", *snapshots, "summary.csv", "train.logs"])


def test_the_summary_has_a_row_an_epoch_and_the_best_model_is_the_best_rows(trained: Run) -> None:
    rows = _rows(trained)
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "5"), ("2", "10")]
    best = min(float(row["validation_nme"]) for row in rows)
    assert checkpoint.load(trained.best)["nme"] == pytest.approx(best, rel=1e-5)
    log = (trained.folder / "train.logs").read_text()
    assert "backbone: shufflenet_v2_x0_5" in log
    assert log.count("Epoch - ") == 2
    assert "get best model!" in log


def test_the_same_flags_give_the_same_weights(trained: Run, tmp_path: Path) -> None:
    again = _run(trained.prepared, tmp_path)
    assert run("train.py", *SMALL, "--end_epoch", 2, *again.flags).code == 0
    _assert_same_run(trained, again)


@pytest.mark.parametrize("step", [1, 3, STEPS, STEPS + 2])
def test_a_run_stopped_by_ctrl_c_and_resumed_ends_at_the_same_weights(
    step: int, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = _run(trained.prepared, tmp_path)
    with monkeypatch.context() as patch:
        _stop_after(step, patch)
        outcome = run("train.py", *SMALL, "--end_epoch", 2, *stopped.flags)
    assert outcome.code == 130
    assert "--resume" in outcome.out
    interrupted = checkpoint.load(stopped.snapshots / checkpoint.INTERRUPTED)
    assert interrupted["trainer"]["step_count"] == step
    outcome = run("train.py", "--resume", "-j", 1, *stopped.flags)
    assert outcome.code == 0, outcome
    _assert_same_run(trained, stopped)


def test_resuming_from_an_epochs_own_snapshot_ends_at_the_same_weights(trained: Run, tmp_path: Path) -> None:
    killed = _run(trained.prepared, tmp_path)
    first = killed.snapshots / "checkpoint_epoch_1.pth.tar"
    first.parent.mkdir()
    shutil.copy(trained.snapshots / first.name, first)
    shutil.copytree(trained.best.parent, killed.best.parent)
    outcome = run("train.py", "--resume", first, "-j", 1, *killed.flags)
    assert outcome.code == 0, outcome
    _assert_same_run(trained, killed)


def test_stopping_twice_and_other_settings_end_at_the_same_weights(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without averaging and the auxiliary branch, with a heat map and the other half of the optimizer's settings."""
    flags = (
        *SMALL,
        "--head",
        "heatmap",
        "--no-auxiliary",
        "--ema",
        0,
        "--loss",
        "smooth_wing",
        "--wd",
        0.1,
        "--seed",
        5,
    )
    flags = (*flags, "--source_weights", 1, "--augmentation", "geometry", "--end_epoch", 2)
    whole, stopped = _run(prepared, tmp_path / "whole"), _run(prepared, tmp_path / "stopped")
    assert run("train.py", *flags, *whole.flags).code == 0
    for step, first in ((2, flags), (7, ("--resume", "-j", 1))):
        with monkeypatch.context() as patch:
            _stop_after(step, patch)
            assert run("train.py", *first, *stopped.flags).code == 130
    assert run("train.py", "--resume", "-j", 1, *stopped.flags).code == 0
    _assert_same_run(whole, stopped)


class _KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("saved", [2, 3])  # checkpoints: best, snapshot, then best, snapshot of the second epoch
def test_a_run_killed_between_two_of_its_files_resumes_to_the_same_best_model(
    saved: int, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = _run(prepared, tmp_path / "whole"), _run(prepared, tmp_path / "killed")
    epochs, writes, save = [0], [0], checkpoint.save

    def always_better(_: object) -> float:
        epochs[0] += 1
        return 10.0 - epochs[0]

    def save_or_die(path: Path, content: dict) -> None:
        if writes[0] == saved:
            raise _KilledError
        writes[0] += 1
        save(path, content)

    monkeypatch.setattr(engine, "nme", always_better)
    assert run("train.py", *SMALL, "--end_epoch", 2, *whole.flags).code == 0
    epochs[0] = 0
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_or_die)
        with pytest.raises(_KilledError):
            run("train.py", *SMALL, "--end_epoch", 2, *killed.flags)
    epochs[0] = 1
    assert run("train.py", "--resume", "-j", 1, *killed.flags).code == 0
    _assert_same_run(whole, killed)


def test_an_explicit_flag_overrides_the_snapshots(trained: Run, tmp_path: Path) -> None:
    outcome = run(
        *("train.py", "--resume", trained.snapshots / "checkpoint_epoch_2.pth.tar", "--end_epoch", 3, "-j", 1),
        *(*data_flags(trained.prepared), *file_flags(tmp_path)),
    )
    assert outcome.code == 0, outcome
    assert [row["epoch"] for row in _rows(_run(trained.prepared, tmp_path))] == ["1", "2", "3"]
    assert "lacks best.pth.tar of earlier epochs" in outcome.out
    best = checkpoint.load(tmp_path / "best_model" / "best.pth.tar")  # of the folder's only epoch
    assert f"best validation NME {best['nme']:.3f} %" in outcome.out


def test_resuming_a_finished_run_says_its_result(trained: Run, tmp_path: Path) -> None:
    copy = _run(trained.prepared, tmp_path / "copy")
    shutil.copytree(trained.folder, copy.folder)
    outcome = run("train.py", "--resume", "-j", 1, *copy.flags)
    assert outcome.code == 0
    assert f"best validation NME {checkpoint.load(trained.best)['nme']:.3f} %" in outcome.out
    _assert_same_run(trained, copy)


def test_only_the_last_snapshots_stay(prepared: Path, tmp_path: Path) -> None:
    outcome = run("train.py", *SMALL, "--end_epoch", 4, "--keep", 2, *_run(prepared, tmp_path).flags)
    assert outcome.code == 0, outcome
    found = sorted(path.name for path in (tmp_path / "snapshot").iterdir())
    assert found == ["checkpoint_epoch_3.pth.tar", "checkpoint_epoch_4.pth.tar"]


def test_a_time_budget_ends_the_run_and_its_schedule(prepared: Path, tmp_path: Path) -> None:
    start = time.perf_counter()
    outcome = run("train.py", *SMALL, "--minutes", 0.02, *_run(prepared, tmp_path).flags)
    assert outcome.code == 0, outcome
    assert time.perf_counter() - start < 60
    last = _rows(_run(prepared, tmp_path))[-1]
    assert float(last["learning_rate"]) < 0.5 * 2e-3
    assert (tmp_path / "best_model" / "best.pth.tar").is_file()
    assert f"in {last['epoch']} epochs" in outcome.out


def test_ctrl_c_in_the_last_step_of_a_time_budget_leaves_a_whole_run(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_flags = _run(prepared, tmp_path).flags
    with monkeypatch.context() as patch:
        _stop_after(2, patch, seconds=60.0)
        assert run("train.py", *SMALL, "--minutes", 1, *run_flags).code == 130
    outcome = run("train.py", "--resume", "-j", 1, *run_flags)
    assert outcome.code == 0, outcome
    nme = checkpoint.load(tmp_path / "best_model" / "best.pth.tar")["nme"]
    assert f"best validation NME {nme:.3f} % in 1 epoch" in outcome.out


def test_the_clock_counts_no_more_than_the_run_takes(prepared: Path, tmp_path: Path) -> None:
    start = time.perf_counter()
    assert run("train.py", *SMALL, "--end_epoch", 1, *_run(prepared, tmp_path).flags).code == 0
    snapshot = checkpoint.load(tmp_path / "snapshot" / "checkpoint_epoch_1.pth.tar")
    assert 0 < snapshot["trainer"]["seconds"] < time.perf_counter() - start


def test_validation_is_predicted_in_batches_of_its_own_size(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    original = engine.evaluate

    def evaluate(*arguments: object, batch_size: int) -> object:
        sizes.append(batch_size)
        return original(*arguments, batch_size=batch_size)

    monkeypatch.setattr(engine, "evaluate", evaluate)
    flags = _run(prepared, tmp_path).flags
    assert run("train.py", *SMALL, "--end_epoch", 1, "--val_batchsize", 5, *flags).code == 0
    assert sizes == [5]


def test_starting_from_a_model_begins_at_its_weights(trained: Run, tmp_path: Path) -> None:
    tuned = _run(trained.prepared, tmp_path)
    outcome = run("train.py", *SMALL, "--init", trained.best, "--base_lr", 1e-9, "--end_epoch", 1, *tuned.flags)
    assert outcome.code == 0, outcome
    before, after = checkpoint.load(trained.best)["weights"], checkpoint.load(tuned.best)["weights"]
    for name, value in before.items():
        if name.endswith("weight"):
            torch.testing.assert_close(after[name], value, atol=1e-5, rtol=0)


def test_learning_lowers_the_error(prepared: Path, tmp_path: Path) -> None:
    flags = (*SMALL, "--end_epoch", 12, "--base_lr", 1e-3, "--ema", 0.9, "--augmentation", "none")
    assert run("train.py", *flags, *_run(prepared, tmp_path).flags).code == 0
    rows = _rows(_run(prepared, tmp_path))
    assert float(rows[-1]["train_error"]) < 0.8 * float(rows[0]["train_error"])


def test_a_loss_that_turns_non_finite_stops_with_one_line_and_keeps_the_files(trained: Run, tmp_path: Path) -> None:
    broken = _run(trained.prepared, tmp_path / "broken")
    shutil.copytree(trained.folder, broken.folder)
    outcome = run("train.py", "--resume", "--end_epoch", 9, "--base_lr", 4e9, "-j", 1, *broken.flags)
    assert_refused(outcome, "the loss became", "lower base_lr")
    _assert_equal(checkpoint.load(broken.best), checkpoint.load(trained.best))


def test_a_process_stopped_by_a_signal_saves_and_says_how_to_go_on(prepared: Path, tmp_path: Path) -> None:
    stopped = _run(prepared, tmp_path)
    command = [sys.executable, "train.py", *SMALL, "--end_epoch", "1000", *map(str, stopped.flags)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith("epoch 1:"):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: python3 train.py --resume" in out
    assert err == ""
    assert "trainer" in checkpoint.load(stopped.snapshots / checkpoint.INTERRUPTED)
