"""The parser of every command's flags, and the flags that several commands share."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from src.config import MOST_THREADS
from src.errors import InputError

_MOST = 2**32  # of a flag's number, so that 64-bit arithmetic with it does not overflow


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a flag's default, unless it is None, False or empty."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, like all others, by raising InputError.

    Numbers must be finite and of a sane size. Text must not be blank, unless its flag has `type=str`, because an empty
    path would mean the working directory. Paths may begin with `~/`. given: the names of the flags on the command line.
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
        if isinstance(value, Path) and text.startswith("~/"):  # shells leave --out=~/faces as it is
            value = Path(os.path.expanduser(text))
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


def add_model_path(
    parser: argparse.ArgumentParser,
    description: str = ".pth.tar, .onnx or .tflite",
    *,
    default: str | Path = "best.pth.tar",
) -> None:
    """Add --model_path, a file that `src.predict.runtimes.open_model` reads unless the description says otherwise."""
    parser.add_argument("--model_path", type=Path, default=default, help=description)


def add_convention(parser: argparse.ArgumentParser) -> None:
    """Add --convention, one of the model's (`src.network.conventions`)."""
    parser.add_argument("--convention", metavar="NAME", help="annotation scheme, one that the model holds (its own)")


def add_scored_looks(parser: argparse.ArgumentParser) -> None:
    """Add --looks, as many as a score can be made from (`src.predict.confidence`)."""
    parser.add_argument("--looks", type=int, choices=(2, 3), default=3, help="at each face")


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add --device, a name that `src.network.devices.choose_device` takes, to a parser or a group of its flags."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def add_workers(parser: argparse._ActionsContainer) -> None:
    """Add --workers, a number that `src.network.devices.set_threads` takes, to a parser or a group of its flags."""
    threads = at_least(0, MOST_THREADS)
    parser.add_argument("-j", "--workers", type=threads, default=0, help="CPU threads; 0 leaves the choice to PyTorch")
