"""The numbers that an exported file carries for programs which find faces as the Predictor does."""

import json

import numpy as np
import pytest

from src.export.rules import rules_text
from src.markup import flip_permutation
from src.pose import fit_pose, in_plane_rotation
from src.predict.confidence import shipped_calibration
from src.predict.turns import best_quarter, doubt


@pytest.mark.parametrize(("count", "convention"), [(68, "aflw"), (51, "300w")])
def test_the_rules_lead_to_the_predictors_numbers(count: int, convention: str) -> None:
    rules = json.loads(rules_text(count, convention))
    points = np.random.default_rng(0).random((count, 2))
    camera = (points * [1, -1]).T @ np.array(rules["camera_weights"])  # (2, 3)
    u, _, vt = np.linalg.svd(camera, full_matrices=False)
    x, y = (u @ vt)[:, 1]
    assert np.degrees(np.arctan2(-x, y)) == pytest.approx(in_plane_rotation(fit_pose(points[None]))[0])
    assert rules["mirrored"] == flip_permutation(count).tolist()
    intercept, slope = rules["calibrations"]["3"]
    expected = shipped_calibration(3, convention).score(np.array(0.7))
    assert 1 / (1 + np.exp(-intercept - slope * np.log(0.7))) == pytest.approx(expected)
    turns, side = rules["turns"], 50.0
    tilted, points_image = np.array([[3.0], [5.0], [1.0], [8.0]]), 100 * np.random.default_rng(1).random((4, 1, 68, 2))
    apart = [np.linalg.norm(points_image[i] - points_image[i - 1], axis=-1).mean() for i in range(4)]  # from the last
    beside = 100 * np.minimum(apart, np.roll(apart, -1)) / side
    expected = turns["factor"] * tilted[:, 0] ** turns["tilted_power"] * beside ** turns["beside_power"]
    np.testing.assert_allclose(doubt(tilted, points_image, np.array([side]))[:, 0], expected)
    for first in (2.0, 9.0):
        limit = min(first * turns["clearly"], turns["believable"])
        doubts = np.array([[first, first], [limit - 0.01, limit + 0.01], [9, 9], [9, 9]])
        assert best_quarter(doubts).tolist() == [1, 0]
