"""Files that a run would write over each other, and numbers of other commands out of their range: one line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_lines import prediction, training
from commands import assert_refused, run
from conftest import Run

from src.datasets.challenge import write_annotations


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--log_file", "RUN/one", "--summary", "RUN/../run/one"), "to be three files"),
        (("--summary", "RUN/best_model/best.pth.tar"), "to be three files"),
        (("--teacher", "RUN/best_model/best.pth.tar", "--distill", "landmark"), "the run would replace it"),
    ],
)
def test_files_that_would_replace_each_other_stop_training(
    flags: tuple, words: str, trained: Run, tmp_path: Path
) -> None:
    (tmp_path / "run" / "best_model").mkdir(parents=True)
    shutil.copy(trained.best, tmp_path / "run" / "best_model")
    named = [flag.replace("RUN", str(tmp_path / "run")) for flag in flags]
    assert_refused(run(*training(trained.prepared, tmp_path / "run", *named)), words)
    assert [path.name for path in (tmp_path / "run").rglob("*")] == ["best_model", "best.pth.tar"]


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (("src/evaluation/clips.py", "absent"), ("--seed", "-1")),
        (("src/evaluation/whole_pictures.py", "absent"), ("--count", "-5")),
        (("src/evaluation/whole_pictures.py", "absent"), ("--size", "640", "100000")),
        (("src/evaluation/box_errors.py", "absent"), ("--faces", "-1")),
        (("src/training/convention.py", "absent"), ("--workers", "-1")),
        (("src/training/convention.py", "absent"), ("--workers", "1000000")),
        (("src/training/convention.py", "absent"), ("--seed", "-1")),
        (("src/export/tflite.py", "--form", "int8"), ("--calibration_faces", "-3")),
        (("src/training/convention.py", "absent"), ("--train_batchsize", "0")),
        (("src/training/soup.py", "absent", "--out", "absent"), ("--batches", "0")),
        (("src/evaluation/calibrate.py",), ("--faces", "1")),
        (("src/hygiene/__main__.py", "--root", "absent"), ("--distance", "99")),
        (("src/hygiene/__main__.py", "--root", "absent"), ("--pairs", "-1")),
        (("src/autolabel/__main__.py", "--labeled", "absent"), ("--rounds", "-1")),
        (("src/autolabel/__main__.py", "--labeled", "absent"), ("--copies", "0")),
        (("bench.py",), ("--repeats", "0")),
        (("src/compression/prune.py",), ("--seed", "-1")),
        (("src/compression/prune.py",), ("--train_batchsize", "1")),
        (("src/compression/quantize.py",), ("--calibration_faces", "0")),
        (("src/compression/table.py", "absent"), ("--turns", "0")),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_number_out_of_its_range_is_named(command: tuple, flags: tuple) -> None:
    assert_refused(run(*command, *flags), flags[0], f"found {flags[-1]}")


@pytest.mark.parametrize(("by", "words"), [("interocular", "corners coincide"), ("box", "points that span a box")])
def test_lengths_that_cannot_divide_errors_stop_before_the_work(
    by: str, words: str, trained: Run, challenge: Path, tmp_path: Path
) -> None:
    names = [path.name for path in sorted((challenge / "aflw_test").iterdir())]
    write_annotations(tmp_path, names, np.full((len(names), 68, 2), 40.0))
    flags = ("--annotations", tmp_path / "annot.pkl", "--normalize", by)
    assert_refused(run(*prediction(trained.best, challenge / "aflw_test", tmp_path / "out"), *flags), words)
    assert not (tmp_path / "out").exists()
