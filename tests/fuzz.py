"""Damaged files through every reader: each must be read, or refused by the errors that become one line.

`make fuzz MINUTES=30`, or PYTHONPATH=. python tests/fuzz.py --minutes 30 --seed 1. A case is its number: the same seed
damages the same file in the same way. What goes wrong is printed, and its folder kept in output/fuzz.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from fuzz_damage import damage
from fuzz_targets import TARGETS

from src.command_line import quiet_libraries
from src.errors import InputError

ALLOWED = (InputError, OSError, MemoryError)  # what `run_command` turns into one line
LONGEST = 10  # seconds of computing for a file
_BLOCKED = 600  # seconds after which one is taken to wait for something
MOST_MEMORY = 1_000_000  # kilobytes more than at the start
_BATCH = 40  # cases a process


def try_case(name: str, number: int, whole: Path, work: Path) -> str | None:
    """Damage a file of the target's folder `whole`, copied to `work`, and read it. Returns what went wrong."""
    draw = random.Random(f"{name} {number}")
    shutil.copytree(whole, work)
    path = draw.choice(sorted(path for path in work.glob(TARGETS[name].files) if path.is_file()))
    damage(path, draw)
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
        problem = f"took {time.process_time() - start:.0f} s"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"took {grown / 1000:.0f} MB" if problem is None and grown > MOST_MEMORY else problem


def run(names: list[str], *, seconds: float, seed: int, keep: Path | None = None) -> tuple[int, list[str]]:
    """Damaged files for so many seconds, in turn for every target. Returns how many, and what went wrong."""
    end, count, problems = time.monotonic() + seconds, 0, []
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            (Path(place) / name).mkdir()
            TARGETS[name].make(Path(place) / name)
        first = seed * 1_000_000
        while time.monotonic() < end:
            for name in names:
                done, found = _run_batch(name, range(first, first + _BATCH), Path(place), keep)
                count += done
                problems += found
                if time.monotonic() > end:
                    break
            first += _BATCH
    return count, problems


def _try_cases(name: str, numbers: range, place: Path, keep: Path | None, writing: int) -> None:
    """What the child of `_run_batch` does; `writing` takes a line a case that begins and a line a problem."""
    quiet_libraries()
    work = place / "work"
    noise = os.open(place / "noise", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(noise, sys.__stderr__.fileno())  # nothing may stand beside the one line of an error
    for number in numbers:
        shutil.rmtree(work, ignore_errors=True)
        os.write(writing, f"{number} begun\n".encode())
        problem = try_case(name, number, place / name, work) or _said(noise)
        if problem:
            _keep(work, keep, f"{name}_{number}")
            os.write(writing, f"{number} {' '.join(problem.split())[:200]}\n".encode())


def _run_batch(name: str, numbers: range, place: Path, keep: Path | None) -> tuple[int, list[str]]:
    """Cases in a process of their own, which may crash. Returns how many were done, and what went wrong."""
    reading, writing = os.pipe()
    work = place / "work"
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
    problems = [f"{name} {number}: {words}" for number, words in lines if words != "begun"]
    if status:
        _keep(work, keep, f"{name}_{lines[-1][0]}")
        problems.append(f"{name} {lines[-1][0]}: the process ended with status {status}")
    return len({number for number, _ in lines}), problems


def _said(noise: int) -> str | None:
    text = os.pread(noise, 200, 0).decode(errors="replace")
    os.ftruncate(noise, 0)
    os.lseek(noise, 0, os.SEEK_SET)
    return f"said {text!r}" if text else None


def _keep(work: Path, keep: Path | None, name: str) -> None:
    if keep is not None:
        shutil.copytree(work, keep / name, dirs_exist_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--keep", type=Path, default=Path("output/fuzz"), help="where the finds go")
    arguments = parser.parse_args()
    count, problems = run(arguments.targets, seconds=60 * arguments.minutes, seed=arguments.seed, keep=arguments.keep)
    print("\n".join([*problems, f"{count} damaged files, {len(problems)} finds"]))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
