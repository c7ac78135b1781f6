"""Ctrl-C as a request: one object however deep the blocks, one request for two signals of one moment."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import ROOT

from src.config import ModelConfig, TrainingConfig
from src.datasets.prepared import load_prepared
from src.network.model import build_model
from src.training import interruption
from src.training.interruption import stop_on_interrupt
from src.training.runs import train_in
from src.training.world import World


def test_the_first_signal_is_a_request_and_a_later_one_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "ONE_REQUEST", math.inf)  # a busy machine may take its time between two lines
    with stop_on_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # the same one, passed on by torchrun
        assert stop.requested
        monkeypatch.setattr(interruption, "ONE_REQUEST", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_block_inside_another_hears_of_the_same_request() -> None:
    with stop_on_interrupt() as outer:
        with stop_on_interrupt():
            signal.raise_signal(signal.SIGTERM)
        with stop_on_interrupt() as later:
            assert later.requested
        assert outer.requested


def test_a_signal_while_processes_agree_counts_the_next_time(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree, requests = World.all_reduce_max, []

    def interrupted(world: World, values: list[float]) -> list[float]:
        requests.append(values[1])
        if len(requests) == 3:
            signal.raise_signal(signal.SIGTERM)
        return agree(world, values)

    monkeypatch.setattr(World, "all_reduce_max", interrupted)
    network = build_model(ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64))
    faces = (load_prepared(prepared / f"AFLW_{part}_data") for part in ("train", "validation"))
    config = TrainingConfig(epochs=3, batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        train_in(tmp_path, network, *faces, config=config, device=torch.device("cpu"))
    assert requests == [0, 0, 0, 1]


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_closed_terminal_is_a_request_unless_nohup_ignores_it(before: signal.Handlers) -> None:
    at_first = signal.signal(signal.SIGHUP, before)
    try:
        with stop_on_interrupt() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.requested == (before is signal.SIG_DFL)
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, at_first)


@pytest.mark.slow
@pytest.mark.parametrize("command", [("train.py",), ("-m", "src.autolabel")])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_ctrl_c_while_a_command_imports_is_one_line(command: tuple[str, ...], share: float) -> None:
    start = time.monotonic()
    subprocess.run([sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, check=True)
    whole = time.monotonic() - start
    with subprocess.Popen(
        [sys.executable, *command, "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        time.sleep(share * whole)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, err) == (130, "interrupted\n") or out.startswith("usage")


def test_a_program_that_imports_the_library_keeps_its_own_ctrl_c(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text("import signal, src\nassert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(script)], env=environment, cwd=tmp_path, check=True)
