"""The mark-up's facts agree with each other."""

import numpy as np

from src.markup import CONTOURS, EYES_12, FLIP_PERMUTATION, INNER_51, MEAN_SHAPE, NUM_POINTS, REGIONS


def test_flip_permutation_twice_is_the_identity() -> None:
    np.testing.assert_array_equal(FLIP_PERMUTATION[FLIP_PERMUTATION], np.arange(NUM_POINTS))


def test_mean_shape_is_its_own_mirror_image() -> None:
    np.testing.assert_allclose(MEAN_SHAPE[FLIP_PERMUTATION] * [-1, 1, 1], MEAN_SHAPE, atol=1e-9)


def test_points_on_the_middle_line_stay_and_all_others_swap_sides() -> None:
    stay = np.arange(NUM_POINTS) == FLIP_PERMUTATION
    np.testing.assert_array_equal(stay, np.abs(MEAN_SHAPE[:, 0]) < 1e-9)


def test_regions_hold_every_point_once() -> None:
    covered = np.concatenate([np.arange(NUM_POINTS)[region] for region in REGIONS.values()])
    np.testing.assert_array_equal(np.sort(covered), np.arange(NUM_POINTS))


def test_the_mirror_keeps_every_region() -> None:
    for region in REGIONS.values():
        members = np.arange(NUM_POINTS)[region]
        assert set(FLIP_PERMUTATION[members]) == set(members)


def test_contours_draw_every_point_once() -> None:
    drawn = [i for first, last, _ in CONTOURS for i in range(first, last + 1)]
    assert sorted(drawn) == list(range(NUM_POINTS))


def test_subsets_are_the_eyes_and_all_but_the_jaw() -> None:
    assert list(EYES_12) == list(range(NUM_POINTS))[REGIONS["eyes"]]
    assert set(INNER_51) == set(range(NUM_POINTS)) - set(range(NUM_POINTS)[REGIONS["jaw"]])


def test_the_shared_tables_cannot_be_written_by_accident() -> None:
    assert not FLIP_PERMUTATION.flags.writeable
    assert not MEAN_SHAPE.flags.writeable
