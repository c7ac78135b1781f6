"""Run the scripts as a user does, but inside the test's process: starting PyTorch anew takes seconds."""

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from unittest import mock

from src.command_line import run_command
from src.parser import Parser

ROOT = Path(__file__).resolve().parent.parent

# The smallest network and pictures: a step takes hundredths of a second.
SMALL = ("--backbone", "shufflenet_v2_x0_5", "--input_size", "64", "--train_batchsize", "8", "-j", "1")
_WITHOUT_FLAGS = {"src/light/__main__.py", "src/benchmark/baselines.py"}
_START = 'if __name__ == "__main__":'


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def run(script: str, *arguments: object) -> Outcome:
    """Run `python3 SCRIPT ARGUMENTS` in this process. Defects of the software (other exceptions) pass through."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = mock.patch.object(sys, "argv", [script, *map(str, arguments)])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), argv:
        try:
            run_command(load(script).main)
        except SystemExit as stop:
            code = stop.code
    return Outcome(code or 0, out.getvalue(), err.getvalue())


def run_process(*arguments: object, timeout: float = 120, **options: object) -> Outcome:
    """Run `python ARGUMENTS` as a process of its own, one thread, from the repository's root."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, **options
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@cache
def load(script: str) -> ModuleType:
    """A script of the root as a module (test.py has the name of a package of Python's own)."""
    spec = importlib.util.spec_from_file_location(f"script_{Path(script).stem}", ROOT / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scripts() -> list[str]:
    """Every script that has flags of its own."""
    paths = [path for path in (*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py")) if _START in path.read_text()]
    return sorted({str(path.relative_to(ROOT)) for path in paths} - _WITHOUT_FLAGS)


class _ParsedError(Exception):
    """A command has come to its flags."""


def parser_of(script: str) -> Parser:
    """The parser that a script reads its flags with."""
    parsers = []

    def stop(self: Parser, *_: object) -> None:
        parsers.append(self)
        raise _ParsedError

    with (
        mock.patch.multiple(Parser, parse_args=stop, parse_known_args=stop),
        contextlib.suppress(_ParsedError),
    ):
        load(script).main()
    return parsers[-1]


def assert_refused(outcome: Outcome, *words: str) -> None:
    """Exit code 2 and exactly one line on stderr, which holds every one of the words."""
    assert outcome.code == 2, outcome
    assert outcome.err.startswith("error: "), outcome
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.err.endswith("\n"), outcome.err
    for word in words:
        assert word in outcome.err
