"""What stands on a terminal while a command works and when it ends, by an error or a signal: one short line each."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from commands import ROOT

from src.command_line import STOP_SIGNALS, end_at_once, progress, run_command
from src.errors import InputError


def _refuse(message: str) -> None:
    raise InputError(message)


def _outcome(main: object, capsys: pytest.CaptureFixture) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        run_command(main)
    return stop.value.code, capsys.readouterr().err


@pytest.mark.parametrize("message", ["short", "a\nb\r\n\tc", "begin " + "x" * 4000 + " end", "ö" * 301])
def test_an_error_is_one_line_of_at_most_300_characters(message: str, capsys: pytest.CaptureFixture) -> None:
    code, err = _outcome(lambda: _refuse(message), capsys)
    assert code == 2
    assert err.startswith(f"error: {message[0]}")
    assert err.count("\n") == 1
    assert err.endswith(f"{message[-1]}\n")
    assert len(err) <= 301
    assert (" ... " in err) == (len(message) > 290)


def test_too_little_memory_is_one_line_and_other_defects_stay(capsys: pytest.CaptureFixture) -> None:
    code, err = _outcome(lambda: torch.empty(2**50), capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: not enough memory (")
    assert err.endswith("give a smaller batch or file\n")
    with pytest.raises(RuntimeError, match="must match"):
        run_command(lambda: torch.ones(2) + torch.ones(3))


def test_a_link_to_itself_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    code, err = _outcome(lambda: loop.resolve(strict=True), capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert str(loop) in err


def test_a_number_of_thousands_of_digits_is_one_line_and_other_defects_stay(capsys: pytest.CaptureFixture) -> None:
    code, err = _outcome(lambda: str(16**5000), capsys)  # as YAML, TOML and model files may hold one
    assert (code, err) == (2, "error: expected numbers of a sane length, found one of thousands of digits\n")
    with pytest.raises(ValueError, match="could not convert"):
        run_command(lambda: float("x"))


def test_names_beyond_the_locale_are_one_line_and_other_defects_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(UnicodeEncodeError):
        run_command(lambda: "\u00e9".encode("ascii"))
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    code, err = _outcome(lambda: "\u00e9".encode("ascii"), capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "set PYTHONUTF8=1" in err


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_ends_a_command_in_one_line_before_meanwhile_and_afterwards(number: int) -> None:
    at_first, handlers = signal.signal(number, end_at_once), []
    try:
        run_command(lambda: handlers.append(signal.getsignal(number)))
        assert handlers == [signal.default_int_handler]
        assert signal.getsignal(number) is end_at_once
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.raise_signal(number)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    finally:
        signal.signal(number, at_first)


def test_a_program_that_calls_a_command_keeps_its_handlers() -> None:
    at_first = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_command(lambda: None)
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, at_first)


def test_libraries_do_not_speak_beside_an_error(capfd: pytest.CaptureFixture) -> None:
    def main() -> None:
        logging.getLogger("PIL.TiffImagePlugin").error("more samples than can be decoded")
        warnings.warn("overflow encountered in cast", RuntimeWarning, stacklevel=1)
        raise FileNotFoundError(2, os.strerror(2), "a.jpg")

    assert _outcome(main, capfd) == (2, "error: a.jpg: No such file or directory\n")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "is_bar"), [(_Terminal(), True), (io.StringIO(), False)])
def test_long_work_shows_a_bar_on_a_terminal_and_lines_elsewhere(
    stream: io.StringIO, is_bar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("src.command_line._SECONDS", 0.0)
    assert list(progress(range(3), desc="counting", unit="number")) == [0, 1, 2]
    shown = stream.getvalue()
    assert ("\r" in shown) == is_bar
    assert ("counting: 2 of 3, 00:00\n" in shown) != is_bar


def test_short_work_says_nothing_without_a_terminal(capsys: pytest.CaptureFixture) -> None:
    with progress(total=2, desc="counting") as bar:
        bar.update(2)
    assert capsys.readouterr().err == ""


def _python(shell: str, letters: int) -> subprocess.CompletedProcess:
    """A command that prints so much, with its streams as a shell puts them."""
    code = f"from src.command_line import run_command; run_command(lambda: print('x' * {letters}))"
    words = f'"{sys.executable}" -c "{code}" {shell}; echo "code ${{PIPESTATUS[0]}}" >&2'
    return subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("letters", [1, 5000, 200_000])
@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("| true", r"error: standard output: Broken pipe\ncode 2\n"),
        ("> /dev/full", r"error: (standard output: )?No space left on device\ncode 2\n"),  # named where it was buffered
        (">&-", r"code 0\n"),
        (">&- 2>&-", r"code 0\n"),
    ],
)
def test_output_that_nobody_takes_is_one_line(shell: str, said: str, letters: int) -> None:
    assert re.fullmatch(said, _python(shell, letters).stderr)
