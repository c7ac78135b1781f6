"""Ctrl-C while a notebook runs: one line, exit code 130, nothing left alive."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import ROOT

_COMMAND = ("-m", "src.notebook", "02", "--out_dir")
_MARK = "INTERRUPTED_NOTEBOOK"


def _processes(mark: str) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{_MARK}={mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "cmdline").read_bytes().decode(errors="replace"))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ctrl_c_ends_a_notebook_and_its_kernel_in_one_line(tmp_path: Path) -> None:
    environment = os.environ | {_MARK: str(os.getpid()), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(
        [sys.executable, *_COMMAND, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        text=True,
        **pipes,
    ) as process:
        end = time.monotonic() + 200
        while not any("ipykernel" in command for command in _processes(str(os.getpid()))):
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(3)  # the kernel starts, or runs its first cell
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate()
    assert (process.returncode, said) == (130, "interrupted\n")
    assert not _processes(str(os.getpid()))
    assert not list(tmp_path.iterdir())
