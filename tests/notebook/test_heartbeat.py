"""What a notebook does is said at intervals, and papermill's logger is left as it was."""

import time

import pytest
from papermill.log import logger

from src.notebook.heartbeat import Heartbeat


def test_it_says_which_cell_runs_and_what_it_wrote_last(capsys: pytest.CaptureFixture[str]) -> None:
    before = logger.level, logger.propagate, list(logger.handlers)
    with Heartbeat("03_backbones", cells=11, seconds=0.02) as heart:
        logger.info("Executing Cell 7---------")
        logger.warning("training runs:  50%|##  | 1/2\rtraining runs: 100%|####| 2/2\n")
        logger.warning("\r\x1b[A")  # how a bar within a bar ends
        time.sleep(0.2)
        assert heart.line().endswith("cell 7 of 11: training runs: 100%|####| 2/2")
        logger.info("Ending Cell 7------------")
        assert heart.line().endswith("cell 7 of 11")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert lines[0].startswith("03_backbones: 0.0 min, cell 7 of 11")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
