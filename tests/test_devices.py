"""Threads that are taken back: PyTorch's and those of NumPy's matrix products."""

import pytest
import torch

from src import devices
from src.devices import one_blas_thread, thread_limit


def test_the_limit_of_threads_ends_with_its_block() -> None:
    before = torch.get_num_threads()
    with thread_limit(3):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_numpy_multiplies_on_one_thread_inside_the_block() -> None:
    library = devices._openblas()
    if library is None:
        pytest.skip("NumPy came without its own OpenBLAS")
    before = library.scipy_openblas_get_num_threads64_()
    library.scipy_openblas_set_num_threads64_(2)
    try:
        with one_blas_thread():
            assert library.scipy_openblas_get_num_threads64_() == 1
        assert library.scipy_openblas_get_num_threads64_() == 2
    finally:
        library.scipy_openblas_set_num_threads64_(before)


def test_without_that_library_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_openblas", lambda: None)
    with one_blas_thread():
        pass
