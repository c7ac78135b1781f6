"""PyTorch's devices and threads."""

import contextlib
from collections.abc import Iterator

import torch

from src.command_line import is_first
from src.errors import InputError
from src.parallel import count_cores


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
    """Set the number of PyTorch's threads, at most one per core, which is said; 0 leaves the choice to PyTorch."""
    most = count_cores()
    if threads > most and is_first():
        print(f"note: {most} CPU threads, one per core, not {threads}, which would wait for each other")
    torch.set_num_threads(min(threads or torch.get_num_threads(), most))  # PyTorch ignores a container's limit


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
