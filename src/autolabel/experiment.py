"""What auto-labeling gains: its best round compared with equally long runs on the few labels and on all of them."""

import contextlib
import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd

from src.autolabel.rounds import (
    Round,
    Settings,
    best_round,
    human_copies,
    identity,
    open_held_out,
    round_folder,
    run_rounds,
)
from src.autolabel.task import Task
from src.autolabel.training import Setup, open_faces, train_on
from src.config import TrainingConfig
from src.datasets.prepared import PreparedFaces
from src.evaluation.evaluate import evaluate
from src.files import write_text
from src.metrics import bootstrap_interval, nme
from src.network.checkpoint import load_model
from src.training.loop import BEST_MODEL


def run_experiment(
    task: Task, setup: Setup, settings: Settings, parent: Path
) -> tuple[list[Round], pd.DataFrame, Path]:
    """The rounds, their `compare`, and the folder of both, in `parent`; what is finished there is read.

    The folder's name depends on task, setup and settings. Nothing is printed: `rounds.csv` there says the same.
    """
    out = parent / f"autolabel_{hashlib.sha256(identity(task, setup, settings).encode()).hexdigest()[:12]}"
    with contextlib.redirect_stdout(io.StringIO()):
        rounds = run_rounds(task, setup, settings, out)
        return rounds, compare(task, setup, settings, rounds, out=out, report_dir=None), out


def compare(
    task: Task, setup: Setup, settings: Settings, rounds: list[Round], *, out: Path, report_dir: Path | None
) -> pd.DataFrame:
    """Train on the few labels and on all labels for as many steps as all rounds took together, and measure.

    report_dir: a further annotated folder to measure on; nothing is selected on it. Writes `out/comparison.csv`:
    model, faces, steps, and the NME with its 95 % interval over the faces, in percent, on each set of faces.
    """
    held_out = open_held_out(task, setup, out)
    measured = {"held_out": held_out}
    if report_dir:
        measured["report"] = open_faces([report_dir], out / "report", setup)
    everything = [task.human, task.pool(task.truth, slice(None))]
    first, best = rounds[0], best_round(rounds)
    steps_of_all, times = sum(row.steps for row in rounds), 1 + settings.finetune * (len(rounds) - 1)
    rows = [
        ("few labels, round 0", first.human, first.steps, round_folder(out, 0)),
        (
            f"few + pseudo-labels, best round ({best.round})",
            best.human + best.pseudo,
            steps_of_all,
            round_folder(out, best.round),
        ),
    ]
    for word, faces, sources in (
        ("few", len(task.human), [human_copies(task, settings)]),
        ("all", len(task.human) + len(task.names), everything),
    ):
        folder = out / f"reference_{word}"
        trained = train_on(
            sources,
            held_out,
            folder,
            setup=setup,
            training=_as_long(setup.training, sum(map(len, sources)), steps_of_all, times),
            init=setup.init,
        )
        rows.append((f"{word} labels, as long", faces, trained.steps, folder))
    table = pd.DataFrame(
        {"model": name, "faces": faces, "steps": steps, **_measure(folder / BEST_MODEL, measured, setup)}
        for name, faces, steps, folder in rows
    )
    write_text(out / "comparison.csv", table.to_csv(index=False, float_format="%.4f"))
    return table


def _as_long(training: TrainingConfig, faces: int, steps: int, times: float) -> TrainingConfig:
    """Training of `steps` steps on so many faces or, with a time budget, of `times` times the first round's budget."""
    if training.minutes > 0:
        return replace(training, minutes=training.minutes * times)
    return replace(training, epochs=max(1, round(steps / (faces // training.batch_size))))


def _measure(model_path: Path, measured: dict[str, PreparedFaces], setup: Setup) -> dict[str, float]:
    model, _ = load_model(model_path, setup.device)
    columns = {}
    for name, faces in measured.items():
        errors = evaluate(model, faces, batch_size=setup.validation_batch)
        low, high = bootstrap_interval(errors)
        columns |= {f"{name}_nme": nme(errors), f"{name}_low": low, f"{name}_high": high}
    return columns
