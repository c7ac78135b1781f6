"""The training loop: epochs, validation, files, interruption. One step is `src.training.trainer.Trainer.step`."""

import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from src.command_line import progress, tell_own_errors
from src.config import TrainingConfig
from src.datasets.loader import TrainingBatches
from src.datasets.prepared import PreparedFaces, shared_faces
from src.errors import InputError, about
from src.evaluation.evaluate import evaluate
from src.files import write_text
from src.metrics import nme
from src.network import checkpoint
from src.network.model import LandmarkNet
from src.training.circumstances import circumstances, compare, other_settings
from src.training.history import History, Totals
from src.training.interruption import Stop, stop_on_interrupt
from src.training.trainer import Trainer
from src.training.world import World

BEST_MODEL = "best.pth.tar"


@dataclass(frozen=True)
class RunFiles:
    """Where a run writes. keep: number of epochs whose snapshots are kept. header: first lines of the log.

    every: seconds of training between two snapshots at least; the last epoch always has one.
    """

    snapshots: Path
    best_model: Path
    log: Path
    summary: Path
    keep: int
    header: str = ""
    every: float = 0.0


@dataclass(frozen=True)
class Result:
    """How a run ended. epochs: those validated, the last one of a time budget perhaps in part. steps: in all."""

    best_nme: float
    epochs: int
    steps: int
    interrupted: bool


def fit(
    network: LandmarkNet,
    training: PreparedFaces,
    validation: PreparedFaces,
    *,
    config: TrainingConfig,
    files: RunFiles,
    world: World,
    validation_batch: int = 64,
    resume: dict | None = None,
) -> Result:
    """Train to the end of the schedule, or until Ctrl-C, which finishes the current step and saves a snapshot.

    Computes on the network's device. After each epoch: NME of the averaged weights on `validation`, one row in
    `summary.csv` and `train.logs`, a snapshot, and the best model so far. resume: a loaded snapshot; the run continues
    to the same weights as one that was never stopped. The caller keeps other runs out of the folders
    (`src.files.alone_in`). Raises InputError if the faces or the network of the snapshot's run have changed.
    """
    device = next(network.parameters()).device
    validation.with_points(network.config.points)  # an error now, not after the first epoch
    batches = TrainingBatches(
        training.with_points(network.config.points),
        batch_size=config.batch_size,
        seed=config.seed,
        device=device,
        source_weights=config.source_weights,
        rank=world.rank,
        world_size=world.size,
    )
    if world.is_first and len(batches.source_weights) > 1:
        tqdm.write(f"an epoch's faces: {batches.describe_shares()}")
    trainer = Trainer(network, config, steps_per_epoch=len(batches), device=device, world=world)
    now = circumstances(training, validation, config=config, device=device, world=world)
    shared = shared_faces(training, validation)
    notes = [f"{len(shared)} of {len(validation)} validation faces are trained on, too"] if shared else []
    if resume is not None:
        notes += [*compare(resume.get("circumstances", {}), now), *other_settings(resume, config)]
    if world.is_first:
        for note in notes:
            tqdm.write(f"note: {note}")
    history, totals = (History(files.header), Totals()) if resume is None else _resume(trainer, resume, files)
    run = _Run(trainer, files, history, now, saved=trainer.seconds)
    tell_own_errors()
    with stop_on_interrupt() as stop:
        done, stopped = _agree(trainer, stop)
        while done < 1 and not stopped:
            if not train_one_epoch(trainer, batches, totals, stop):
                stopped = True
                break
            if world.is_first:
                errors = evaluate(trainer.best_weights, validation, batch_size=validation_batch)
                run.end_epoch(totals, nme(errors))
            totals = Totals()
            world.wait()
            done, stopped = _agree(trainer, stop)
        if stopped and world.is_first:
            run.save_snapshot(totals, checkpoint.INTERRUPTED)
        world.wait()
    return Result(history.best_nme, len(history.rows), trainer.step_count, stopped)


