"""How every command speaks and ends: progress of long work, one line about an error, signals and exit codes."""

import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TextIO, TypeVar

from src.errors import describe_error, one_line

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill PID`, a terminal that is closed
_SECONDS = 30.0  # between lines about long work
_tells_own_errors = False  # as `tell_own_errors` sets it


def run_command(main: Callable[[], None]) -> None:
    """Run a script's `main` and turn foreseeable failures into one line and an exit code.

    Exit codes: 2 for a wrong input, a failing disk or too little memory (`src.errors.describe_error`), 130 for the
    signals of STOP_SIGNALS. Anything else is a defect of this software and keeps its traceback.
    """
    own = [number for number in STOP_SIGNALS if signal.getsignal(number) is end_at_once]
    for number in STOP_SIGNALS:
        if signal.getsignal(number) in (end_at_once, signal.SIG_DFL):
            signal.signal(number, signal.default_int_handler)
    quiet_libraries()
    _prepare_streams()
    try:
        try:
            main()
        finally:
            try:
                _flush()
            finally:
                for number in own:
                    signal.signal(number, end_at_once)
    except KeyboardInterrupt:
        if is_first():
            print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = describe_error(error)
        if message is None:
            raise
        if _tells_own_errors or os.environ.get("LOCAL_RANK", "0") == "0":
            print(one_line(f"error: {message}"), file=sys.stderr)
        sys.exit(2)


def end_at_once(_number: int, _frame: object) -> None:
    """The handler of STOP_SIGNALS before a command starts (`src/__init__.py`) and after it ends, while nothing is being
    written."""
    if is_first():
        os.write(2, b"interrupted\n")
    os._exit(130)


def is_first() -> bool:
    """Whether this process prints for all that torchrun started; can be asked before they join."""
    return os.environ.get("RANK", "0") == "0"


def tell_own_errors() -> None:
    """From now on this process prints its errors even if it is not its machine's first: no other one finds the same."""
    global _tells_own_errors
    _tells_own_errors = True


def quiet_libraries() -> None:
    """Silence libraries' warnings about odd files and numbers: broken ones also raise, and an error is one line."""
    warnings.filterwarnings("ignore", module=r"(PIL|torch)\.")
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)


def _prepare_streams() -> None:
    """Open closed standard streams on the null device; otherwise the next files opened would take their place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may have letters that the terminal cannot show


def _flush() -> None:
    """Flush standard output while an error can still be reported: a full disk, or a reader that has gone."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python tries again at its end
        error.filename = "standard output"
        raise


def progress(items: Iterable[Item] | None = None, **settings: object) -> "tqdm[Item]":
    """tqdm with these settings: a bar on a terminal and in a notebook, elsewhere a line every half minute.

    Without tqdm, which the light package does not require, the items themselves.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    stream = sys.stderr
    if not (stream.isatty() or type(stream).__module__.startswith("ipykernel")):
        settings |= {"file": _Lines(stream), "delay": _SECONDS, "mininterval": _SECONDS, "maxinterval": _SECONDS}
        settings |= {"bar_format": "{desc}: {n_fmt} of {total_fmt}, {elapsed}{postfix}", "leave": False}
    return tqdm(items, **settings)


class _Lines:
    """A stream for tqdm that writes every state of a bar as a separate line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self.stream.write(line + "\n")

    def flush(self) -> None:
        self.stream.flush()
