"""A full disk, names that are no text, clocks, few cores: one line and nothing half-written, or all as usual."""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import ROOT, Outcome, assert_refused, run
from stand_in import distinct_points

from src.datasets.prepared import load_prepared
from src.predict.predictor import Predictor
from src.predict.submission import read_solution, write_solution

MODEL = ROOT / "small.pth.tar"


def _run_on_full_disk(script: str, *words: object) -> Outcome:
    """A command of its own process, in which the operating system refuses in the middle of every larger file."""
    start = [ROOT / script] if "/" not in script else ["-m", script.removesuffix(".py").replace("/", ".")]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    done = subprocess.run(
        [sys.executable, *map(str, [*start, *words])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, limit)),
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("preparation.py", "--data_root", "DATA", "--out_root", "OUT", "--image_size", 64),
        ("preparation.py", "--root", "DATA/synthetics_train", "--out", "OUT", "--to", "coco"),
        ("preparation.py", "--root", "DATA/synthetics_train", "--out", "OUT", "--to", "pts", "--crop", "challenge"),
        ("test.py", "--model_path", MODEL, "--test_dataroot", "DATA/aflw_test", "--out_dir", "OUT"),
        ("src/training/soup.py", MODEL, MODEL, "--out", "OUT/mean.pth.tar"),
        ("src/demo/__main__.py", "DATA/aflw_test", "--crops", "--model_path", MODEL, "--out", "OUT"),
    ],
    ids=lambda words: " ".join(map(str, words[:1] + words[-2:])),
)
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(words: tuple, challenge: Path, tmp_path: Path) -> None:
    named = [str(word).replace("DATA", str(challenge)).replace("OUT", str(tmp_path / "out")) for word in words]
    assert_refused(_run_on_full_disk(*map(str, named)), "File too large", str(tmp_path / "out"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_names_that_are_no_text_are_names(root: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9 \xff")  # Latin-1, as some archives unpack
    shutil.move(root, odd / "data")
    size = ("--image_size", 64)
    assert run("preparation.py", "--data_root", odd / "data", "--out_root", odd / "arrays", *size).code == 0
    faces = ("preparation.py", "--root", odd / "data" / "synthetics_train")
    assert run(*faces, "--out", odd / "own", *size).code == 0
    assert run(*faces, "--out", odd / "coco", "--to", "coco").code == 0
    assert len(load_prepared(odd / "own")) == len(load_prepared(odd / "arrays" / "AFLW_train_data")) == 4
    hygiene = ("src/hygiene/__main__.py", "--root", odd / "data" / "synthetics_train", odd / "data" / "aflw_val")
    outcome = run(*hygiene, "--sheet", odd / "sheet.png", "--remove", odd / "remove.txt")
    assert (outcome.code, outcome.err) == (0, "")
    listed = (odd / "remove.txt").read_bytes().splitlines()
    assert listed
    assert all(Path(os.fsdecode(name)).is_file() for name in listed)


@pytest.mark.parametrize("seconds", [86_400.0, 6.0e9])
def test_a_clock_that_is_not_set_spoils_no_zip(seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: seconds)  # of 1970 and of 2160, which no zip can state
    write_solution(tmp_path / "solution.txt", ["a.jpg"], 384 * distinct_points(1))
    assert read_solution(tmp_path / "solution.zip")[0] == ["a.jpg"]


def test_no_more_threads_than_cores_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    predictor = Predictor(ROOT / "best.pth.tar", threads=500)  # on two cores, as many took 40 times as long
    assert predictor.threads == predictor.runtime.threads == 2


def _run_script(script: str, *python_flags: str, **environment: str) -> Outcome:
    """`script` with an unknown flag, which is what its error names if it has started."""
    words = [sys.executable, *python_flags, str(ROOT / script), "--unknown"]
    done = subprocess.run(words, cwd="/", env=os.environ | environment, capture_output=True, text=True, timeout=300)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["preparation.py", "train.py", "test.py", "bench.py"])
def test_scripts_run_in_pythons_isolated_mode(script: str) -> None:
    assert_refused(_run_script(script, "-I"), "unrecognized arguments: --unknown")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("TQDM_NCOLS", "abc"), ("NUMBA_NUM_THREADS", "-5"), ("MPLBACKEND", "abc")])
def test_settings_in_the_environment_that_a_library_refuses_are_one_line(name: str, value: str) -> None:
    assert_refused(_run_script("test.py", **{name: value}), f"refuses the environment's {name}")
