"""python3 -m src.evaluation.box_errors: boxes that are off by a known amount, and what it says and refuses."""

from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, assert_refused, run

from src.boxes import box_of_points
from src.evaluation.box_errors import move_boxes
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


@pytest.mark.parametrize("flags", [("--amounts", 100), ("--amounts", -1)])
def test_amounts_that_leave_no_box_are_refused(flags: tuple, tmp_path: Path) -> None:
    assert_refused(run(SCRIPT, tmp_path, *flags), "--amounts from 0 to below 100")
