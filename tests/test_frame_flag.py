"""The challenge's own layout with labels of a turned picture's stored pixels: asked for, then read as said."""

from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused, run
from conftest import Run
from dotted import store
from PIL import Image
from stand_in import write_faces

from src.datasets.challenge import read_annotations, write_annotations
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.geometry import apply_affine, invert_affine, orientation_affine

SIDES = (96, 128)  # as shown; stored on its side


@pytest.fixture
def turned(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Pictures that lie on their side but for EXIF, labeled as they lie, and their points as shown."""
    folder = tmp_path / "turned"
    names, points_shown = write_faces(folder, 4, size=SIDES)
    for name in names:
        with Image.open(folder / name) as shown:
            shown.load()
        store(folder / name, shown, 6)
    back = invert_affine(orientation_affine(6, SIDES[1], SIDES[0])[None])
    write_annotations(folder, names, apply_affine(back, points_shown))
    return folder, points_shown


def test_preparation_asks_for_the_frame_and_takes_it(turned: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, points_shown = turned
    command = (
        "preparation.py",
        "--train_dirs",
        folder,
        "--val_dir",
        folder,
        "--out_root",
        tmp_path,
        "--image_size",
        64,
    )
    assert_refused(run(*command), "of 4 faces", "with the setting frame (shown or stored)")
    outcome = run(*command, "--frame", "stored")
    assert "read as stored" in outcome.out
    assert "AFLW_validation_data: 4 of 4 faces are trained on, too (turned/face000.png, " in outcome.out
    faces = load_prepared(tmp_path / "AFLW_train_data")
    np.testing.assert_allclose(faces.points_image, points_shown, atol=1e-3)
    more = ("--adapt", "--face_model", tmp_path)
    assert_refused(run(*command, "--frame", "stored", *more), "--to challenge --out COPY")


def test_whoever_reads_these_labels_without_a_flag_stops(turned: tuple[Path, np.ndarray]) -> None:
    with pytest.raises(InputError, match="upright in the stored pixels alone"):
        read_annotations(turned[0])


def test_errors_are_measured_in_the_frame_that_was_said(
    turned: tuple[Path, np.ndarray], trained: Run, tmp_path: Path
) -> None:
    folder, points_shown = turned
    command = (
        "test.py",
        "--model_path",
        trained.best,
        "--test_dataroot",
        folder,
        "--out_dir",
        tmp_path,
        "--preview",
        0,
    )
    labels = ("--annotations", folder / "annot.pkl")
    assert_refused(run(*command, *labels), "with the setting frame (shown or stored)")
    assert not (tmp_path / "solution.txt").exists()
    assert_refused(run(*command, "--frame", "stored"), "--frame goes with --annotations")
    found = run(*command, *labels, "--frame", "stored").out
    write_annotations(folder, [f"face{i:03d}.png" for i in range(4)], points_shown)
    expected = run(*command, *labels).out
    assert found.partition("NME ")[2] == expected.partition("NME ")[2] != ""


def test_annotations_that_cannot_be_points_are_no_truth(trained: Run, tmp_path: Path) -> None:
    names, points = write_faces(tmp_path / "faces", 3)
    write_annotations(tmp_path / "faces", names, points / 96)
    command = ("test.py", "--model_path", trained.best, "--test_dataroot", tmp_path / "faces", "--out_dir", tmp_path)
    assert_refused(run(*command, "--annotations", tmp_path / "faces" / "annot.pkl"), "face000.png", "are they shares")
