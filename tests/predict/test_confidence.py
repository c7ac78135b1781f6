"""Scores from disagreement: what is measured, by hand, and their order."""

import numpy as np

from src.predict.confidence import SHIPPED, disagreement, tilted_disagreement


def test_disagreement_is_a_mean_distance_in_percent() -> None:
    first = np.zeros((2, 68, 2))
    second = first + np.array([[[0.03, 0.04]], [[0, 0]]])
    np.testing.assert_allclose(disagreement(np.stack([first, second])), [5, 0])
    third = second + np.array([[[0, 0.2]], [[0, 0]]])
    np.testing.assert_allclose(disagreement(np.stack([first, second, third])), [((5**0.5 + 20**0.5) / 2) ** 2, 0])


def test_a_tilted_look_counts_as_one_distance_more() -> None:
    found = np.zeros((2, 1, 68, 2))
    tilted = found[0] + [0.03, 0.04]
    np.testing.assert_allclose(tilted_disagreement(found, found[0], found[0]), [0])
    np.testing.assert_allclose(tilted_disagreement(found, found[0], tilted), [5 / 4])


def test_the_shipped_score_falls_as_views_disagree() -> None:
    score = SHIPPED[3].score(np.array([0.0, 0.3, 1.0, 3.0, 30.0]))
    assert (np.diff(score) < 0).all()
    assert score[1] > 0.9
    assert score[-1] < 0.01
    assert np.isfinite(score).all()
