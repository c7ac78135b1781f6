"""What stands on a terminal when a command refuses its input: one short line, and nothing beside it."""

import io
import logging
import os
import sys
import warnings

import pytest

from src.command_line import one_line, progress, run_command
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


def test_a_name_does_not_command_the_terminal() -> None:
    assert one_line("\x1b[2J\x07 \u202e \udcff é 写") == r"\x1b[2J\x07 \u202e \udcff é 写"


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
