"""How this room compiles its inner loops."""

from collections.abc import Callable

from numba import njit

_OPTIONS = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def kernel(function: Callable) -> Callable:
    """Compile `function` with numba: no GIL, fast math, the machine code cached on disk if a cache can be written.

    Kernels that call each other live in one file: numba's cache notices a change of the caller's file only.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package nor the user's cache folder is writable: compile in every process
        return njit(**_OPTIONS)(function)


def inlined(function: Callable) -> Callable:
    """A small function for use within a kernel of the same file, where a call would cost as much as its body."""
    return njit(inline="always", **_OPTIONS)(function)
