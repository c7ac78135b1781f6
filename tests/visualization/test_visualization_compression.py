"""The figure of pruning shows all that its legend names."""

import pandas as pd
import pytest

from src.visualization.compression import pruning_rounds


@pytest.mark.parametrize("before", [[2.2, 2.3], [2.2, 40.0]])
def test_the_limit_lies_inside_of_the_figure(before: list[float]) -> None:
    table = pd.DataFrame(
        {"round": [0, 1], "nme_before": before, "nme": [2.2, 1.4], "mmacs": [43, 39], "megabytes": 3.5}
    )
    axes = pruning_rounds(table, limit=2.5, control=[2.2, 1.3], mean_face=3.0).axes[0]
    assert len(axes.lines) == 5
    assert axes.lines[-1].get_label() == "mean face (3.00)"
    assert 2.5 < axes.get_ylim()[1] <= 3 * 2.5 * 1.05
