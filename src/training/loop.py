"""The training loop: epochs, validation, files, interruption. One step is `src.training.trainer.Trainer.step`."""

import io
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from src.config import TrainingConfig
from src.datasets.loader import TrainingBatches
from src.datasets.prepared import PreparedFaces
from src.devices import World
from src.evaluation.evaluate import evaluate
from src.files import write_text
from src.metrics import nme
from src.network import checkpoint
from src.network.model import LandmarkNet
from src.training.trainer import Trainer

INTERRUPTED = "checkpoint_interrupted.pth.tar"


@dataclass(frozen=True)
class RunFiles:
    """Where a run writes; `keep` is how many epochs' snapshots stay."""

    snapshots: Path
    best_model: Path
    log: Path
    summary: Path
    keep: int = 3


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    best_nme: float
    epochs: int
    interrupted: bool


def fit(
    network: LandmarkNet,
    training: PreparedFaces,
    validation: PreparedFaces,
    *,
    config: TrainingConfig,
    files: RunFiles,
    device: torch.device,
    world: World,
    validation_batch: int = 64,
    resume: dict | None = None,
    header: str = "",
) -> Result:
    """Train to the end of the schedule, or until Ctrl-C, which finishes the step and saves a snapshot.

    Each epoch: NME of the averaged weights on `validation`, one row of `summary.csv` and `train.logs`, a snapshot, and
    the best model so far. `resume` is a loaded snapshot; the run goes on to the same weights as one never stopped.
    """
    batches = TrainingBatches(
        training.with_points(network.config.points),
        batch_size=config.batch_size,
        seed=config.seed,
        device=device,
        source_weights=config.source_weights or tuple(training.shares),
        rank=world.rank,
        world_size=world.size,
    )
    trainer = Trainer(network, config, steps_per_epoch=len(batches), device=device, world=world)
    history, totals = _History(header), _Totals()
    if resume is not None:
        trainer.restore(resume)
        history, totals = _History(header, resume["history"]), _Totals(*resume["totals"])
    with _stop_on_interrupt() as stop:
        while _agree(trainer, stop) < 1 and not stop.requested:
            finished = train_one_epoch(trainer, batches, totals, stop)
            if not finished and stop.requested:
                break
            errors = evaluate(trainer.best_weights, validation, batch_size=validation_batch) if world.is_first else None
            if errors is not None:
                is_best = history.add(trainer, totals, nme(errors))
                _write_epoch(trainer, history, files, is_best)
            totals = _Totals()
            world.wait()
    if stop.requested and world.is_first:
        _save_snapshot(trainer, history, totals, files.snapshots / INTERRUPTED)
    world.wait()
    return Result(history.best_nme, trainer.epoch, stop.requested)


def train_one_epoch(trainer: Trainer, batches: TrainingBatches, totals: "_Totals", stop: "_Stop") -> bool:
    """Run the rest of the current epoch. Returns whether it was completed (not stopped by Ctrl-C or the clock)."""
    trainer.network.train()
    first = trainer.step_count - trainer.epoch * trainer.steps_per_epoch
    with tqdm(
        batches.epoch(trainer.epoch, first),
        total=len(batches),
        initial=first,
        desc=f"epoch {trainer.epoch + 1}",
        unit="batch",
        disable=None if trainer.world.is_first else True,  # None: no bar where stderr is no terminal
        leave=False,
        mininterval=1,
    ) as bar:
        for squares, points_unit, euler in bar:
            start = time.perf_counter()
            progress = _agree(trainer, stop)
            if progress >= 1 or stop.requested:
                return False
            loss, distance, rate = trainer.step(squares, points_unit, euler, progress=progress)
            trainer.seconds += time.perf_counter() - start
            totals.add(loss, distance, rate)
            bar.set_postfix_str(f"loss {totals.loss:.3f}, error {totals.distance:.2f} %", refresh=False)
    return True


def _agree(trainer: Trainer, stop: "_Stop") -> float:
    """The run's progress and whether to stop, the same in every process: one that left alone would block the others."""
    progress, stopped = trainer.world.agree([trainer.progress(), float(stop.requested)])
    stop.requested = stopped > 0
    return progress


