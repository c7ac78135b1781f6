"""What auto-labeling writes: the merged annotated folder with its list, and the sheet for a person to review."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from src.autolabel.labels import Labels, load_labels
from src.autolabel.rounds import LABELS, Round, best_round, round_folder
from src.autolabel.task import Task, picture_paths
from src.datasets.challenge import write_annotations
from src.datasets.names import folded
from src.datasets.new_folder import made_before, new_folder, note_made
from src.errors import InputError
from src.files import atomic_path, write_text
from src.reading import read_bytes
from src.training.loop import BEST_MODEL
from src.visualization.sheet import contact_sheet, save_picture

_SHEET_COLUMNS = 6
MERGED = "labels"  # the annotated folder
_LIST, _PSEUDO = "labels.csv", "pseudo"


def write_output(task: Task, rounds: list[Round], out: Path, *, review: int) -> None:
    """Write `out/labels`, `out/best.pth.tar`, `out/review.csv` and `out/review.png` from the best round's model.

    review: number of faces on the sheet, half of them the least certain labels kept, half the least certain left out.
    """
    number = best_round(rounds).round
    labels = load_labels(round_folder(out, number) / LABELS)
    with atomic_path(out / BEST_MODEL) as temporary:
        shutil.copyfile(round_folder(out, number) / BEST_MODEL, temporary)
    since = _first_certain([load_labels(round_folder(out, i) / LABELS) for i in range(number + 1)])
    write_merged(out / MERGED, task, labels, number=number, since=since)
    write_review(out, task, labels, count=review)


def write_merged(folder: Path, task: Task, labels: Labels, *, number: int, since: np.ndarray) -> None:
    """Write the unchanged human labels and the certain pseudo-labels as one annotated folder with labels.csv.

    A pseudo-labeled picture with the same name as a human-labeled one gets the prefix `pseudo_`. number: the round
    whose model made the labels. since: (N,) the first round that was certain of each unlabeled picture.
    """
    human = [task.human, task.held_out] if task.is_held_out_from_labeled else [task.human]
    names = [str(name) for faces in human for name in faces.names]
    pseudo = task.pool(labels.points_image, labels.is_certain) if labels.is_certain.any() else None
    of_human, of_pseudo = len(names), int(labels.is_certain.sum())
    parts = [*human, pseudo] if pseudo else human
    names += _free_names(pseudo.names.tolist(), set(names)) if pseudo else []
    originals = [path for faces in parts for path in picture_paths(faces)]
    check_merged(folder)
    shutil.rmtree(folder, ignore_errors=True)  # an earlier call's may hold pictures that are no longer certain
    table = pd.DataFrame(
        {
            "picture": names,
            "label": ["human"] * of_human + [_PSEUDO] * of_pseudo,
            "round": [""] * of_human + [number] * of_pseudo,
            "since_round": [""] * of_human + since[labels.is_certain].tolist(),
            "certainty": np.concatenate([np.ones(of_human), labels.certainty[labels.is_certain]]),
            "original": [path.name for path in originals],
        }
    )
    with new_folder(folder) as temporary:
        for name, path in zip(names, originals, strict=True):
            _link(path.resolve(), temporary / name)
        write_text(temporary / _LIST, table.to_csv(index=False, float_format="%.4f"))
        write_annotations(temporary, names, np.concatenate([faces.points_image for faces in parts]))
        note_made(temporary, _PSEUDO, {"faces": len(names), "broken": 0, "outside": 0, "left_out": ""})


def check_merged(folder: Path) -> None:
    """Raise InputError if somebody has changed the folder that an earlier call wrote, such as by mending its labels."""
    if folder.exists() and made_before(folder, _PSEUDO) is None:
        raise InputError(f"{folder}: changed since it was written; move it away to keep it, or delete it")


def count_pseudo(folder: Path) -> int:
    """How many labels of an annotated folder are pseudo-labels of an earlier run, which `write_merged` wrote."""
    file = folder / _LIST
    return read_bytes(file).count(f",{_PSEUDO},".encode()) if file.is_file() else 0


def write_review(out: Path, task: Task, labels: Labels, *, count: int) -> None:
    """Write review.csv, all unlabeled pictures beginning with the least certain, and review.png, a sheet of those."""
    order = np.argsort(labels.certainty, kind="stable")
    state = np.where(labels.is_certain, "kept", np.where(labels.is_broken, "broken", "left out"))
    table = pd.DataFrame(
        {"picture": [task.names[i] for i in order], "label": state[order], "certainty": labels.certainty[order]}
    )
    write_text(out / "review.csv", table.to_csv(index=False, float_format="%.4f"))
    groups = [order[state[order] == name][: -(-count // 2)] for name in ("left out", "kept")]
    shown = np.concatenate(groups)
    if count == 0 or len(shown) == 0:
        return
    sheet = contact_sheet(
        Path(),
        [str(task.unlabeled[i]) for i in shown],
        labels.points_image[shown],
        captions=[f"{state[i]}: {labels.certainty[i]:.2f}" for i in shown],
        columns=_SHEET_COLUMNS,
    )
    save_picture(sheet, out / "review.png")


def _first_certain(history: list[Labels]) -> np.ndarray:
    """(N,) the first round that was certain of each picture; meaningless if no round was."""
    return np.argmax([labels.is_certain for labels in history], axis=0)


def _free_names(names: list[str], human: set[str]) -> list[str]:
    """The names, with a prefix if a human-labeled picture has the same. No two of `names` differ only in case."""
    known, taken, free = set(map(folded, human)), set(map(folded, human | set(names))), []
    for name in names:
        if folded(name) in known:
            while folded(name) in taken:
                name = f"pseudo_{name}"
            taken.add(folded(name))
        free.append(name)
    return free


def _link(source: Path, target: Path) -> None:
    """Make a hard link if the disk allows it, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links; a missing picture raises again here
        shutil.copy2(source, target)
