"""Kill commands at random moments, again and again in the same folder, and look at what they leave.

python tests/kills.py --kills 300

They get SIGKILL, SIGINT (Ctrl-C) and SIGTERM in turn; the last two must end in one line and exit code 130. After every
kill each file that stands under its own name must be readable, and no process may be left. After the last one the
command runs to its end: its files must be those of a run that was never killed. Commands run in forks of one process
that has PyTorch imported; notebooks, and trainings in two processes, run as a user runs them.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from kills_jobs import MARK, Job, ends_within, jobs, log_of, start, wait
from PIL import Image

from src.command_line import progress
from src.datasets.challenge import read_annotations
from src.datasets.prepared import load_prepared
from src.network import checkpoint
from src.predict.runtimes import open_model
from src.predict.submission import check_solution

_ORPHANS_END = 30.0  # seconds
_PATIENCE = 600.0  # seconds of a busy machine that a command may take to end after a signal
_SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
_LAST_WORDS = ("interrupted", "stopped and saved")
READERS: dict[str, Callable[[Path], object]] = {
    ".tar": checkpoint.load,
    ".onnx": open_model,
    ".json": lambda path: json.loads(path.read_text()),
    ".ipynb": lambda path: json.loads(path.read_text()),
    ".csv": pd.read_csv,
    ".png": lambda path: Image.open(path).load(),
    ".zip": check_solution,
    ".npy": np.load,
    ".npz": lambda path: list(np.load(path).values()),
    ".pkl": lambda path: read_annotations(path.parent),
}
# What holds times, paths or compressed pixels:
_VARIES = ("solution.zip", "summary.csv", "train.logs", "meta.json", "result.json", "preview.png", "review.png")


def kill(job: Job, work: Path, kills: int, moments: random.Random) -> list[str]:
    """Kill a command so many times. Returns what was damaged, left behind or different, a line each."""
    whole, folder, problems = work / f"{job.name} whole", work / job.name, []
    began = time.monotonic()
    code = _finish(job, whole)
    seconds = time.monotonic() - began
    if code:
        return [f"{job.name}: exit code {code} without any kill: {log_of(whole).read_text()[-300:]}"]
    bar = progress(total=kills, desc=job.name, unit="kill")
    while bar.n < kills:
        folder.mkdir(exist_ok=True)
        mark = f"{job.name} {bar.n} {os.getpid()}"
        child = start(job.argv(folder), folder, mark)
        moment, kind = moments.uniform(0, seconds), _SIGNALS[bar.n % len(_SIGNALS)]
        has_ended = ends_within(child, moment) is not None  # it went on from what an earlier run had left
        where = f"{job.name}, kill {bar.n} ({kind.name}) after {moment:.2f} s"
        if not has_ended:
            problems += [f"{where}: {problem}" for problem in _send(kind, child, log_of(folder))]
            bar.update()
        problems += [f"{where}: process {process} is left" for process in _orphans(mark)]
        problems += [f"{where}: {problem}" for problem in _in_a_fork(lambda: damaged(folder))]
        if has_ended or bar.n % 5 == 4:  # from time to time it comes to its end, and begins anew
            problems += _compare(job, folder, whole)
            shutil.rmtree(folder)
    if folder.exists():
        problems += _compare(job, folder, whole)
    return problems


def _send(kind: signal.Signals, child: int, log: Path) -> list[str]:
    """End a command by a signal. Returns what is wrong with its last words and its exit code."""
    if kind == signal.SIGINT:
        os.killpg(child, kind)  # a terminal sends it to all processes of the command
    else:
        os.kill(child, kind)
    code = ends_within(child, _PATIENCE)
    if code is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [f"it still ran {_PATIENCE:.0f} s later"]
    if kind == signal.SIGKILL or code == 0:  # it had just come to its end
        return []
    said = log.read_text(errors="replace")
    last = said.strip().rpartition("\n")[2]
    if code == -kind and not said:
        return []  # while Python itself was starting
    is_right = code == 130 and last.startswith(_LAST_WORDS) and "Traceback" not in said
    return [] if is_right else [f"expected code 130 and one line, found {code} and {said[-300:]!r}"]


def damaged(folder: Path) -> list[str]:
    """What of a folder stands under its own name and cannot be read."""
    problems = []
    for path in _files(folder):
        read = READERS.get(path.suffix)
        try:
            if read:
                read(path)
            elif path.name == "solution.txt":
                check_solution(path)
            elif path.name == "meta.json":
                load_prepared(path.parent)
        except Exception as error:  # whatever it is, the file is not whole
            problems.append(f"{path.relative_to(folder)}: {error}")
    return problems


def different(folder: Path, whole: Path) -> list[str]:
    """How a finished folder differs from one of a run that was never killed."""
    ours, theirs = ({path.relative_to(top) for path in _files(top)} for top in (folder, whole))
    alone = sorted(path for path in ours ^ theirs if path.name != checkpoint.INTERRUPTED)  # Ctrl-C and SIGTERM leave it
    problems = [f"{path} is in one of them only" for path in alone]
    for path in sorted(ours & theirs):
        if path.name in _VARIES or path.suffix == ".ipynb" or "output" in path.parts:
            continue
        if path.suffix == ".tar":
            one, other = (checkpoint.load(top / path)["weights"] for top in (folder, whole))
            same = one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
        else:
            same = (folder / path).read_bytes() == (whole / path).read_bytes()
        problems += [] if same else [f"{path} differs"]
    return problems


def _compare(job: Job, folder: Path, whole: Path) -> list[str]:
    code = _finish(job, folder)
    if code:
        return [f"{job.name}: exit code {code} after the kills: {log_of(folder).read_text()[-300:]}"]
    left = [f"{path.name} is left over" for path in folder.rglob(".*.partial")]
    found = _in_a_fork(lambda: [*damaged(folder), *different(folder, whole)])
    return [f"{job.name}: {problem}" for problem in (*left, *found)]


def _files(folder: Path) -> list[Path]:
    kept = ("src", "notebooks", "__pycache__")  # of the notebook's own repository
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.relative_to(folder).parts[0] not in kept
    )


def _finish(job: Job, folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    return wait(start(job.argv(folder), folder, "whole"))


def _in_a_fork(look: Callable[[], list[str]]) -> list[str]:
    """The answer of a function that may start threads, with which this process could not fork any more."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, json.dumps(look()).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read()
    return json.loads(answer) if wait(child) == 0 else ["the look at the folder failed"]


def _orphans(mark: str) -> list[str]:
    """Processes of a run that are alive half a minute after its end."""
    end, wanted = time.monotonic() + _ORPHANS_END, f"{MARK}={mark}".encode()
    while True:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    found.append(place.name)
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="names of jobs")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    moments, problems, count = random.Random(flags.seed), [], 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        chosen = [job for job in jobs(work / "inputs") if not flags.only or job.name in flags.only]
        shares = sum(job.share for job in chosen)
        for job in chosen:
            kills = max(1, round(flags.kills * job.share / shares))
            found = kill(job, work, kills, moments)
            count, problems = count + kills, problems + found
            print(f"{job.name}: {kills} kills, {len(found)} problems", *found, sep="\n  ", flush=True)
    print(f"{count} kills, {len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
