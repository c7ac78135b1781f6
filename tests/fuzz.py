"""Damaged files through every reader: each must be read, or refused by the errors that become one line.

`make fuzz MINUTES=30`, or PYTHONPATH=. python tests/fuzz.py --minutes 30 --seed 1. A case is its number: the same seed
damages the same file in the same way. What goes wrong is printed, and its folder kept in output/fuzz.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sample_folders import SAMPLES, sample
from stand_in import write_faces

from src.config import ModelConfig, TrainingConfig
from src.datasets.challenge import load_annotations
from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.datasets.pictures import read_square
from src.datasets.prepared import load_prepared, prepare
from src.errors import InputError
from src.network import checkpoint
from src.network.model import build_model
from src.predict.submission import check_solution, write_solution

ALLOWED = (InputError, OSError, MemoryError)  # what `run_command` turns into one line
LONGEST = 10  # seconds for a file
MOST_MEMORY = 1_000_000  # kilobytes more than at the start
_BATCH = 40  # cases a process
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
_VALUES = (b"-1", b"0", b"1e309", b"nan", b"99999999999999999999", b"null", b"true", b"[]", b"{}", b'"', b"[" * 5000)


@dataclass(frozen=True)
class Target:
    """A folder of whole files, which of them are damaged, and what reads the folder."""

    make: Callable[[Path], object]
    files: str  # pattern
    read: Callable[[Path], object]


def _write_model(folder: Path) -> None:
    config = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)
    content = checkpoint.model_content(build_model(config), nme=1.0, training=TrainingConfig())
    checkpoint.save(folder / "model.pth.tar", content)


def _write_solution(folder: Path) -> None:
    write_solution(folder / "solution.txt", ["a.jpg", "b.jpg"], np.full((2, 68, 2), 100.0))


def _write_prepared(folder: Path) -> None:
    write_faces(folder / "faces", 3, size=(40, 40))
    prepare([folder / "faces"], folder, image_size=32)
    shutil.rmtree(folder / "faces")


def _write_picture(folder: Path, ending: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(48, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"picture.{ending}")


def _format(name: str) -> Target:
    def make(folder: Path) -> None:
        sample(name, folder / "root")

    return Target(make, "root/**/*", lambda folder: read_faces(Folder(folder / "root"), name))


TARGETS = {
    "annotations": Target(
        lambda folder: write_faces(folder, 3, size=(40, 40)),
        "annot.pkl",
        lambda folder: load_annotations(folder / "annot.pkl"),
    ),
    "model": Target(_write_model, "*", lambda folder: checkpoint.load_model(folder / "model.pth.tar")),
    "solution": Target(_write_solution, "*.txt", lambda folder: check_solution(folder / "solution.txt")),
    "solution_zip": Target(_write_solution, "*.zip", lambda folder: check_solution(folder / "solution.zip")),
    "prepared": Target(_write_prepared, "*[!t]", load_prepared),
    **{
        f"picture_{ending}": Target(
            partial(_write_picture, ending=ending), "*", lambda folder: read_square(next(folder.iterdir()), 64)
        )
        for ending in ("jpg", "png", "bmp", "webp", "tif", "gif")
    },
    **{f"format_{name}": _format(name) for name in SAMPLES},
}


def damage(content: bytes, draw: random.Random) -> bytes:
    """A file's bytes with one to four things wrong."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        start, length = draw.randrange(len(content) + 1), draw.choice((1, 1, 2, 4, 8, 64))
        kind = draw.choice(("bits", "value", "number", "cut", "drop", "double", "noise"))
        if kind == "number" and (numbers := list(_NUMBER.finditer(content))):
            found = draw.choice(numbers)
            content = content[: found.start()] + draw.choice(_VALUES) + content[found.end() :]
        elif kind == "bits" and content:
            place = start % len(content)
            content = content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
        elif kind == "value":
            content = content[:start] + draw.choice((b"\0", b"\xff")) * length + content[start + length :]
        elif kind == "cut":
            content = content[:start]
        elif kind == "drop":
            content = content[:start] + content[start + length :]
        elif kind == "double":
            content = content[:start] + content[start : start + length] * 2 + content[start + length :]
        else:
            content = content[:start] + draw.randbytes(length) + content[start + length :]
    return content


def try_case(name: str, number: int, whole: Path, work: Path) -> str | None:
    """Damage a file of the target's folder `whole`, copied to `work`, and read it. Returns what went wrong."""
    draw = random.Random(f"{name} {number}")
    shutil.copytree(whole, work)
    path = draw.choice(sorted(path for path in work.glob(TARGETS[name].files) if path.is_file()))
    path.write_bytes(damage(path.read_bytes(), draw))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    signal.alarm(3 * LONGEST)  # ends the process
    problem = None
    try:
        TARGETS[name].read(work)
    except ALLOWED:
        pass
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    signal.alarm(0)
    if time.monotonic() - start > LONGEST:
        problem = f"took {time.monotonic() - start:.0f} s"
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


def _run_batch(name: str, numbers: range, place: Path, keep: Path | None) -> tuple[int, list[str]]:
    """Cases in a process of their own, which may crash. Returns how many were done, and what went wrong."""
    reading, writing = os.pipe()
    work = place / "work"
    child = os.fork()
    if child == 0:
        warnings.simplefilter("ignore")
        for number in numbers:
            shutil.rmtree(work, ignore_errors=True)
            os.write(writing, f"{number} begun\n".encode())
            problem = try_case(name, number, place / name, work)
            if problem:
                _keep(work, keep, f"{name}_{number}")
                os.write(writing, f"{number} {' '.join(problem.split())[:200]}\n".encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with open(reading, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\n").split(" ", 1) for line in file]
    problems = [f"{name} {number}: {words}" for number, words in lines if words != "begun"]
    if status:
        _keep(work, keep, f"{name}_{lines[-1][0]}")
        problems.append(f"{name} {lines[-1][0]}: the process ended with status {status}")
    return len({number for number, _ in lines}), problems


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
