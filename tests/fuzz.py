"""Damaged files through every reader and command: each must be read, or refused by the errors that become one line.

`make fuzz MINUTES=30`, or PYTHONPATH=. python tests/fuzz.py --files 100000 --seed 1. A case is its number: the same
seed damages the same file in the same way. What goes wrong is printed, and its folder kept in output/fuzz.
"""

import argparse
import collections
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from fuzz_commands import COMMANDS
from fuzz_forms import damage
from fuzz_targets import READERS

from src.command_line import quiet_libraries
from src.errors import InputError

TARGETS = {**READERS, **COMMANDS}
ALLOWED = (InputError, OSError, MemoryError)  # what `run_command` turns into one line
LONGEST = 10  # seconds of computing for a file
_BLOCKED = 600  # seconds after which one is taken to wait for something
MOST_MEMORY = 1_000_000  # kilobytes more than at the start of a process
_SEED = 1_000_000  # case numbers of one seed and target


@dataclass
class Findings:
    """How many damaged files of every target were read, and what went wrong, one line each."""

    counts: collections.Counter[str]
    problems: list[str]


def run(
    names: list[str], *, seed: int, seconds: float = math.inf, files: float = math.inf, keep: Path | None = None
) -> Findings:
    """Damaged files of every target in turn, for so many seconds or until there are so many."""
    end, found = time.monotonic() + seconds, Findings(collections.Counter(), [])
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            (Path(place) / name).mkdir()
            TARGETS[name].make(Path(place) / name)
        for turn in range(_SEED):
            for name in names:
                if time.monotonic() > end or found.counts.total() >= files:
                    return found
                cases = TARGETS[name].cases
                first = seed * _SEED + turn * cases
                _run_batch(name, range(first, first + cases), Path(place), keep, found)
    return found


def _run_batch(name: str, numbers: range, place: Path, keep: Path | None, found: Findings) -> None:
    """Cases in a process of their own, which may crash."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _try_cases(name, numbers, place, keep, writing)
            os._exit(0)
        finally:
            os._exit(1)  # a child never returns into the parent's program, whatever happens
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with open(reading, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\n").split(" ", 1) for line in file]
    found.counts[name] += sum(words == "begun" for _, words in lines)
    found.problems += [f"{name} {number}: {words}" for number, words in lines if words != "begun"]
    if status:
        last = lines[-1][0] if lines else "whole"
        _keep(place / "work", keep, f"{name}_{last}")
        found.problems.append(f"{name} {last}: the process ended with status {status}")


def _try_cases(name: str, numbers: range, place: Path, keep: Path | None, writing: int) -> None:
    """What the child of `_run_batch` does; `writing` takes a line per case that begins and a line per problem."""
    quiet_libraries()
    whole, work = place / name, place / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(whole, work)
    files = sorted(path.relative_to(work) for path in work.glob(TARGETS[name].files) if path.is_file())
    noise = os.open(place / "noise", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(noise, stream)  # nothing may stand next to the one line of an error
    if problem := _read_whole(name, work):
        os.write(writing, f"whole {problem}\n".encode())
    for number in numbers:
        os.write(writing, f"{number} begun\n".encode())
        draw = random.Random(f"{name} {number}")
        file = draw.choice(files)
        damage(work / file, draw)
        if problem := _read(name, work) or _said(noise):
            _keep(work, keep, f"{name}_{number}")
            os.write(writing, f"{number} {_flat(problem)}\n".encode())
        shutil.copyfile(whole / file, work / file)
    left = sorted(
        str(path.relative_to(work)) for path in work.rglob("*") if not (whole / path.relative_to(work)).exists()
    )
    if left:
        os.write(writing, f"{numbers[-1]} left behind: {_flat(str(left))}\n".encode())


def _read_whole(name: str, work: Path) -> str | None:
    """A target that refuses even what is not damaged would try nothing."""
    try:
        TARGETS[name].read(work)
    except Exception as error:
        return f"files are refused: {_flat(repr(error))}"
    return None


def _read(name: str, work: Path) -> str | None:
    """What goes wrong where a target reads its folder; that a file is refused is right."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    signal.setitimer(signal.ITIMER_PROF, 3 * LONGEST)  # ends the process, as does:
    signal.alarm(_BLOCKED)
    problem = None
    try:
        TARGETS[name].read(work)
    except ALLOWED:
        pass
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    if time.process_time() - start > LONGEST:
        return f"took {time.process_time() - start:.0f} s"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"took {grown / 1000:.0f} MB" if problem is None and grown > MOST_MEMORY else problem


def _said(noise: int) -> str | None:
    text = os.pread(noise, 200, 0).decode(errors="replace")
    os.ftruncate(noise, 0)
    os.lseek(noise, 0, os.SEEK_SET)
    return f"said {text!r}" if text else None


def _flat(words: str) -> str:
    return " ".join(words.split())[:200]


def _keep(work: Path, keep: Path | None, name: str) -> None:
    if keep is not None:
        shutil.copytree(work, keep / name, dirs_exist_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--files", type=float, default=math.inf, help="end earlier, after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--keep", type=Path, default=Path("output/fuzz"), help="where the finds go")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    found = run(flags.targets, seed=flags.seed, seconds=60 * flags.minutes, files=flags.files, keep=flags.keep)
    print(", ".join(f"{name} {count}" for name, count in found.counts.items()))
    print("\n".join([*found.problems, f"{found.counts.total()} damaged files, {len(found.problems)} finds"]))
    sys.exit(bool(found.problems))


if __name__ == "__main__":
    main()
