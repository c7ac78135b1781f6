"""Light-weight facial-landmark prediction: 68 points in a cropped face, from data to submission.

Before a command starts, while PyTorch is still being imported, Ctrl-C and the other signals of STOP_SIGNALS end it as
they do later, with one line and exit code 130. `src.command_line.run_command` then installs its own handlers. While
Python itself is ending and handlers no longer run, they are ignored. Variables of the environment for which a library
raises while it is being imported are one line, too.
"""

import atexit
import importlib
import os
import signal
import sys
from pathlib import Path

from src.command_line import STOP_SIGNALS, end_at_once


def _is_a_command() -> bool:
    """Whether a script of this repository, or `python -m src.something`, is starting; not a program that imports us."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return sys.argv[0] == "-m" or (script is not None and Path(script).resolve().parent == Path(__file__).parents[1])


def _check_environment() -> None:
    """End with one line and exit code 2 if a library refuses its variables in the environment."""
    for prefix, library in (("TQDM_", "tqdm"), ("NUMBA_", "numba"), ("MPLBACKEND", "matplotlib")):
        if names := [name for name in os.environ if name.startswith(prefix)]:
            try:
                importlib.import_module(library)
            except ImportError:  # not all commands require it
                pass
            except ValueError as error:
                print(f"error: {library} refuses the environment's {', '.join(names)}: {error}"[:300], file=sys.stderr)
                sys.exit(2)


if _is_a_command():
    _check_environment()
    for number in STOP_SIGNALS:  # a shell's background ignores Ctrl-C, and nohup a closed terminal
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, end_at_once)
            atexit.register(signal.signal, number, signal.SIG_IGN)
