"""Work on several cores: how many there are, threads, worker processes and their end."""

import contextlib
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TypeVar

from src.command_line import progress
from src.errors import InputError

Item, Made = TypeVar("Item"), TypeVar("Made")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # a container's, on Linux: "200000 100000", microseconds of a period, or "max"


def count_cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has: `taskset`, a batch system's job, or the
    processor time that a container may take (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = _QUOTA.read_text().split()
        return min(cores, max(1, math.ceil(int(share) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no such limit
        return cores


def in_threads(function: Callable[[Item], Made], items: Sequence[Item], *, desc: str, unit: str) -> list[Made]:
    """function(item) of each item, in order, on all cores. After an error or Ctrl-C no further item is begun."""
    with ThreadPoolExecutor(count_cores()) as pool:
        return list(progress(pool.map(function, items), total=len(items), desc=desc, unit=unit))


def process_pool(workers: int, *, initializer: Callable[..., None], initargs: tuple = ()) -> ProcessPoolExecutor:
    """A pool of spawned processes, as a forked PyTorch may hang. Raises InputError if there is no shared memory."""
    context = multiprocessing.get_context("spawn")
    try:
        return ProcessPoolExecutor(workers, context, initializer=initializer, initargs=initargs)
    except OSError as error:
        raise InputError(f"several processes expect a writable /dev/shm, found none ({error.strerror})") from None


@contextlib.contextmanager
def signals_blocked(*signals: int) -> Iterator[None]:
    """Block Ctrl-C (or these signals) inside the block. Processes started there inherit this while they import, until
    they unblock the signals, as `end_with_parent` does."""
    signals = signals or (signal.SIGINT,)
    resource_tracker.ensure_running()  # starting it would unblock them
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def end_with_parent() -> None:
    """In a worker process: end when the process that started it is gone, and leave Ctrl-C to that process.

    Otherwise a pool's workers wait for work forever, even after their parent was killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    watch_parent()


def watch_parent() -> None:
    """End this process when the one that started it has ended, for whatever reason."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
