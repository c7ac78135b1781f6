"""A run's metrics: which of its epochs the stored best model is of."""

import shutil
from pathlib import Path

import pytest
from commands import assert_refused, run
from conftest import Run

from src.errors import InputError
from src.network import checkpoint
from src.training.history import History, Totals


def test_a_best_model_is_that_of_its_folders_epochs() -> None:
    history = History("")
    for error in (1.0, 3.0, 2.0):
        history.add(Totals(), step=1, seconds=0, validation_nme=error)
    for stored, best in ((1.0, 1.0), (0.5, 1.0), (float("nan"), 1.0), (2.0, 2.0)):
        history.since = 0
        history.match(stored)  # 0.5 is of an epoch after the snapshot; 2.0 if the run began in another folder
        assert history.best_nme == best
    for stored in (3.0, 4.0):  # 2.0 would have replaced it, or it is of no epoch
        history.since = 0
        with pytest.raises(InputError, match=r"of NME 1\.000 %, found one of"):
            history.match(stored)


def test_rows_of_absurd_numbers_are_refused() -> None:
    history = History("")
    history.add(Totals(), step=1, seconds=0, validation_nme=1.0)
    assert History.restored("", history.rows).best_nme == 1.0
    with pytest.raises(InputError, match="history is damaged"):
        History.restored("", [history.rows[0] | {"train_loss": 10**400}])


def test_the_table_has_its_columns_in_their_order_whatever_that_of_the_snapshots_rows() -> None:
    row = dict(zip(reversed(History.COLUMNS), (1.25, 2.5, 3.0, 1e-3, 60.1, 1234567, 1), strict=True))
    assert History.restored("", [row]).csv() == f"{','.join(History.COLUMNS)}\n1,1234567,60.1,0.001,3,2.5,1.25\n"


@pytest.mark.slow
def test_another_runs_best_model_is_not_taken_for_ones_own(trained: Run, tmp_path: Path) -> None:
    copy = Run(tmp_path / "copy", trained.prepared)
    shutil.copytree(trained.folder, copy.folder)
    content = checkpoint.load(copy.best)
    checkpoint.save(copy.best, content | {"nme": content["nme"] + 1})
    assert_refused(run("train.py", "--resume", "-j", 1, *copy.flags), "best.pth.tar: expected the best model of the")
