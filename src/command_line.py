"""What all commands share: help with defaults, and the one way in which they report a wrong input."""

import argparse
import io
import sys
import warnings
from collections.abc import Callable

from src.errors import InputError


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a flag's default where it has one worth showing."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


def run_command(main: Callable[[], None]) -> None:
    """Run a script's `main` and turn foreseeable failures into one line and an exit code.

    Exit codes: 2 for a wrong input or a failing disk (InputError, OSError), 130 for Ctrl-C.
    Anything else is a defect of this software and keeps its traceback.
    """
    warnings.filterwarnings("ignore", module=r"(PIL|torch)\.")  # about odd files; a broken one raises as well
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may have letters that the terminal does not know
    try:
        main()
    except InputError as error:
        sys.exit(_report(str(error)))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_report(f"{where}{error.strerror or error}"))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _report(message: str) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2
