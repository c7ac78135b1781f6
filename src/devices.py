"""Devices, threads and processes: one process or several (`torchrun --nproc_per_node=N train.py`).

Several processes train by PyTorch's DDP: gloo on CPUs, NCCL on GPUs. This module also has pools of worker processes,
and the masking of signals while they start.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker

import torch
import torch.distributed as dist

from src.errors import InputError

_BACKEND_DEVICE = {"gloo": "cpu", "nccl": "cuda"}  # where the tensors of each backend live


def choose_device(name: str) -> torch.device:
    """A device by its name; `auto` is CUDA if available. Raises InputError for an unknown or missing device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device {name}: found {torch.cuda.device_count()} CUDA devices; use cpu")
    return device


def device_name(device: torch.device) -> str:
    """What a report calls a device: the GPU's model, or CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def set_threads(threads: int) -> None:
    """Set the number of PyTorch's threads; 0 leaves the choice to PyTorch."""
    if threads:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """PyTorch uses `threads` threads inside the block, and as many as before afterwards.

    If there are more threads than free cores, they wait for each other at every operation of a small network.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class World:
    """This process's place among all processes; a single process is rank 0 of 1."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def local_device(self, device: torch.device) -> torch.device:
        """This process's device: with several processes on CUDA, each has the GPU of its local rank."""
        return torch.device("cuda", self.local_rank) if self.size > 1 and device.type == "cuda" else device

    def all_reduce_max(self, values: list[float]) -> list[float]:
        """The maximum of each value over all processes, the same in each of them."""
        if self.size == 1:
            return values
        tensor = torch.tensor(
            values, dtype=torch.float64, device=self.local_device(torch.device(_BACKEND_DEVICE[dist.get_backend()]))
        )
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return tensor.tolist()

    def wait(self) -> None:
        """Wait until every process has reached this call."""
        if self.size > 1:
            dist.barrier()


def join_world(device: str) -> World:
    """Join the processes that torchrun started, if it did."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    world = World(int(os.environ["RANK"]), size, int(os.environ["LOCAL_RANK"]))
    if device.startswith("cuda"):
        _check_gpus(int(os.environ.get("LOCAL_WORLD_SIZE", size)))
        torch.cuda.set_device(world.local_rank)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return world


def _check_gpus(processes: int) -> None:
    if processes > torch.cuda.device_count():
        raise InputError(
            f"expected at most one process per GPU, found {processes} processes and {torch.cuda.device_count()} GPUs; "
            "start fewer, or take the CPU"
        )


def leave_world(world: World) -> None:
    if world.size > 1:
        dist.destroy_process_group()


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