def _resume(trainer: Trainer, snapshot: dict, files: RunFiles) -> tuple[History, Totals]:
    """Restore a trainer, in place; returns the run's history and the sums of its unfinished epoch."""
    trainer.restore(snapshot)
    history = History.restored(files.header, snapshot.get("history"))
    totals = Totals.restored(snapshot.get("totals"))
    best = files.best_model / BEST_MODEL
    if history.rows and not best.is_file():
        if trainer.progress() >= 1:
            raise InputError(f"{files.best_model}: expected {BEST_MODEL} of the finished run; name its folder")
        history.since = len(history.rows)
        if trainer.world.is_first:
            tqdm.write(f"note: {files.best_model} lacks {BEST_MODEL} of earlier epochs; the next ones write theirs")
    elif history.rows:
        stored_nme = checkpoint.load(best)["nme"]
        with about(best):
            history.match(stored_nme)
    return history, totals


def train_one_epoch(trainer: Trainer, batches: TrainingBatches, totals: Totals, stop: Stop) -> bool:
    """Run the rest of the current epoch, or of the time budget. Returns False if Ctrl-C ended it early."""
    trainer.enter_training_mode()
    first = trainer.step_count - trainer.epoch * trainer.steps_per_epoch
    with progress(
        batches.epoch(trainer.epoch, first),
        total=len(batches),
        initial=first,
        desc=f"epoch {trainer.epoch + 1}",
        unit="batch",
        disable=not trainer.world.is_first,
        leave=False,
        mininterval=1,
        delay=5,  # a notebook's runner takes 10 ms for each change of a bar
    ) as bar:
        for squares, points_unit, euler in bar:
            start = time.perf_counter()
            done, stopped = _agree(trainer, stop)
            if done >= 1:
                return True
            if stopped:
                return False
            loss, distance, rate = trainer.step(squares, points_unit, euler, progress=done)
            trainer.seconds += time.perf_counter() - start
            totals.add(loss, distance, rate)
            bar.set_postfix_str(f"loss {totals.loss:.3f}, error {totals.distance:.2f} %", refresh=False)
    return True


def _agree(trainer: Trainer, stop: Stop) -> tuple[float, bool]:
    """The run's progress, and whether it is to stop, the same in all processes: one that left alone would block the
    others. A signal that comes while they agree counts the next time."""
    done, stopped = trainer.world.all_reduce_max([trainer.progress(), float(stop.requested)])
    if stopped:
        stop.requested = True
    return done, stopped > 0


@dataclass
class _Run:
    """The files of a run, written by the first process alone. saved: the trainer's seconds at the last snapshot."""

    trainer: Trainer
    files: RunFiles
    history: History
    circumstances: dict[str, str | int]
    saved: float

    def end_epoch(self, totals: Totals, validation_nme: float) -> None:
        """Write the files of a completed epoch, and print its line."""
        trainer, history, files = self.trainer, self.history, self.files
        is_best = history.add(totals, step=trainer.step_count, seconds=trainer.seconds, validation_nme=validation_nme)
        row = history.rows[-1]
        if is_best:
            content = checkpoint.model_content(trainer.best_weights, nme=validation_nme, training=trainer.config)
            checkpoint.save(files.best_model / BEST_MODEL, content)
        write_text(files.summary, history.csv())
        write_text(files.log, history.log())
        # Last: a run killed before this line repeats the epoch, so the files above are never behind the snapshot.
        if trainer.progress() >= 1 or trainer.seconds - self.saved >= files.every:
            self.save_snapshot(Totals(), checkpoint.epoch_name(row["epoch"]))
            self.saved = trainer.seconds
            for old in range(1, row["epoch"] - files.keep + 1):
                (files.snapshots / checkpoint.epoch_name(old)).unlink(missing_ok=True)
        tqdm.write(
            f"epoch {row['epoch']}: train error {row['train_error']:.2f} %, validation NME {validation_nme:.3f} %"
            f"{' (best)' if is_best else ''}, {row['seconds']:.0f} s"
        )

    def save_snapshot(self, totals: Totals, name: str) -> None:
        rows = self.history.rows
        content = self.trainer.state(nme=rows[-1]["validation_nme"] if rows else float("nan"))
        content |= {"history": rows, "totals": totals.state(), "circumstances": self.circumstances}
        checkpoint.save(self.files.snapshots / name, content)
