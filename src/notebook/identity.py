"""What a training run of a study is: a configuration and its data, whose hash names the folder that keeps the run.

The code is not part of the hash: after changing how networks learn, delete the folder.
"""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np

from src.config import ModelConfig, TrainingConfig, to_dict
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.notebook.parameters import ROOT

RUNS = ROOT / "checkpoint" / "runs"


@dataclass(frozen=True)
class Run:
    """One training run: its configuration (the seed is in `training`) and two prepared folders."""

    model: ModelConfig
    training: TrainingConfig
    training_data: Path
    validation_data: Path
    faces: int = 0  # training faces, drawn by the seed; 0: all

    @property
    def folder(self) -> Path:
        """The folder where the run is kept. Raises InputError if a prepared folder is missing."""
        return RUNS / hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()[:12]

    def vary(self, **changes: object) -> "Run":
        """This run with other values for its fields or those of its configurations: `run.vary(head="pip", seed=1)`.

        Raises InputError for a name that is not a field.
        """
        model, training, own = ({f.name for f in fields(part)} for part in (ModelConfig, TrainingConfig, Run))
        unknown = changes.keys() - model - training - own
        if unknown:
            raise InputError(f"expected fields of a run, found {', '.join(sorted(unknown))}")
        return replace(
            self,
            model=replace(self.model, **{name: value for name, value in changes.items() if name in model}),
            training=replace(self.training, **{name: value for name, value in changes.items() if name in training}),
            **{name: value for name, value in changes.items() if name in own - {"model", "training"}},
        )

    def identity(self) -> dict:
        """Everything that is hashed, as plain values. A teacher is identified by its run, wherever runs are kept."""
        training = to_dict(self.training)
        if self.training.teacher and Path(self.training.teacher).is_relative_to(RUNS):
            training["teacher"] = str(Path(self.training.teacher).relative_to(RUNS))
        return {
            "model": to_dict(self.model),
            "training": training,
            "training_data": _data_identity(self.training_data),
            "validation_data": _data_identity(self.validation_data),
            "faces": self.faces,
        }


def _data_identity(folder: Path) -> str:
    labels = Path(folder) / "labels.npz"
    return _hash_data(Path(folder), labels.stat().st_mtime_ns if labels.is_file() else 0)


@cache
def _hash_data(folder: Path, changed: int) -> str:
    """A hash of names, labels, shares and the middle row of each picture: faces prepared again elsewhere are the same
    data, the same labels on pictures of another quality or color are not."""
    faces = load_prepared(folder)
    digest = hashlib.sha256(str(faces.images.shape).encode())
    digest.update("\n".join(faces.names).encode("utf-8", "surrogateescape"))
    digest.update(faces.points_unit.tobytes())
    digest.update(np.ascontiguousarray(faces.images[:, faces.images.shape[1] // 2]))
    digest.update(faces.shares.tobytes())  # empty unless the folder states how its sources are mixed
    return digest.hexdigest()[:12]
