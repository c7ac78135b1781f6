"""Scores from disagreement: their order, the fit of known numbers, and the measure of reliability."""

import numpy as np
import pytest

from src.errors import InputError
from src.predict.confidence import (
    SHIPPED,
    Calibration,
    ReliabilityBin,
    calibration_error,
    disagreement,
    fit_calibration,
    reliability,
    tilted_disagreement,
)
from src.visualization.confidence import reliability_diagram


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


def test_the_fit_finds_the_numbers_that_made_the_faces() -> None:
    generator, true = np.random.default_rng(0), Calibration(2.0, -3.0)
    disagreements = generator.lognormal(0, 0.7, size=20000)
    is_good = generator.random(20000) < true.score(disagreements)
    found = fit_calibration(disagreements, is_good)
    assert found.intercept == pytest.approx(true.intercept, abs=0.1)
    assert found.slope == pytest.approx(true.slope, abs=0.15)
    assert calibration_error(reliability(found.score(disagreements), is_good)) < 0.01


def test_faces_that_can_be_parted_wholly_still_give_finite_numbers() -> None:
    found = fit_calibration(np.array([0.1, 0.2, 2.0, 3.0]), np.array([True, True, False, False]))
    assert np.isfinite([found.intercept, found.slope]).all()
    assert found.slope < 0


@pytest.mark.parametrize("is_good", [[True, True], [False, False]])
def test_faces_of_one_kind_cannot_be_fitted(is_good: list[bool]) -> None:
    with pytest.raises(InputError, match="one side"):
        fit_calibration(np.array([0.1, 0.5]), np.array(is_good))


def test_reliability_by_hand() -> None:
    bins = reliability(np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, False, False, False]), bins=2)
    assert bins == [ReliabilityBin(2, pytest.approx(0.15), 0.0), ReliabilityBin(2, pytest.approx(0.85), 0.5)]
    assert calibration_error(bins) == pytest.approx((0.15 + 0.35) / 2)


def test_the_diagram_shows_every_set() -> None:
    bins = [ReliabilityBin(5, 0.4, 0.5), ReliabilityBin(5, 0.9, 0.8)]
    axes = reliability_diagram({"one": bins, "two": bins}).axes[0]
    assert [line.get_label() for line in axes.lines] == ["perfect", "one", "two"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.5, 0.8])
