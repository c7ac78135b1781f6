"""One training run of auto-labeling, with the functions that train.py uses; an interrupted one is resumed."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from src.config import ModelConfig, TrainingConfig
from src.datasets.faces import Faces
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepare import prepare
from src.datasets.prepared import PreparedFaces, load_prepared
from src.files import alone_in
from src.network import checkpoint
from src.network.model import build_model
from src.training.runs import load_record, remove_snapshots, save_record, train_in

_RECORD = "trained.json"


@dataclass(frozen=True)
class Setup:
    """How every round trains. init: the model file that the first round starts from, if any."""

    model: ModelConfig
    training: TrainingConfig
    device: torch.device
    init: Path | None = None
    validation_batch: int = 64  # faces predicted at a time
    skip_broken: bool = False  # leave out broken labeled pictures instead of stopping


@dataclass(frozen=True)
class Trained:
    """A finished run. held_out_nme: percent, of the best epoch, whose weights are the model file."""

    held_out_nme: float
    steps: int


def open_faces(sources: Sequence[Path | Faces], out: Path, setup: Setup) -> PreparedFaces:
    """Prepare annotated faces for training and open them."""
    prepare(sources, out, image_size=SQUARE_SIZE, skip_broken=setup.skip_broken)
    return load_prepared(out)


def train_on(
    sources: Sequence[Path | Faces],
    held_out: PreparedFaces,
    folder: Path,
    *,
    setup: Setup,
    training: TrainingConfig,
    init: Path | None,
) -> Trained:
    """Train on annotated faces; leaves `folder/best.pth.tar`, `summary.csv` and `train.logs`. A finished run is read.

    Raises InputError for unusable faces or settings, and KeyboardInterrupt after Ctrl-C, which saves a snapshot first.
    """
    trained = load_record(folder / _RECORD, Trained)
    with alone_in(folder):
        if trained is None:
            faces = open_faces(sources, folder / "prepared", setup)
            network = build_model(setup.model, seed=training.seed)
            if init is not None and (note := checkpoint.initialize(network, init)):
                print(f"note: {note}")
            result = train_in(
                folder,
                network,
                faces,
                held_out,
                config=training,
                device=setup.device,
                validation_batch=setup.validation_batch,
            )
            trained = Trained(result.best_nme, result.steps)
            save_record(folder / _RECORD, asdict(trained))
        remove_snapshots(folder)
        shutil.rmtree(folder / "prepared", ignore_errors=True)  # also after a kill between training and this line
    return trained
