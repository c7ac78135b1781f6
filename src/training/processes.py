"""Data-parallel training on this machine in several processes of one command: train.py --processes N.

They form the same PyTorch DDP group as with `torchrun --nproc_per_node=N`, but only the first one prints, so an error
is one line, and Ctrl-C reaches each process once. Use torchrun for several machines.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess

import torch

from src.command_line import STOP_SIGNALS, end_at_once, run_command
from src.errors import InputError
from src.parallel import count_cores, signals_blocked, watch_parent

_PATIENCE = 10.0  # seconds that the other processes have to end once one has failed
_REPORTED = (2, 130)  # exit codes of a process that has printed why it ends


def run_in_processes(main: Callable[[], None], count: int) -> int:
    """Run a command's `main` in `count` processes, which find each other by `src.training.world.join_world`.

    This process only waits. Returns the exit code: that of the first process if it failed, else of any that did.
    Raises InputError for more processes than this machine has cores or GPUs, and KeyboardInterrupt if Ctrl-C or a kill
    ended them before the first one could say so.
    """
    most = max(2, count_cores(), torch.cuda.device_count())
    if count > most:
        raise InputError(f"expected at most {most} processes on this machine, found {count}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = get_context("spawn")  # a forked PyTorch may hang
    processes = [context.Process(target=_run, args=(main, rank, count, port)) for rank in range(count)]
    handled = {number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    received: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        received.append(number)
        if number != signal.SIGINT:  # the terminal sends Ctrl-C to every process; the others may come to this one alone
            for process in processes:
                process.terminate()

    with signals_blocked(*STOP_SIGNALS):
        for process in processes:
            process.start()
        if signal.sigpending() & handled:  # once unblocked it ends this process; the others have not begun anything
            for process in processes:
                process.kill()
        else:
            for number in handled:
                signal.signal(number, pass_on)
    _wait(processes)
    first, code = processes[0].exitcode, next((process.exitcode for process in processes if process.exitcode), 0)
    if received and code and first not in _REPORTED:
        raise KeyboardInterrupt
    return code & 0xFF


def _run(main: Callable[[], None], rank: int, count: int, port: int) -> None:
    watch_parent()
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end_at_once)

    def unblock_and_run() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # signals that came meanwhile are handled now
        main()

    run_command(unblock_and_run)


def _wait(processes: list[BaseProcess]) -> None:
    """Wait until all have ended; if one fails, the others, which wait for it, are stopped."""
    running, end = list(processes), float("inf")
    while running:
        connection.wait([process.sentinel for process in running], timeout=max(0.0, min(end - time.monotonic(), 3600)))
        running = [process for process in running if process.is_alive()]
        if any(process.exitcode for process in processes):
            end = min(end, time.monotonic() + _PATIENCE)
        if time.monotonic() >= end:
            for process in running:
                process.kill()
