"""torchrun with two processes on the CPU: they train one network, and stop together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import ROOT, SMALL, Outcome, assert_refused, run_process
from conftest import Run

from src.errors import InputError
from src.network import checkpoint
from src.training.world import World, join_world

pytestmark = pytest.mark.slow


def _torchrun(script: Path, *flags: object) -> Outcome:
    """torchrun of a script, in a session of its own: if pytest is interrupted, torchrun gets a single signal, SIGTERM,
    and ends its processes; killed, it would leave them behind."""
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    command = [sys.executable, *map(str, (*launch, script, *SMALL, *flags))]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **pipes) as process:
        try:
            out, err = process.communicate(timeout=200)
        except BaseException:
            process.terminate()
            raise
    return Outcome(process.returncode, out, err)


def test_two_processes_train_one_network(prepared: Path, tmp_path: Path) -> None:
    done = Run(tmp_path, prepared)
    outcome = _torchrun(ROOT / "train.py", "--end_epoch", 2, *done.flags)
    assert outcome.code == 0, outcome
    assert "2 processes" in outcome.out
    assert outcome.out.count("epoch 1:") == 1  # the first process alone speaks
    snapshot = checkpoint.load(done.snapshots / "checkpoint_epoch_2.pth.tar")
    assert snapshot["trainer"]["step_count"] == 2 * (40 // 16)
    assert checkpoint.load_model(done.best)[0].config.backbone == "shufflenet_v2_x0_5"


@pytest.mark.timeout(600)
def test_processes_without_torchrun_speak_with_one_voice(prepared: Path, tmp_path: Path) -> None:
    done = Run(tmp_path, prepared)
    outcome = run_process(ROOT / "train.py", *SMALL, "--processes", 2, "--end_epoch", 1, *done.flags, timeout=200)
    assert outcome.code == 0, outcome
    assert outcome.out.count("2 processes") == outcome.out.count("epoch 1:") == 1
    snapshot = checkpoint.load(done.snapshots / "checkpoint_epoch_1.pth.tar")
    assert snapshot["circumstances"]["processes"] == 2
    assert snapshot["trainer"]["step_count"] == 40 // 16
    again = (ROOT / "train.py", *SMALL, "--processes", 2, *done.flags, "--resume", "--train_batchsize", 4)
    assert_refused(run_process(*again, timeout=200), "the batch size changed")
    absent = ("--processes", 2, "--dataroot", tmp_path / "absent")
    assert_refused(run_process(ROOT / "train.py", *absent, timeout=200), "no prepared faces there")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_sigterm", [False, True])
def test_ctrl_c_or_sigterm_stops_all_processes_and_they_save(is_sigterm: bool, prepared: Path, tmp_path: Path) -> None:
    done = Run(tmp_path, prepared)
    command = [ROOT / "train.py", *SMALL, "--processes", 2, "--end_epoch", 1000, *done.flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=ROOT, env=environment, start_new_session=True, **pipes
    ) as process:
        while "epoch 1:" not in process.stdout.readline():
            assert process.poll() is None
        if is_sigterm:
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, "")
    assert "stopped and saved; go on with: python3 train.py --resume" in out
    assert "--processes 2" in out
    assert "trainer" in checkpoint.load(done.snapshots / checkpoint.INTERRUPTED)


def test_processes_whose_clocks_differ_stop_together_with_the_same_weights(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEP_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("CLOCK_SKEW", "0.3")
    outcome = _torchrun(ROOT / "tests" / "two_processes.py", "--end_epoch", 2, *Run(tmp_path, prepared).flags)
    assert outcome.code == 0, outcome
    # The second process is 0.3 of the run ahead, so both stop after three of the four steps.
    snapshot = checkpoint.load(tmp_path / "snapshot" / "checkpoint_epoch_2.pth.tar")
    assert snapshot["trainer"]["step_count"] == 3
    one, other = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_one_process_alone_joins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_world("cpu") == World()
    assert World().all_reduce_max([0.5, 1.0]) == [0.5, 1.0]
    World().wait()
    assert "MASTER_ADDR" not in os.environ


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="one process per GPU, found 2 processes and 1 GPUs"):
        join_world("cuda")


def test_a_process_that_fails_alone_says_why_and_so_do_the_others(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILING", "1")
    outcome = _torchrun(ROOT / "tests" / "two_processes.py", "--end_epoch", 2, *Run(tmp_path, prepared).flags)
    assert outcome.code != 0
    assert "error: the second process fails" in outcome.err
    assert "error: another process of this run has ended" in outcome.err
    assert "Connection" not in outcome.err


_TWO = """
import signal, sys, time
from src.command_line import end_at_once, run_command
from src.training.processes import run_in_processes
def main():
    print("running", flush=True)
    time.sleep(600)
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_at_once)
    run_command(lambda: sys.exit(run_in_processes(main, 2)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_running", [False, True])
def test_sigterm_while_processes_start_is_one_line(is_running: bool, tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(_TWO)
    where = {"cwd": ROOT, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "text": True}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **where
    ) as process:
        born = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(born.read_text().split()) < 3:  # these two, which import, and multiprocessing's own
            time.sleep(0.01)
        if is_running:
            assert process.stdout.readline() == "running\n"
        process.terminate()
        out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert out == "" or is_running


_PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from src.parallel import end_with_parent
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_parent) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


def test_a_worker_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    where = {"cwd": ROOT, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, **where) as process:
        worker = int(process.stdout.readline())
        process.kill()
    end = time.monotonic() + 30
    while Path(f"/proc/{worker}/status").exists() and "State:\tZ" not in Path(f"/proc/{worker}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
