"""Ctrl-C and a polite kill, as a request that a loop looks at between two steps."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Stop:
    requested: bool = False


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Turn the first Ctrl-C (or a polite kill) into a request to stop after the step; a second one acts at once."""
    stop, previous = Stop(), {}

    def request(number: int, _frame: object) -> None:
        stop.requested = True
        signal.signal(number, previous[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
