"""Tables of errors hold the numbers of `src.metrics`."""

import numpy as np
import pytest

from src.evaluation.report import describe_errors, error_table
from src.markup import REGIONS
from src.metrics import nme, nme_by_region, nme_by_yaw

RNG = np.random.default_rng(0)
ERRORS = RNG.uniform(1, 6, size=(40, 68))
YAW = RNG.uniform(-90, 90, size=40)


def test_the_table_holds_the_metrics_of_every_region_and_bin() -> None:
    table = error_table(ERRORS, YAW)
    assert table.at["all", "all"] == pytest.approx(nme(ERRORS))
    assert table.loc["all", list(REGIONS)].to_dict() == pytest.approx(nme_by_region(ERRORS))
    for name, (value, count) in nme_by_yaw(ERRORS, YAW).items():
        assert table.at[name, "all"] == pytest.approx(value)
        assert table.at[name, "faces"] == count


def test_the_description_names_the_failures() -> None:
    errors = np.full((8, 68), 2.0)
    errors[0] = 6.0
    first, _, bins, last = describe_errors(errors, np.zeros(8)).splitlines()
    assert first.startswith("NME 2.500 % of 8 faces (95 % interval 2.")
    assert bins == "  by |yaw|:  0-30 2.50 (n=8)"  # no mean over bins, two of which are empty
    assert last == "  failures above 5 %: 12.5 %, AUC 0.525"
