"""Shared fixtures, made once per session: small annotated faces, their prepared folders, a short training run."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from commands import ROOT, SMALL, run
from rectangle_face import RectangleFinder
from stand_in import write_faces

from src.predict import predictor

torch.set_num_threads(1)  # the networks are tiny, and the same number of threads makes the same weights
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and what they start, ignore it


@dataclass(frozen=True)
class Run:
    """A training run's folder and the flags that its commands need."""

    folder: Path
    prepared: Path

    @property
    def flags(self) -> tuple[object, ...]:
        return (*data_flags(self.prepared), *file_flags(self.folder))

    @property
    def best(self) -> Path:
        return self.folder / "best_model" / "best.pth.tar"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshot"


def data_flags(prepared: Path) -> tuple[object, ...]:
    return "--dataroot", prepared / "AFLW_train_data", "--val_dataroot", prepared / "AFLW_validation_data"


def file_flags(folder: Path) -> tuple[object, ...]:
    """Every file of a training run inside one folder."""
    return (
        *("--snapshot", folder / "snapshot", "--best_model", folder / "best_model"),
        *("--log_file", folder / "train.logs", "--summary", folder / "summary.csv"),
    )


@pytest.fixture(scope="session")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the challenge hands it out: 40 training, 12 validation and 10 test pictures. Read only."""
    root = tmp_path_factory.mktemp("challenge")
    write_faces(root / "synthetics_train", 40, seed=1)
    write_faces(root / "aflw_val", 12, seed=2)
    write_faces(root / "aflw_test", 10, seed=3, annotated=False)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small challenge folder, four faces per part, that a test may damage."""
    write_faces(tmp_path / "root" / "synthetics_train", 4)
    write_faces(tmp_path / "root" / "aflw_val", 4)
    return tmp_path / "root"


@pytest.fixture(scope="session")
def prepared(challenge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared folders of `challenge`. Read only."""
    root = tmp_path_factory.mktemp("prepared")
    outcome = run("preparation.py", "--data_root", challenge, "--out_root", root, "--image_size", 64)
    assert outcome.code == 0, outcome
    return root


@pytest.fixture(scope="session")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two epochs of five steps on `prepared`. Read only."""
    done = Run(tmp_path_factory.mktemp("trained"), prepared)
    outcome = run("train.py", *SMALL, "--end_epoch", 2, *done.flags)
    assert outcome.code == 0, outcome
    return done


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The challenge's own data: the folder LANDMARK_DATA, or shared/data next to the repository."""
    root = Path(os.environ.get("LANDMARK_DATA", ROOT.parent / "shared" / "data")) / "AFLW" / "data"
    if not (root / "aflw_val" / "annot.pkl").is_file():
        pytest.skip("needs the challenge's pictures: set LANDMARK_DATA to the folder that holds AFLW/data")
    return root


@pytest.fixture
def rectangle_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model file opens as one that finds white rectangles exactly."""
    monkeypatch.setattr(predictor, "open_model", lambda path, **options: RectangleFinder())


@pytest.fixture
def exact(rectangle_model: None) -> predictor.Predictor:
    """A predictor that finds white rectangles exactly."""
    return predictor.Predictor("any.pth.tar")
