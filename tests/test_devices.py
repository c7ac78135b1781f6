"""PyTorch's threads are taken back."""

import torch

from src.devices import thread_limit


def test_the_limit_of_threads_ends_with_its_block() -> None:
    before = torch.get_num_threads()
    with thread_limit(3):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
