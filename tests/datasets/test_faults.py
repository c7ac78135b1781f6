"""Faults of whole sets of faces: points that are counted from the pictures' middle."""

import numpy as np
import pytest
from sample_folders import SIZE
from stand_in import project

from src.datasets.faults import describe_rescaled

FACE = project(np.zeros((1, 3))) * min(SIZE)


@pytest.mark.parametrize(("shift", "is_said"), [((0.5, 0.5), True), ((0.5, 0), False), ((0, 0), False)])
def test_points_counted_from_the_middle_are_noticed_in_one_face(shift: tuple[float, float], is_said: bool) -> None:
    words = describe_rescaled(FACE - np.multiply(shift, SIZE), np.array([SIZE]))
    assert words.startswith("the points seem to be counted from their pictures' middle") == is_said
    assert bool(words) == is_said
