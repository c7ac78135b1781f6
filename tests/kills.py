"""Kill commands at random moments, again and again in the same folder, and look at what they leave.

python tests/kills.py --kills 300

After every kill each file that stands under its own name must be readable, and no process may be left. After the last
one the command runs to its end: its files must be those of a run that was never killed. Commands run in forks of one
process that has PyTorch imported; notebooks run as a user runs them.
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from commands import ROOT, SMALL, load
from PIL import Image
from stand_in import write_faces
from tqdm import tqdm

from src.command_line import run_command
from src.datasets.challenge import read_annotations
from src.datasets.prepared import load_prepared
from src.network import checkpoint
from src.predict.runtimes import open_model
from src.predict.submission import check_solution

_MARK = "KILLED_RUN"  # in the environment of every process of a run
_ORPHANS_END = 30.0  # seconds
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


@dataclass(frozen=True)
class Job:
    """A command that writes into `folder`. argv: of a script or module of this project, or a program if it has none."""

    name: str
    argv: Callable[[Path], list[object]]
    share: float  # of all kills


def jobs(inputs: Path) -> list[Job]:
    """The commands, on small inputs that are made here."""
    write_faces(inputs / "faces" / "synthetics_train", 40, seed=1)
    write_faces(inputs / "faces" / "aflw_val", 12, seed=2)
    write_faces(inputs / "faces" / "unlabeled", 10, seed=3, annotated=False)
    faces, arrays, model = inputs / "faces", inputs / "arrays", inputs / "model" / "best_model" / "best.pth.tar"
    data = ("--dataroot", arrays / "AFLW_train_data", "--val_dataroot", arrays / "AFLW_validation_data")

    def prepare(folder: Path) -> list[object]:
        return ["preparation.py", "--data_root", faces, "--out_root", folder, "--image_size", 64]

    def train(folder: Path) -> list[object]:
        files = ("--snapshot", folder / "snapshot", "--best_model", folder / "best_model")
        logs = ("--log_file", folder / "train.logs", "--summary", folder / "summary.csv")
        resume = ["--resume"] if any((folder / "snapshot").glob("*.pth.tar")) else []
        return ["train.py", *SMALL, "--end_epoch", 3, *data, *files, *logs, *resume]

    def test(folder: Path) -> list[object]:
        return ["test.py", "--model_path", model, "--test_dataroot", faces / "unlabeled", "--out_dir", folder]

    def autolabel(folder: Path) -> list[object]:
        pictures = ("--labeled", faces / "synthetics_train", "--unlabeled", faces / "unlabeled")
        few = ("--rounds", 1, "--end_epoch", 1, "--copies", 1, "--accept", 1, "--review", 4)
        return ["src/autolabel/__main__.py", *pictures, "--out", folder, *SMALL, *few]

    def export(folder: Path) -> list[object]:
        return ["src/export/__main__.py", "--model_path", model, "--out", folder / "model.onnx"]

    def notebook(folder: Path) -> list[object]:
        if not (folder / "train.py").exists():  # a repository of its own: a notebook keeps its data below it
            for part in ("src", "notebooks"):
                shutil.copytree(ROOT / part, folder / part)
            shutil.copy(ROOT / "train.py", folder)
        few = ("-p", "faces", "16", "-p", "backbones", "['shufflenet_v2_x0_5', 'pfld']", "-p", "epochs", "1")
        return [sys.executable, "-m", "src.notebook", "03", *few, "-p", "seeds", "[0]", "-p", "with_onnx", "False"]

    for argv in (prepare(arrays), train(inputs / "model")):
        if _wait(_start(argv, inputs, "inputs")):
            raise RuntimeError(f"{argv[0]} failed without any kill: {_log(inputs).read_text()[-300:]}")
    return [
        Job("preparation", prepare, 0.2),
        Job("training", train, 0.3),
        Job("test", test, 0.2),
        Job("auto-labeling", autolabel, 0.15),
        Job("export", export, 0.08),
        Job("notebook", notebook, 0.07),
    ]


def kill(job: Job, work: Path, kills: int, moments: random.Random) -> list[str]:
    """Kill a command so often. Returns what was damaged, left behind or different, a line each."""
    whole, folder, problems = work / f"{job.name} whole", work / job.name, []
    start = time.monotonic()
    code = _finish(job, whole)
    seconds = time.monotonic() - start
    if code:
        return [f"{job.name}: exit code {code} without any kill: {_log(whole).read_text()[-300:]}"]
    for number in tqdm(range(kills), desc=job.name, unit="kill", disable=None):
        folder.mkdir(exist_ok=True)
        mark = f"{job.name} {number} {os.getpid()}"
        child = _start(job.argv(folder), folder, mark)
        moment = moments.uniform(0, seconds)
        if not _ends_within(child, moment):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        where = f"{job.name}, kill {number} after {moment:.2f} s"
        problems += [f"{where}: process {process} is left" for process in _orphans(mark)]
        problems += [f"{where}: {problem}" for problem in _in_a_fork(lambda: damaged(folder))]
        if number % 5 == 4:  # from time to time it comes to its end, and begins anew
            problems += _compare(job, folder, whole)
            shutil.rmtree(folder)
    if folder.exists():
        problems += _compare(job, folder, whole)
    return problems


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
    problems = [f"{path} is in one of them only" for path in sorted(ours ^ theirs)]
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
        return [f"{job.name}: exit code {code} after the kills: {_log(folder).read_text()[-300:]}"]
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
    return _wait(_start(job.argv(folder), folder, "whole"))


def _start(argv: list[object], folder: Path, mark: str) -> int:
    """A command in a process of its own, which speaks into a file beside the folder. Returns its id."""
    words = [str(word) for word in argv]
    child = os.fork()
    if child:
        return child
    os.environ[_MARK] = mark
    said = os.open(_log(folder), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    if words[0] == sys.executable:
        os.chdir(folder)
        os.execve(words[0], words, os.environ)
    sys.argv, code = words, 0
    try:
        run_command(load(words[0]).main)
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        code = 1
    os._exit(code)


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _ends_within(child: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.005)
    return False


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
    return json.loads(answer) if _wait(child) == 0 else ["the look at the folder failed"]


def _orphans(mark: str) -> list[str]:
    """Processes of a run that are alive half a minute after its end."""
    end, wanted = time.monotonic() + _ORPHANS_END, f"{_MARK}={mark}".encode()
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
