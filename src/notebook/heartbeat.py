"""A line every half minute on what a running notebook is doing, for runs without a terminal and its progress bar."""

import logging
import re
import sys
import threading
import time
from typing import Self

from papermill.log import logger

SECONDS = 30.0
_CELL = re.compile(r"(Executing|Ending) Cell (\d+)")
_LINE = re.compile(r"[\r\n]|\x1b\[A")  # ends of lines, and "cursor up" after a nested bar
_LONGEST = 100  # characters of the last line


class Heartbeat(logging.Handler):
    """While entered, listens to papermill, which must log outputs, and writes a line to stderr every `seconds`."""

    def __init__(self, name: str, *, cells: int, seconds: float = SECONDS) -> None:
        super().__init__(logging.INFO)
        self.notebook, self.cells, self.seconds = name, cells, seconds
        self.start, self.cell, self.doing = time.monotonic(), "0", "starting"
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Note the beginning of a cell, and the last line that a cell has written, including its progress bars."""
        text = record.getMessage()
        if found := _CELL.match(text):
            self.cell, self.doing = found[2], ""
        elif lines := [line.strip() for line in _LINE.split(text) if line.strip()]:
            self.doing = lines[-1][:_LONGEST]

    def line(self) -> str:
        """How long the notebook has run, in which cell it is, and what that cell wrote last."""
        minutes = (time.monotonic() - self.start) / 60
        return f"{self.notebook}: {minutes:.1f} min, cell {self.cell} of {self.cells}: {self.doing}".rstrip(": ")

    def _beat(self) -> None:
        while not self.ended.wait(self.seconds):
            print(self.line(), file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        self.before = logger.level, logger.propagate
        logger.setLevel(logging.INFO)
        logger.propagate = False  # only the heartbeat listens
        logger.addHandler(self)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        logger.removeHandler(self)
        logger.level, logger.propagate = self.before
