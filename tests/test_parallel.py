"""The number of cores that a process may use, and pools of processes."""

import os
import signal
from pathlib import Path

import pytest

from src import parallel
from src.errors import InputError
from src.parallel import count_cores, end_with_parent, process_pool, signals_blocked


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert count_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert count_cores() == 64


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 64), ("", 64)]
)
def test_a_containers_limit_counts(quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(parallel, "_QUOTA", tmp_path / "cpu.max")
    assert count_cores() == 64  # not Linux, or cgroup v1
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert count_cores() == cores


@pytest.mark.slow
def test_workers_leave_an_interrupt_to_the_process_that_started_them() -> None:
    with process_pool(1, initializer=end_with_parent) as pool:
        with signals_blocked():
            number = pool.submit(os.getpid)
        (worker,) = pool._processes
        os.kill(worker, signal.SIGINT)  # while it imports
        assert number.result() == worker
        os.kill(worker, signal.SIGINT)  # while it waits
        assert pool.submit(os.getpid).result() == worker


def test_a_system_without_shared_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(parallel, "ProcessPoolExecutor", absent)
    with pytest.raises(InputError, match="/dev/shm"):
        process_pool(2, initializer=end_with_parent)
