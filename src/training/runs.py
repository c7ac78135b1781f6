"""Resumable training runs, each in a folder of its own, and their results as small JSON files.

A result is written last, so a folder that holds it is finished.
"""

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import torch

from src.config import TrainingConfig
from src.datasets.prepared import PreparedFaces
from src.errors import InputError
from src.files import write_text
from src.network import checkpoint
from src.network.model import LandmarkNet
from src.reading import read_json
from src.training.loop import Result, RunFiles, fit
from src.training.world import World

_SNAPSHOTS = "snapshot"
_BETWEEN_SNAPSHOTS = 30.0  # seconds; an epoch of a study may take one, and a snapshot a tenth of one
_MOST_BYTES = 1_000_000  # of a record
Record = TypeVar("Record")


def train_in(
    folder: Path,
    network: LandmarkNet,
    training: PreparedFaces,
    validation: PreparedFaces,
    *,
    config: TrainingConfig,
    device: torch.device,
    validation_batch: int = 64,
) -> Result:
    """Train in one process; leaves `best.pth.tar`, `summary.csv`, `train.logs` and the latest snapshot in `folder`.

    A run that was interrupted there continues from its snapshot to the same weights as one that was never stopped. The
    caller keeps other runs out of the folder (`src.files.alone_in`). network: as it is before the first step. Raises
    InputError for unusable faces or settings, and KeyboardInterrupt after Ctrl-C, which saves a snapshot first.
    """
    paths = (folder / _SNAPSHOTS, folder, folder / "train.logs", folder / "summary.csv")
    files = RunFiles(*paths, keep=1, every=_BETWEEN_SNAPSHOTS)
    result = fit(
        network.to(device),
        training,
        validation,
        config=config,
        files=files,
        world=World(),
        validation_batch=validation_batch,
        resume=load_snapshot(folder) if any(files.snapshots.glob("*.pth.tar")) else None,
    )
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def load_snapshot(folder: Path) -> dict:
    """The latest snapshot that `train_in` left. Raises InputError if there is none."""
    return checkpoint.load(checkpoint.latest_snapshot(folder / _SNAPSHOTS))


def remove_snapshots(folder: Path) -> None:
    """Remove what only an unfinished run needs, if it is there."""
    shutil.rmtree(folder / _SNAPSHOTS, ignore_errors=True)


def save_record(path: Path, values: dict[str, object]) -> None:
    """Write plain values as JSON, atomically."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def load_record(path: Path, cls: type[Record], **known: object) -> Record | None:
    """A dataclass built from the values that `save_record` wrote and from `known`; None if there is no file yet.

    Raises InputError for a damaged file.
    """
    if not path.is_file():
        return None
    try:
        content = read_json(path, most=_MOST_BYTES) | known
        return cls(**{field.name: content[field.name] for field in fields(cls)})
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: expected a finished result, found something else; delete its folder") from None
