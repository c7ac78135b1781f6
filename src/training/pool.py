"""Several trainings at once on the cores of a CPU: processes of one thread each, so that results do not depend on how
many there are."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import starmap
from typing import TypeVar

import torch

from src.parallel import end_with_parent, process_pool, signals_blocked
from src.training.interruption import stop_on_interrupt

Result = TypeVar("Result")


def spread(function: Callable[..., Result], *arguments: Iterable, device: torch.device) -> Iterator[Result]:
    """Like `map`, for functions that train: on a GPU one call after another, on a CPU as many at once as PyTorch has
    threads, with one thread each. The function must be importable; Ctrl-C reaches it as `stop_on_interrupt` says.
    """
    calls, threads = list(zip(*arguments, strict=False)), torch.get_num_threads()
    if device.type == "cuda" or threads == 1:
        yield from starmap(function, calls)
        return
    with process_pool(min(threads, len(calls)), initializer=_start_process) as pool:
        with signals_blocked():
            done = pool.map(function, *zip(*calls, strict=True))
        yield from done


_until_the_end = ExitStack()  # of a worker process


def _start_process() -> None:
    end_with_parent()
    _until_the_end.enter_context(stop_on_interrupt())  # so that Ctrl-C also stops runs not yet begun
    torch.set_num_threads(1)
