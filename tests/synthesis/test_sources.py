"""The file of training sources: what is said by hand is read, checked, prepared, and decides what a batch holds."""

from pathlib import Path

import numpy as np
import pytest
from commands import run
from conftest import Run
from small_head import save_packed, save_photos, small_model

from src.datasets.challenge import read_annotations
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.pose import fit_pose
from src.synthesis.reposing.relabel import relabel
from src.synthesis.reposing.sources import Source, read_sources

TWO = """
[[source]]
folder = "one"
labels = "aflw"
share = 0.25

[[source]]
folder = "two"
turns = 2
share = 1
turned_share = 0.5
renders = 1
rendered_share = 0.25
covered = 0.5
"""


def test_sources_are_read_in_order_and_relative_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(TWO)
    assert read_sources(tmp_path / "sources.toml") == [
        Source(tmp_path / "one", share=0.25, labels="aflw"),
        Source(tmp_path / "two", share=1, turns=2, turned_share=0.5, renders=1, rendered_share=0.25, covered=0.5),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"expected \[\[source\]\] tables"),
        ("[source]\nfolder = 'a'\nshare = 1", r"expected \[\[source\]\] tables"),
        ("[[source]]\nshare = 1", "source 1: expected folder"),
        ("[[source]]\nfolder = 'a'", "source 1: expected share"),
        ("[[source]]\nfolder = 'a'\nshare = 1\nweight = 2", "found weight"),
        ("[[source]]\nfolder = 'a'\nshare = 'much'", "share: expected float or int, found 'much'"),
        ("[[source]]\nfolder = 3\nshare = 1", "folder: expected str, found 3"),
        ("[[source]]\nfolder = 'a'\nshare = nan", "expected a share of at least 0 and covered from 0 to 1, found nan"),
        ("[[source]]\nfolder = 'a'\nshare = 0x" + "F" * 400, "expected a share of at least 0"),
        ("[[source]]\nfolder = 'a'\nshare = 1\nturns = 99\nturned_share = 1", "expected turns of 0 to 20"),
        ("[[source]]\nfolder = 'a'\nshare = 1\nturns = 2", "turns and turned_share, both or neither"),
        ("[[source]]\nfolder = 'a'\nshare = 1\nrendered_share = 2", "renders and rendered_share, both or neither"),
        ("[[source]]\nfolder = 'a'\nshare = 1\ncovered = 1.5", "covered from 0 to 1, found 1 and 1.5"),
        ("[[source]]\nfolder = 'a'\nshare = 1\ncovered = 0.1", "found 0.1 and no turns; give turns and turned_share"),
        (
            "[[source]]\nfolder = 'a'\nshare = 1\nrenders = 1\nrendered_share = 1\ncovered = 0.1",
            "covered is a share of the turned faces, found 0.1 and no turns",
        ),
        ("[[source]]\nfolder = 'a'\nshare = 1\nlabels = 'mine'", "labels: expected one of aflw, outline, learned"),
        ("[[source]]\nfolder = 'a'\nshare = 1\n" * 2, "each folder once"),
        ("[[source", "expected TOML"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_sources(tmp_path / "sources.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: expected a file of training sources"):
        read_sources(tmp_path / "absent.toml")


def test_labels_of_our_own_convention_stay_as_they_are(tmp_path: Path) -> None:
    model = small_model()
    names, points = read_annotations(save_photos(tmp_path / "photos", model, 5))
    relabeled = relabel(model, names, points, np.random.default_rng(0), labels="aflw")
    np.testing.assert_allclose(relabeled.points_camera[..., :2], points, atol=1e-6)


@pytest.mark.slow
def test_from_the_file_to_the_first_epoch(prepared: Path, challenge: Path, tmp_path: Path) -> None:
    model = small_model()
    face_model = save_packed(tmp_path / "model", model)
    for name in ("one", "two"):
        save_photos(tmp_path / name, model, 5)
    (tmp_path / "sources.toml").write_text(TWO)
    outcome = run(
        "preparation.py",
        *("--sources", tmp_path / "sources.toml", "--face_model", face_model, "--data_root", challenge),
        *("--out_root", tmp_path / "out"),
    )
    assert outcome.code == 0, outcome
    faces = load_prepared(tmp_path / "out" / "AFLW_train_data")
    assert faces.shares.tolist() == [0.25, 1, 0.5, 0.25]
    assert np.bincount(faces.source).tolist() == [5, 5, 10, 5]
    np.testing.assert_allclose(fit_pose(faces.points_unit), faces.euler, atol=0.1)
    flags = ("--backbone", "shufflenet_v2_x0_5", "--input_size", 64, "--train_batchsize", 8, "--end_epoch", 1, "-j", 1)
    run_files = Run(tmp_path / "run", tmp_path / "out")
    assert run("train.py", *flags, *run_files.flags).code == 0
    assert run_files.best.is_file()
