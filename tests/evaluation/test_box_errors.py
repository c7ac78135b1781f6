"""python3 -m src.evaluation.box_errors: boxes that are off by a known amount, and what it says and refuses."""

from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, assert_refused, run

from src.boxes import CENTER, MEAN_SHARE, box_of_points
from src.evaluation.box_errors import box_nme, move_boxes, predict_once
from src.evaluation.scenes import read_crops
from src.predict.inference import predict_folder
from src.predict.predictor import Predictor
from src.predict.runtimes import open_model
from src.synthesis.renderer.folder import render_faces

SCRIPT = "src/evaluation/box_errors.py"


def test_boxes_are_off_by_up_to_the_amount() -> None:
    points_image = np.random.default_rng(3).uniform(50, 300, size=(500, 68, 2))
    true = box_of_points(points_image)
    moved = move_boxes(points_image, 0.2)
    size, moved_size = (boxes[:, 2:] - boxes[:, :2] for boxes in (true, moved))
    center, moved_center = ((boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (true, moved))
    for change in ((moved_center - center) / size, moved_size / size - 1):
        assert 0.19 < np.abs(change).max() <= 0.2 + 1e-9
        assert abs(change.mean()) < 0.02
    np.testing.assert_allclose(move_boxes(points_image, 0.0), true, atol=1e-9)


def test_it_prints_the_error_at_each_amount(tmp_path: Path) -> None:
    render_faces(tmp_path, 4, seed=5, workers=1)
    outcome = run(SCRIPT, tmp_path, "--model_path", ROOT / "small.pth.tar", "--amounts", 0, 50, "--faces", 3)
    line = outcome.out.strip()
    assert " 0 %:" in line
    assert " 50 %:" in line
    exact, off = (float(part.split(": ")[-1]) for part in line.split(", ")[-2:])
    assert exact < off


def test_one_look_at_the_box_of_a_crop_is_one_look_at_the_crop(tmp_path: Path) -> None:
    render_faces(tmp_path, 3, seed=5, workers=1)
    model_path = ROOT / "small.pth.tar"
    pictures, _ = read_crops(tmp_path)
    low, high = (pictures[0].width * (np.array(CENTER) + sign * MEAN_SHARE / 2) for sign in (-1, 1))
    found, score = predict_once(model_path)(pictures, [np.concatenate([low, high])] * len(pictures))
    _, expected, _ = predict_folder(open_model(model_path), tmp_path, looks=1)
    np.testing.assert_allclose(found, expected, atol=1.5)  # pixels of 384: pictures are resampled in two ways
    assert np.isnan(score).all()


def test_it_looks_as_often_as_asked(tmp_path: Path) -> None:
    render_faces(tmp_path, 3, seed=5, workers=1)
    model_path = ROOT / "small.pth.tar"
    pictures, points_image = read_crops(tmp_path)
    for looks, predict in ((1, predict_once(model_path)), (2, Predictor(model_path, looks=2))):
        expected = box_nme(predict, pictures, points_image, [0.2])[0]
        outcome = run(SCRIPT, tmp_path, "--model_path", model_path, "--amounts", 20, "--looks", looks)
        assert outcome.out.strip().endswith(f" 20 %: {expected:.2f}")


@pytest.mark.parametrize("flags", [("--amounts", 100), ("--amounts", -1)])
def test_amounts_that_leave_no_box_are_refused(flags: tuple, tmp_path: Path) -> None:
    assert_refused(run(SCRIPT, tmp_path, *flags), "--amounts from 0 to below 100")
