"""Cached training runs, the rows of a study: the first call trains, every later one reads.

A run (`src.notebook.identity`) is kept in a folder of its own:

- `model.pth.tar`: a model file of the averaged weights at the last epoch, so that nothing is selected on the validation
  faces; its further entry `auxiliary` holds the Euler-angle branch
- `summary.csv`, `train.logs`: as train.py writes them
- `result.json`: the configuration and the scores; written last, so a folder that has it is complete

Studies share runs: if two want the same one at the same time, the second waits until the first has trained it.
"""

import io
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from src.command_line import progress
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.evaluate import evaluate
from src.files import alone_in
from src.network import checkpoint
from src.network.devices import choose_device, device_name
from src.network.model import AUXILIARY, LandmarkNet, build_model
from src.notebook.identity import Run
from src.training.loop import BEST_MODEL
from src.training.pool import spread
from src.training.runs import load_record, load_snapshot, remove_snapshots, save_record, train_in

COST = "Cost: "  # beginning of the line of `cost`
_RESULT, _MODEL, _SPENT = "result.json", "model.pth.tar", "cpu_seconds.json"


@dataclass(frozen=True)
class Trained:
    """A finished run, read from its folder. nme: percent, of the last epoch. seconds: spent in steps."""

    run: Run
    nme: float
    best_nme: float
    steps: int
    seconds: float
    trained_faces: int

    @property
    def model_path(self) -> Path:
        """The model file, usable by test.py."""
        return self.run.folder / _MODEL

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the whole run; older results, which lack it, give the time spent in steps."""
        return self._stored.get("cpu_seconds", self.seconds)

    @property
    def device(self) -> str:
        """Name of the device that trained it; older results, which lack it, are of a CPU."""
        return self._stored.get("device", device_name(torch.device("cpu")))

    @cached_property
    def _stored(self) -> dict:
        return json.loads((self.run.folder / _RESULT).read_text(encoding="utf-8"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch, as in summary.csv."""
        return pd.read_csv(self.run.folder / "summary.csv")

    def load(self) -> LandmarkNet:
        """The network in evaluation mode, on the CPU, with its Euler-angle branch if it was trained with one."""
        content = checkpoint.load(self.model_path)
        network = build_model(self.run.model)
        network.load_state_dict(content["weights"] | content["auxiliary"])
        return network.to(memory_format=torch.channels_last).eval()

    def errors(self) -> np.ndarray:
        """Errors (N, K) of the model's points on the validation faces in percent of sqrt(H * W)."""
        return evaluate(self.load(), load_prepared(self.run.validation_data))


def train_all(runs: Iterable[Run]) -> list[Trained]:
    """Train the runs that are not finished, and read all of them in the given order.

    On a CPU each run uses one thread, so that its weights do not depend on the number of cores, and as many run at once
    as PyTorch would use threads. Ctrl-C saves snapshots; the next call continues from them.
    """
    runs = list(runs)
    waiting = {run: run.folder for run in runs if not _is_finished(run.folder)}
    if waiting:
        with progress(total=len(waiting), desc="training runs", unit="run") as bar:
            device = choose_device("auto")
            for _ in spread(_train, waiting.keys(), waiting.values(), repeat(device), device=device):
                bar.update()
    return [read(run) for run in runs]


def read(run: Run) -> Trained:
    """A finished run. Raises InputError if it is not finished or its result is damaged."""
    trained = load_record(run.folder / _RESULT, Trained, run=run)
    if trained is None:
        raise InputError(f"{run.folder}: expected a finished run, found no {_RESULT}; train it first")
    return trained


def cost(trained: Iterable[Trained]) -> str:
    """What runs cost, as a line that pages show at the top. A run counts once, even if it is listed twice."""
    runs = {one.run.folder: one for one in trained}.values()
    hours = sum(one.cpu_seconds for one in runs) / 3600
    steps = sum(one.steps for one in runs)
    devices = ", ".join(f"{count} on {name}" for name, count in Counter(one.device for one in runs).most_common())
    return (
        f"{COST}{len(runs)} training runs ({devices}), {steps:,} steps, {hours:.2g} CPU-hours; finished runs are kept."
    )


def draw_faces(faces: PreparedFaces, count: int, *, seed: int) -> PreparedFaces:
    """A random part of the faces, in memory; with the same seed, a larger part contains a smaller one.

    Raises InputError for more faces than there are.
    """
    if count > len(faces):
        raise InputError(f"expected at most {len(faces)} training faces, found a run with {count}")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(faces))[:count])
    return faces.take(chosen)


def _is_finished(folder: Path) -> bool:
    return (folder / _RESULT).is_file()


def _train(run: Run, folder: Path, device: torch.device) -> None:
    training, validation = load_prepared(run.training_data), load_prepared(run.validation_data)
    if run.faces:
        training = draw_faces(training, run.faces, seed=run.training.seed)
    network = build_model(run.model, seed=run.training.seed)
    with alone_in(folder, wait=True):
        if _is_finished(folder):  # another study has trained it meanwhile
            return
        with redirect_stdout(io.StringIO()), _processor_time(folder):  # what it prints is also in train.logs
            train_in(folder, network, training, validation, config=run.training, device=device)
        _finish(run, folder, faces=len(training), device=device)


@contextmanager
def _processor_time(folder: Path) -> Iterator[None]:
    """Record the processor time of the block, added to that of earlier parts of the same run, even after Ctrl-C."""
    start, earlier = time.process_time(), _read_seconds(folder)
    try:
        yield
    finally:
        save_record(folder / _SPENT, {"cpu_seconds": round(earlier + time.process_time() - start, 1)})


def _read_seconds(folder: Path) -> float:
    path = folder / _SPENT
    return json.loads(path.read_text(encoding="utf-8"))["cpu_seconds"] if path.is_file() else 0.0


def _finish(run: Run, folder: Path, *, faces: int, device: torch.device) -> None:
    """Turn the last snapshot into the model file and the result, and remove what only training needs."""
    snapshot = load_snapshot(folder)
    state, history = snapshot["trainer"], snapshot["history"]
    averaged = run.training.ema_decay > 0
    weights, prefix = (state["averaged"], f"module.{AUXILIARY}") if averaged else (state["network"], AUXILIARY)
    content = checkpoint.model_entries(snapshot)
    content["auxiliary"] = {
        AUXILIARY + name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)
    }
    checkpoint.save(folder / _MODEL, content)
    result = {
        "nme": history[-1]["validation_nme"],
        "best_nme": min(row["validation_nme"] for row in history),
        "steps": state["step_count"],
        "seconds": round(state["seconds"], 1),
        "cpu_seconds": _read_seconds(folder),
        "trained_faces": faces,
        "torch": torch.__version__,
        "device": device_name(device),
        "run": run.identity(),
    }
    save_record(folder / _RESULT, result)
    remove_snapshots(folder)
    for name in (BEST_MODEL, _SPENT):
        (folder / name).unlink(missing_ok=True)
