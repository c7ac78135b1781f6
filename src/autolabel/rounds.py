"""The rounds: train, measure, label, train on the labels. A round is finished if its folder holds round.json."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from src.autolabel.labels import Labels, label_pictures, load_labels, true_errors
from src.autolabel.task import Task, picture_paths
from src.autolabel.training import Setup, open_faces, train_on
from src.config import TrainingConfig, to_dict
from src.datasets.faces import Faces
from src.datasets.names import counted
from src.datasets.prepared import PreparedFaces
from src.errors import InputError
from src.files import check_unused, write_text
from src.metrics import nme, point_errors
from src.network.checkpoint import locate
from src.training.loop import BEST_MODEL
from src.training.runs import load_record, save_record

LABELS = "labels.npz"
_RUN, _ROUND = "run.json", "round.json"


@dataclass(frozen=True)
class Settings:
    """How the rounds differ from one training run."""

    rounds: int = 4  # after the first, which sees human labels only
    accept: float = 0.9  # share of the held-out faces whose views would agree well enough for a label
    copies: int = 8  # of each human label: longer epochs for few faces, and more weight than a pseudo-label's
    finetune: float = 0.5  # epochs (or minutes) and learning rate of a later round, as a share of the first one's


@dataclass(frozen=True)
class Round:
    """One row of rounds.csv. NME in percent; NaN if there is nothing to measure."""

    round: int
    human: int  # faces with human labels, each once
    pseudo: int  # faces with labels by the previous round
    refined: int  # of these, faces that were already certain one round earlier
    moved: float  # mean change of the refined labels, percent of the picture
    steps: int
    held_out_nme: float
    certain_nme: float  # error of this round's certain labels of held-out faces
    uncertain_nme: float  # error of its uncertain ones; a large gap means that certainty separates good from bad
    pseudo_nme: float  # true error of the pseudo-labels trained on, if there are hidden labels
    left_out_nme: float  # the same for the labels that were not certain


def run_rounds(task: Task, setup: Setup, settings: Settings, out: Path) -> list[Round]:
    """Run the rounds, or read finished ones, until the held-out NME no longer falls or no label is certain.

    Returns all of them. Writes `round_N/best.pth.tar`, `round_N/labels.npz` (labels of all unlabeled pictures by that
    model) and `rounds.csv` into `out`. Raises InputError if `out` belongs to another run.
    """
    _claim(out, identity(task, setup, settings))
    held_out = open_held_out(task, setup, out)
    rounds: list[Round] = []
    for number in range(settings.rounds + 1):
        folder = round_folder(out, number)
        finished = load_record(folder / _ROUND, Round)
        if finished is None:
            finished = _run_round(number, task, setup, settings, held_out=held_out, out=out)
            save_record(folder / _ROUND, asdict(finished))
        rounds.append(finished)
        write_text(out / "rounds.csv", pd.DataFrame(map(asdict, rounds)).to_csv(index=False, float_format="%.6g"))
        print(describe(finished))
        if number and finished.held_out_nme >= min(row.held_out_nme for row in rounds[:-1]):
            print("stopped: the held-out NME no longer falls")
            break
        if not load_labels(folder / LABELS).is_certain.any():
            remedy = "train longer, give more labels, or raise --accept"
            print(f"stopped: certain of none of {counted(len(task.names), 'pictures')}; {remedy}")
            break
    return rounds


def identity(task: Task, setup: Setup, settings: Settings) -> str:
    """What identifies a run, as JSON. The number of rounds is not part of it, as a run may continue with more."""
    content = {
        "faces": task.fingerprint(),
        "model": to_dict(setup.model),
        "training": to_dict(setup.training),
        "init": hashlib.sha256(locate(setup.init).read_bytes()).hexdigest() if setup.init else "",
        **{name: value for name, value in asdict(settings).items() if name != "rounds"},
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def open_held_out(task: Task, setup: Setup, out: Path) -> PreparedFaces:
    """The held-out faces, prepared."""
    return open_faces([task.held_out], out / "held_out", setup)


def human_copies(task: Task, settings: Settings) -> Faces:
    """The human labels, each several times (copy augmentation)."""
    return task.human.take(np.tile(np.arange(len(task.human)), settings.copies))


def round_folder(out: Path, number: int) -> Path:
    """The folder of a round."""
    return out / f"round_{number}"


def best_round(rounds: list[Round]) -> Round:
    """The round with the lowest held-out NME."""
    return min(rounds, key=lambda row: row.held_out_nme)


def describe(row: Round) -> str:
    """One line about a round."""
    line = f"round {row.round}: {row.human} human and {row.pseudo} pseudo-labels"
    if row.refined:
        line += f" ({row.refined} of them refined, moved by {row.moved:.2f} %)"
    if not np.isnan(row.pseudo_nme):
        line += f", true error {row.pseudo_nme:.2f} % (left out: {_percent(row.left_out_nme)})"
    return line + (
        f": held-out NME {row.held_out_nme:.3f} %, labels {_percent(row.certain_nme)} (uncertain ones: "
        f"{_percent(row.uncertain_nme)})"
    )


def _percent(error: float) -> str:
    return "none" if np.isnan(error) else f"{error:.2f} %"


def _run_round(
    number: int, task: Task, setup: Setup, settings: Settings, *, held_out: PreparedFaces, out: Path
) -> Round:
    folder = round_folder(out, number)
    sources, training, init, labels = [human_copies(task, settings)], setup.training, setup.init, None
    if number:
        previous = round_folder(out, number - 1)
        labels = load_labels(previous / LABELS)
        sources.append(task.pool(labels.points_image, labels.is_certain))
        training = _finetuning(training, settings.finetune, number)
        init = previous / BEST_MODEL
    trained = train_on(sources, held_out, folder, setup=setup, training=training, init=init)
    made, made_held_out = label_pictures(
        folder / BEST_MODEL, task.unlabeled, picture_paths(task.held_out), accept=settings.accept, device=setup.device
    )
    made.save(folder / LABELS)
    earlier = load_labels(round_folder(out, number - 2) / LABELS) if number > 1 else None
    refined, moved = _refinement(labels, earlier)
    certain_nme, uncertain_nme = true_errors(made_held_out, task.held_out.points_image)
    hidden = labels is not None and task.truth is not None
    pseudo_nme, left_out_nme = true_errors(labels, task.truth) if hidden else (float("nan"), float("nan"))
    return Round(
        round=number,
        human=len(task.human),
        pseudo=int(labels.is_certain.sum()) if labels else 0,
        refined=refined,
        moved=moved,
        steps=trained.steps,
        held_out_nme=trained.held_out_nme,
        certain_nme=certain_nme,
        uncertain_nme=uncertain_nme,
        pseudo_nme=pseudo_nme,
        left_out_nme=left_out_nme,
    )


def _finetuning(training: TrainingConfig, share: float, number: int) -> TrainingConfig:
    """The shorter and slower training of a later round."""
    return replace(
        training,
        seed=training.seed + number,
        epochs=max(1, round(share * training.epochs)),
        minutes=share * training.minutes,
        learning_rate=share * training.learning_rate,
    )


def _refinement(labels: Labels | None, earlier: Labels | None) -> tuple[int, float]:
    """How many labels were also certain in the previous round, and how far they moved, in percent of the picture."""
    if labels is None or earlier is None:
        return 0, float("nan")
    both = labels.is_certain & earlier.is_certain
    if not both.any():
        return 0, float("nan")
    return int(both.sum()), nme(point_errors(labels.points_image[both], earlier.points_image[both], labels.size[both]))


def _claim(out: Path, identity: str) -> None:
    """Claim `out` for this run, or check that it belongs to it."""
    if (out / _RUN).is_file():
        if (out / _RUN).read_bytes() != identity.encode():
            raise InputError(f"{out}: holds a run with other faces or settings; choose another folder or delete it")
        return
    check_unused(out)
    write_text(out / _RUN, identity)
