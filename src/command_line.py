"""What all commands share: flags with defaults, and a common way to report progress and wrong inputs."""

import argparse
import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn, TextIO, TypeVar

from src.errors import InputError

if TYPE_CHECKING:
    from tqdm import tqdm

Item, Made = TypeVar("Item"), TypeVar("Made")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill PID`, a terminal that is closed
_SECONDS = 30.0  # between lines about long work
_MOST = 2**32  # of a flag's number, so that 64-bit arithmetic with it does not overflow
# How RuntimeErrors say that memory is short: PyTorch's on CPUs, on GPUs and in oneDNN, and Python's own.
_NO_MEMORY = ("allocate memory", "out of memory", "could not create a primitive", "start new thread")
_LOOP = "Symlink loop"  # how pathlib's RuntimeError begins, before Python 3.13
_LONG_NUMBER = "integer string conversion"  # Python's words for one of more than 4,300 digits
_PEER_IS_GONE = ("Connection closed by peer", "Connection reset by peer")  # gloo's words
_tells_own_errors = False  # as `tell_own_errors` sets it
_LONGEST, _LEFT_OUT = 300, " ... "  # characters of an error; what replaces the middle of a longer one


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a flag's default, unless it is None, False or empty."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, like all others, by raising InputError.

    Numbers must be finite and of a sane size. Text must not be blank, unless its flag has `type=str`, because an empty
    path would mean the working directory. given: the names of the flags on the command line.
    """

    def __init__(self, **settings: object) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, "prog": _program()} | settings)
        self.given: set[str] = set()

    def refuse(self, flags: Iterable[str], reason: str) -> None:
        """Raise InputError if one of these flags was given, as it would have no effect in this combination."""
        for flag in flags:
            if flag in self.given:
                raise InputError(f"--{flag} {reason}")

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")

    def _get_values(self, action: argparse.Action, texts: list[str]) -> object:
        self.given.add(action.dest)
        return super()._get_values(action, texts)

    def _get_value(self, action: argparse.Action, text: str) -> object:
        if not text.strip() and action.type is not str:
            raise argparse.ArgumentError(action, f"expected a value, found {text!r:.40}")
        value = super()._get_value(action, text)
        if isinstance(value, int | float) and not abs(value) <= _MOST:
            raise argparse.ArgumentError(action, f"expected a number from -2^32 to 2^32, found {text!r:.40}")
        return value


def _program() -> str | None:
    """How the running command is called again, if as a module; argparse knows it only from Python 3.14 on."""
    module = sys.modules["__main__"].__spec__
    return f"python3 -m {module.name.removesuffix('.__main__')}" if module else None


def at_least(least: int, most: int = 2**32 - 1) -> Callable[[str], int]:
    """The type of a flag that takes whole numbers in a range."""

    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, found {text:.40}")
        return value

    return whole_number


def title(documentation: str | None) -> str:
    """The first line of a module's documentation, which `python -OO` leaves out."""
    return (documentation or "").split("\n")[0]


def end_at_once(_number: int, _frame: object) -> None:
    """The handler of STOP_SIGNALS before a command starts (`src/__init__.py`) and after it ends, while nothing is being
    written."""
    if is_first():
        os.write(2, b"interrupted\n")
    os._exit(130)


def quiet_libraries() -> None:
    """Silence libraries' warnings about odd files and numbers: broken ones also raise, and an error is one line."""
    warnings.filterwarnings("ignore", module=r"(PIL|torch)\.")
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)


def run_command(main: Callable[[], None]) -> None:
    """Run a script's `main` and turn foreseeable failures into one line and an exit code.

    Exit codes: 2 for a wrong input, a failing disk or too little memory (InputError, OSError, MemoryError), 130 for
    the signals of STOP_SIGNALS. Anything else is a defect of this software and keeps its traceback.
    """
    own = [number for number in STOP_SIGNALS if signal.getsignal(number) is end_at_once]
    for number in STOP_SIGNALS:
        if signal.getsignal(number) in (end_at_once, signal.SIG_DFL):
            signal.signal(number, signal.default_int_handler)
    quiet_libraries()
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may have letters that the terminal cannot show
    try:
        try:
            main()
        finally:
            try:
                _flush()
            finally:
                for number in own:
                    signal.signal(number, end_at_once)
    except InputError as error:
        sys.exit(_report(str(error)))
    except OSError as error:
        place = error.filename or ("standard output" if isinstance(error, BrokenPipeError) else "")
        sys.exit(_report(f"{place}{': ' if place else ''}{error.strerror or error}"))
    except UnicodeEncodeError as error:
        if sys.getfilesystemencoding() == "utf-8":
            raise
        sys.exit(_report(f"the locale's {error.encoding} lacks letters of {error.object!r}; set PYTHONUTF8=1"))
    except ValueError as error:
        if _LONG_NUMBER not in str(error):
            raise
        sys.exit(_report("expected numbers of a sane length, found one of thousands of digits"))
    except (MemoryError, RuntimeError) as error:
        if any(words in str(error) for words in _PEER_IS_GONE):
            sys.exit(_report("another process of this run has ended; its own line, if it left one, says why"))
        if str(error).startswith(_LOOP):
            sys.exit(_report(f"expected files and folders, found a link that leads back to itself ({error})"))
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _NO_MEMORY):
            raise
        sys.exit(_report(f"not enough memory ({str(error) or 'no more could be had'}); give a smaller batch or file"))
    except KeyboardInterrupt:
        sys.exit(_print_error("interrupted", code=130, is_told=is_first()))


def _open_streams() -> None:
    """Open closed standard streams on the null device; otherwise the next files opened would take their place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


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


def in_threads(function: Callable[[Item], Made], items: Sequence[Item], *, desc: str, unit: str) -> list[Made]:
    """function(item) of each item, in order, on all cores. After an error or Ctrl-C no further item is begun."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(progress(pool.map(function, items), total=len(items), desc=desc, unit=unit))


class _Lines:
    """A stream for tqdm that writes every state of a bar as a separate line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self.stream.write(line + "\n")

    def flush(self) -> None:
        self.stream.flush()


def _report(message: str) -> int:
    is_told = _tells_own_errors or os.environ.get("LOCAL_RANK", "0") == "0"
    return _print_error(one_line(f"error: {message}"), code=2, is_told=is_told)


def is_first() -> bool:
    """Whether this process prints for all that torchrun started; can be asked before they join."""
    return os.environ.get("RANK", "0") == "0"


def tell_own_errors() -> None:
    """From now on this process prints its errors even if it is not its machine's first: no other one finds the same."""
    global _tells_own_errors
    _tells_own_errors = True


def _print_error(line: str, *, code: int, is_told: bool) -> int:
    if is_told:
        print(line, file=sys.stderr)
    return code


def one_line(message: str) -> str:
    """A message as one line of at most 300 characters, without any that a terminal would take for a command."""
    message = " ".join(message.split())
    message = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    if len(message) <= _LONGEST:
        return message
    half = (_LONGEST - len(_LEFT_OUT)) // 2
    return message[:half] + _LEFT_OUT + message[-half:]  # what was wrong comes first, what to do last
