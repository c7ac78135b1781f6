"""PyTorch's threads: at most one per core, and taken back."""

import pytest
import torch

from src.network.devices import set_threads, thread_limit


def test_the_limit_of_threads_ends_with_its_block() -> None:
    before = torch.get_num_threads()
    with thread_limit(3):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_no_more_threads_than_cores_train_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    with thread_limit(1):
        set_threads(0)
        assert torch.get_num_threads() == 1
        set_threads(2)
        assert (torch.get_num_threads(), capsys.readouterr().out) == (2, "")
        set_threads(64)
        assert torch.get_num_threads() == 2
    assert capsys.readouterr().out == "note: 2 CPU threads, one per core, not 64, which would wait for each other\n"
