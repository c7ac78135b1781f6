"""The reliability diagram: every set is drawn, as its bins say."""

import numpy as np

from src.metrics import ReliabilityBin
from src.visualization.confidence import reliability_diagram


def test_the_diagram_shows_every_set() -> None:
    bins = [ReliabilityBin(5, 0.4, 0.5), ReliabilityBin(5, 0.9, 0.8)]
    axes = reliability_diagram({"one": bins, "two": bins}).axes[0]
    assert [line.get_label() for line in axes.lines] == ["perfect", "one", "two"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.5, 0.8])
