"""What an auto-labeling run knows its faces by, and what it says of their labels."""

from pathlib import Path

import pytest
from commands import SMALL, run
from dotted import store
from PIL import Image
from stand_in import write_faces

from src.autolabel.task import open_task


@pytest.mark.parametrize("changed", ["labeled", "unlabeled"])
def test_other_pictures_of_the_same_names_are_another_run(tmp_path: Path, changed: str) -> None:
    write_faces(tmp_path / "labeled", 12, seed=1)
    write_faces(tmp_path / "unlabeled", 4, seed=2, annotated=False)

    def fingerprint() -> str:
        task = open_task(tmp_path / "unlabeled", tmp_path / "labeled", val_dir=None, held_out=0.2, seed=0)
        return task.fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    path = tmp_path / changed / "face000.png"
    Image.open(path).resize((48, 48)).save(path)
    assert fingerprint() != before


@pytest.mark.slow
def test_the_frame_and_the_makers_of_labels_are_said(tmp_path: Path) -> None:
    write_faces(tmp_path / "labeled", 24, seed=1)
    (tmp_path / "labeled" / "labels.csv").write_text("picture,label,round\na.png,human,\nb.png,pseudo,1\n")
    path = tmp_path / "labeled" / "face000.png"
    store(path, Image.open(path), 6)
    flags = ("--labeled_count", 12, "--held_out", 6, "--rounds", 0, "--end_epoch", 1, "--out", tmp_path / "run")
    outcome = run("src/autolabel/__main__.py", "--labeled", tmp_path / "labeled", *flags, *SMALL)
    assert outcome.code == 0, outcome
    assert "1 face on pictures turned by EXIF whose labels do not state their frame, read as shown" in outcome.out
    assert "labeled: 1 label made by an earlier run, so that the held-out NME is too low" in outcome.out
    write_faces(tmp_path / "validation", 6, seed=2)
    flags = ("--labeled_count", 12, "--val_dir", tmp_path / "validation", *flags[4:-1], tmp_path / "other")
    outcome = run("src/autolabel/__main__.py", "--labeled", tmp_path / "labeled", *flags, *SMALL)
    assert "labeled: 1 label made by an earlier run, so that they count as human" in outcome.out
