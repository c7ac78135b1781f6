"""The threads of NumPy's matrix products are taken back."""

import pytest

from src.synthesis.reposing import blas
from src.synthesis.reposing.blas import one_blas_thread


def test_numpy_multiplies_on_one_thread_inside_the_block() -> None:
    library = blas._openblas()
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
    monkeypatch.setattr(blas, "_openblas", lambda: None)
    with one_blas_thread():
        pass
