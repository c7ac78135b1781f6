"""Commands that make a folder refuse one that another run is writing, before they change anything there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import assert_refused, run
from conftest import Run

from src.datasets.conversion import convert
from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.errors import InputError
from src.files import alone_in
from src.synthesis.renderer.folder import render_demo, render_faces

_BUSY = "another run is writing here"


def _convert(challenge: Path, out: Path) -> None:
    faces = read_faces(Folder(challenge / "aflw_val"), "challenge")
    convert(faces, out, to="pts", image_size=64)


@pytest.mark.parametrize(
    "make",
    [
        _convert,
        lambda _, out: render_faces(out, 2, seed=0, image_size=64),
        lambda _, out: render_demo(out, 2),
    ],
)
def test_folders_have_one_writer(make: Callable[[Path, Path], None], challenge: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with alone_in(out), pytest.raises(InputError, match=_BUSY):
        make(challenge, out)
    assert not list(tmp_path.iterdir())


def test_drawings_and_lists_of_points_have_one_writer(trained: Run, challenge: Path, tmp_path: Path) -> None:
    picture, out = challenge / "aflw_test" / "face000.png", tmp_path / "out"
    (tmp_path / "list.txt").write_text(f"{picture}\n")
    with alone_in(out):
        drawn = run("src/demo/__main__.py", picture, "--crops", "--model_path", trained.best, "--out", out)
        assert_refused(drawn, _BUSY)
        assert_refused(run("src/predict/__main__.py", tmp_path / "list.txt", out, "--model_path", trained.best), _BUSY)
        assert not list(out.iterdir())


def test_auto_labeling_has_one_writer(challenge: Path, tmp_path: Path) -> None:
    shutil.copytree(challenge / "aflw_test", tmp_path / "unlabeled")
    flags = ("--labeled", challenge / "synthetics_train", "--unlabeled", tmp_path / "unlabeled")
    with alone_in(tmp_path / "out"):
        assert_refused(run("src/autolabel/__main__.py", *flags, "--out", tmp_path / "out"), _BUSY)
    assert [path.name for path in tmp_path.iterdir()] == ["unlabeled"]
