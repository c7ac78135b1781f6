"""The threads that NumPy multiplies matrices on."""

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """NumPy multiplies matrices on one thread inside the block: many small products are slower on several threads, and
    much slower on a busy machine. NumPy has no call for this; if it came without its own OpenBLAS, nothing changes."""
    library = _openblas()
    if library is None:
        yield
        return
    before = library.scipy_openblas_get_num_threads64_()
    library.scipy_openblas_set_num_threads64_(1)
    try:
        yield
    finally:
        library.scipy_openblas_set_num_threads64_(before)


def _openblas() -> ctypes.CDLL | None:
    """The OpenBLAS that NumPy's wheels contain and have loaded, if any."""
    folder = Path(np.__file__).parent
    files = [*folder.parent.glob("numpy.libs/libscipy_openblas64*"), *folder.glob(".dylibs/libscipy_openblas64*")]
    return ctypes.CDLL(str(files[0])) if files else None
