"""Metrics held against numbers computed by hand."""

import tracemalloc

import numpy as np
import pytest

from src import metrics
from src.errors import InputError
from src.markup import NUM_POINTS, select_points


def _constant(values: list[float]) -> np.ndarray:
    """Errors (N, 68) of faces whose every point is off by the same percent."""
    return np.repeat(np.array(values)[:, None], NUM_POINTS, axis=1)


def test_nme_is_that_computed_by_hand() -> None:
    target = np.zeros((2, 4, 2))
    prediction = np.array([[[3, 4], [0, 0], [6, 8], [0, 5]], [[0, 0], [0, 0], [0, 0], [0, 8.0]]])
    size = np.array([[100, 400], [64, 64]])  # sqrt(H W) = 200 and 64
    errors = metrics.point_errors(prediction, target, size)
    np.testing.assert_allclose(errors, [[2.5, 0, 5, 2.5], [0, 0, 0, 12.5]])
    assert metrics.nme(errors) == pytest.approx((2.5 + 3.125) / 2)


def test_interocular_error_is_of_the_outer_eye_corners_distance() -> None:
    target = np.zeros((1, NUM_POINTS, 2))
    target[0, 36], target[0, 45] = (10, 0), (40, 40)  # 50 apart
    errors = metrics.interocular_errors(target + np.array([3, 4]), target)
    np.testing.assert_allclose(errors, 10)
    few = select_points(target, 51)
    np.testing.assert_allclose(metrics.interocular_errors(few + np.array([3, 4]), few), 10)


def test_box_error_is_of_the_true_boxs_size() -> None:
    target = np.zeros((1, 68, 2))
    target[0, 0], target[0, 1] = (0, 0), (40, 10)  # sqrt(w * h) = 20
    np.testing.assert_allclose(metrics.box_errors(target + np.array([3, 4]), target), 25)
    with pytest.raises(InputError, match="1 faces that do not"):
        metrics.box_errors(np.zeros((1, 68, 2)), np.zeros((1, 68, 2)))


def test_each_bin_of_yaw_counts_alike() -> None:
    errors = np.array([[1.0], [1.0], [2.0], [6.0]])
    assert metrics.mean_of_bins(errors, np.array([0, 10, -45, 80])) == pytest.approx(3)
    assert np.isnan(metrics.mean_of_bins(errors[:2], np.array([0, 10])))


def test_a_face_whose_eye_corners_coincide_has_no_interocular_error() -> None:
    target = np.random.default_rng(0).uniform(size=(3, NUM_POINTS, 2))
    target[1, 45] = target[1, 36]
    with pytest.raises(InputError, match="found 1 faces whose corners coincide"):
        metrics.interocular_errors(target, target)


def test_regions_have_their_own_mean() -> None:
    errors = np.zeros((2, NUM_POINTS))
    errors[:, :17] = 3
    errors[0, 48:68] = 1
    expected = {"jaw": 3, "brows": 0, "nose": 0, "eyes": 0, "mouth": 0.5}
    assert metrics.nme_by_region(errors) == pytest.approx(expected)
    of_51 = metrics.nme_by_region(errors[:, 17:])
    assert of_51 == pytest.approx({name: value for name, value in expected.items() if name != "jaw"})


def test_yaw_bins_count_both_sides_and_leave_out_empty_ones() -> None:
    bins = metrics.nme_by_yaw(_constant([1, 3, 8, 9]), np.array([-29.9, 0, -60, 110]))
    assert bins == {"0-30": (2.0, 2), "60-90": (8.5, 2)}


def test_a_face_on_a_bins_border_belongs_to_the_upper_bin() -> None:
    assert list(metrics.nme_by_yaw(_constant([1]), np.array([30.0]))) == ["30-60"]


def test_ced_counts_faces_up_to_and_with_the_threshold() -> None:
    shares = metrics.cumulative_errors(_constant([1, 2, 3, 10]), np.array([0.5, 1, 2.5, 10]))
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 1])


def test_auc_is_the_area_under_the_ced() -> None:
    errors = _constant([1, 2, 3, 10])
    assert metrics.auc(errors, 5) == pytest.approx((4 + 3 + 2 + 0) / 4 / 5)
    grid = np.linspace(0, 5, 100_001)
    assert metrics.auc(errors, 5) == pytest.approx(metrics.cumulative_errors(errors, grid).mean(), abs=1e-4)


def test_failure_rate_is_the_share_above_the_limit() -> None:
    assert metrics.failure_rate(_constant([1, 5, 5.1, 10]), 5) == 0.5
    unknown = _constant([1, 5, np.nan, 10])  # no success, in the CED as well
    assert metrics.failure_rate(unknown, 5) == 1 - metrics.cumulative_errors(unknown, np.array([5.0]))[0] == 0.5


def test_points_of_small_numbers_do_not_wrap_around() -> None:
    target = np.random.default_rng(0).integers(50, 250, (3, NUM_POINTS, 2)).astype(np.uint8)
    size = np.full((3, 2), 384, np.uint16)
    exact = target.astype(float)
    np.testing.assert_array_equal(metrics.point_errors(target - 4, target, size), 100 * 32**0.5 / 384)
    np.testing.assert_array_equal(
        metrics.interocular_errors(target, target + 4), metrics.interocular_errors(exact, exact + 4)
    )
    wide = (4 * exact).astype(np.float16)  # the area of its box is beyond its type
    np.testing.assert_allclose(metrics.box_errors(wide, wide + 8), metrics.box_errors(4 * exact, 4 * exact + 8))


def test_no_face_falls_out_of_the_bins_of_yaw() -> None:
    assert metrics.nme_by_yaw(_constant([1, 3]), np.array([-180.0, 0.0])) == {"0-30": (3, 1), "60-90": (1, 1)}


def test_bootstrap_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    errors = _constant(list(np.random.default_rng(0).gamma(2, 1, 200)))
    low, high = metrics.bootstrap_interval(errors)
    assert low < metrics.nme(errors) < high
    half = 1.96 * errors[:, 0].std() / 200**0.5
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    assert metrics.bootstrap_interval(errors) == (low, high)


def test_bootstrap_interval_of_many_faces_takes_little_memory() -> None:
    tracemalloc.start()
    metrics.bootstrap_interval(np.ones((5000, 2)))
    assert tracemalloc.get_traced_memory()[1] < 10e6  # bytes; all draws at once took 160 MB
    tracemalloc.stop()


def test_reliability_by_hand() -> None:
    low, high = metrics.reliability(np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, False, False, False]), bins=2)
    assert low == metrics.ReliabilityBin(2, pytest.approx(0.15), 0.0)
    assert high == metrics.ReliabilityBin(2, pytest.approx(0.85), 0.5)
    assert metrics.calibration_error([low, high]) == pytest.approx((0.15 + 0.35) / 2)
