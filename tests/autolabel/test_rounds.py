"""What is said of a round, and when rounds stop."""

from pathlib import Path

import numpy as np
import pytest
from commands import SMALL, assert_refused, run
from stand_in import write_faces

from src.autolabel import rounds
from src.autolabel.labels import Labels
from src.autolabel.rounds import Round, describe
from src.autolabel.training import Trained
from src.datasets.challenge import read_annotations, write_annotations


def test_an_error_of_no_label_is_told_without_a_number() -> None:
    nan = float("nan")
    errors = {"held_out_nme": 3.0, "certain_nme": 3.0, "uncertain_nme": nan, "pseudo_nme": 2.0, "left_out_nme": nan}
    line = describe(Round(round=1, human=5, pseudo=7, refined=0, moved=nan, steps=10, **errors))
    assert line.count("none") == 2
    assert "nan" not in line


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple:
    """Flags of a run whose rounds take no time and whose labels are all uncertain."""
    write_faces(tmp_path / "labeled", 12, seed=1)
    write_faces(tmp_path / "unlabeled", 4, seed=2, annotated=False)

    def train_on(_sources: object, _held_out: object, folder: Path, **_: object) -> Trained:
        folder.mkdir()
        (folder / "best.pth.tar").write_bytes(b"a model")
        return Trained(held_out_nme=5.0, steps=1)

    def label_pictures(_model: Path, unlabeled: list, held_out: list, **_: object) -> list[Labels]:
        return [
            Labels(np.full((len(some), 68, 2), 40.0), np.full(len(some), 0.4), np.full((len(some), 2), 96))
            for some in (unlabeled, held_out)
        ]

    monkeypatch.setattr(rounds, "train_on", train_on)
    monkeypatch.setattr(rounds, "label_pictures", label_pictures)
    return ("--labeled", tmp_path / "labeled", "--unlabeled", tmp_path / "unlabeled", "--out", tmp_path / "run", *SMALL)


def test_without_a_certain_label_the_rounds_stop_and_the_human_labels_are_written(
    folders: tuple, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for _ in range(2):  # the second time, the finished round is read
        outcome = run("src/autolabel/__main__.py", *folders, "--accept", 0.01)
        assert outcome.code == 0, outcome
        assert "stopped: certain of none of 4 pictures; train longer" in outcome.out
    assert len(read_annotations(out / "labels")[0]) == 12
    assert (out / "best.pth.tar").read_bytes() == b"a model"
    assert (out / "review.png").is_file()


def test_labels_that_somebody_mended_are_not_replaced(folders: tuple, tmp_path: Path) -> None:
    mended = tmp_path / "run" / "labels" / "annot.pkl"
    assert run("src/autolabel/__main__.py", *folders).code == 0
    write_annotations(mended.parent, *read_annotations(tmp_path / "labeled"))
    content = mended.read_bytes()
    assert_refused(run("src/autolabel/__main__.py", *folders, "--rounds", 2), "labels: changed since it was written")
    assert mended.read_bytes() == content