class _Totals:
    """Running sums of an epoch, so that what is logged is its mean and not its last batch."""

    def __init__(self, steps: int = 0, loss_sum: float = 0.0, distance_sum: float = 0.0, rate: float = 0.0) -> None:
        self.steps, self.loss_sum, self.distance_sum, self.rate = steps, loss_sum, distance_sum, rate

    def add(self, loss: float, distance: float, rate: float) -> None:
        self.steps += 1
        self.loss_sum += loss
        self.distance_sum += distance
        self.rate = rate

    @property
    def loss(self) -> float:
        return self.loss_sum / max(self.steps, 1)

    @property
    def distance(self) -> float:
        return self.distance_sum / max(self.steps, 1)

    def state(self) -> list[float]:
        return [self.steps, self.loss_sum, self.distance_sum, self.rate]


class _History:
    """One row an epoch; what `summary.csv` and `train.logs` show."""

    def __init__(self, header: str, rows: list[dict] | None = None) -> None:
        self.header = header
        self.rows = list(rows or [])

    @property
    def best_nme(self) -> float:
        return min((row["validation_nme"] for row in self.rows), default=float("inf"))

    def add(self, trainer: Trainer, totals: _Totals, validation_nme: float) -> bool:
        """Append the epoch's row; returns whether it is the best so far."""
        is_best = validation_nme < self.best_nme
        self.rows.append(
            {
                "epoch": len(self.rows) + 1,
                "step": trainer.step_count,
                "seconds": round(trainer.seconds, 1),
                "learning_rate": totals.rate,
                "train_loss": totals.loss,
                "train_error": totals.distance,
                "validation_nme": validation_nme,
            }
        )
        return is_best

    def csv(self) -> str:
        buffer = io.StringIO()
        pd.DataFrame(self.rows).to_csv(buffer, index=False, float_format="%.6g")
        return buffer.getvalue()

    def log(self) -> str:
        lines, best = [self.header] if self.header else [], float("inf")
        for row in self.rows:
            lines.append(
                f"Epoch - {row['epoch']}, Train Loss: {row['train_loss']:.4f}, "
                f"Train Error: {row['train_error']:.3f} %, Validation NME: {row['validation_nme']:.4f} %, "
                f"Learning Rate: {row['learning_rate']:.2e}, Seconds: {row['seconds']:.0f}"
            )
            if row["validation_nme"] < best:
                best = row["validation_nme"]
                lines.append("get best model!")
        return "\n".join(lines) + "\n"


@dataclass
class _Stop:
    requested: bool = False


@contextmanager
def _stop_on_interrupt() -> Iterator[_Stop]:
    """Turn the first Ctrl-C (or a polite kill) into a request to stop after the step; a second one acts at once."""
    stop, previous = _Stop(), {}

    def request(number: int, _frame: object) -> None:
        stop.requested = True
        signal.signal(number, previous[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _write_epoch(trainer: Trainer, history: _History, files: RunFiles, is_best: bool) -> None:
    row = history.rows[-1]
    if is_best:
        content = checkpoint.model_content(trainer.best_weights, nme=row["validation_nme"], training=trainer.config)
        checkpoint.save(files.best_model / "best.pth.tar", content)
    write_text(files.summary, history.csv())
    write_text(files.log, history.log())
    # Last: a run killed before it does the epoch again, so that the files above never lack what the snapshot knows.
    _save_snapshot(trainer, history, _Totals(), files.snapshots / f"checkpoint_epoch_{row['epoch']}.pth.tar")
    (files.snapshots / f"checkpoint_epoch_{row['epoch'] - files.keep}.pth.tar").unlink(missing_ok=True)
    tqdm.write(
        f"epoch {row['epoch']}: train error {row['train_error']:.2f} %, validation NME {row['validation_nme']:.3f} %"
        f"{' (best)' if is_best else ''}, {row['seconds']:.0f} s"
    )


def _save_snapshot(trainer: Trainer, history: _History, totals: _Totals, path: Path) -> None:
    last = history.rows[-1]["validation_nme"] if history.rows else float("nan")
    content = trainer.state(nme=last)
    content["history"], content["totals"] = history.rows, totals.state()
    checkpoint.save(path, content)
