"""The commands that tests/kills.py kills, on small inputs, and how they are started."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from commands import ROOT, SMALL, load
from stand_in import write_faces

from src.command_line import STOP_SIGNALS, end_at_once, run_command

MARK = "KILLED_RUN"  # in the environment of every process of a run


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

    def train_twofold(folder: Path) -> list[object]:
        return [sys.executable, ROOT / "train.py", *train(folder)[1:], "--processes", 2]

    def convert(folder: Path) -> list[object]:
        out = ("--out", folder / "pts", "--to", "pts")
        return ["preparation.py", "--root", faces / "synthetics_train", *out]

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
        if wait(start(argv, inputs, "inputs")):
            raise RuntimeError(f"{argv[0]} failed without any kill: {log_of(inputs).read_text()[-300:]}")
    return [
        Job("preparation", prepare, 0.2),
        Job("conversion", convert, 0.1),
        Job("training", train, 0.2),
        Job("two processes", train_twofold, 0.1),
        Job("test", test, 0.1),
        Job("auto-labeling", autolabel, 0.1),
        Job("export", export, 0.1),
        Job("notebook", notebook, 0.1),
    ]


def start(argv: list[object], folder: Path, mark: str) -> int:
    """A command in a session of its own, whose output goes into a file next to the folder. Returns its process id."""
    words = [str(word) for word in argv]
    reading, writing = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    child = os.fork()
    if child == 0:
        try:
            _run(words, folder, mark, writing)
        finally:
            os._exit(1)  # a child never returns into the parent's program, whatever happens
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    return child


def _run(words: list[str], folder: Path, mark: str, ready: int) -> None:
    """What the child of `start` does. It hears signals as a command does whose imports take their time."""
    os.setsid()
    os.environ[MARK] = mark
    said = os.open(log_of(folder), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    for number in STOP_SIGNALS:
        signal.signal(number, end_at_once)  # also in a shell's background, which ignores Ctrl-C
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    os.close(ready)
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
    sys.stdout.flush()
    os._exit(code)


def log_of(folder: Path) -> Path:
    """What a command said that wrote into a folder."""
    return folder.with_name(f"{folder.name}.log")


def wait(child: int) -> int:
    """The exit code of a process, or less than 0 for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ends_within(child: int, seconds: float) -> int | None:
    """The exit code of a process that ends within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None
