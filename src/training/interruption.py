"""Graceful shutdown: Ctrl-C and other signals as a request that a loop checks between two steps."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from src.command_line import STOP_SIGNALS

ONE_REQUEST = 1.0  # seconds: torchrun forwards the signal that the terminal has already sent to its processes


class Stop:
    """Notes the first signal in `requested`. A second one, after a moment, is handled as before `install`."""

    def __init__(self) -> None:
        self.requested = False
        self._since = 0.0
        self._before: dict[int, object] = {}

    def __call__(self, number: int, frame: object) -> None:
        if not self.requested:
            self.requested, self._since = True, time.monotonic()
        elif time.monotonic() - self._since > ONE_REQUEST:
            self.restore()
            signal.raise_signal(number)

    def install(self) -> None:
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks for
                self._before[number] = signal.signal(number, self)

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Turn the first Ctrl-C (or another of STOP_SIGNALS) into a request to stop after the current step.

    A second one acts at once. Inside another such block it yields that block's request, so that work made of several
    runs stops as a whole.
    """
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, Stop):
        yield handler
        return
    stop = Stop()
    stop.install()
    try:
        yield stop
    finally:
        stop.restore()
