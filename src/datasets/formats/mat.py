"""MATLAB's `.mat` files of versions 4 to 7.2, by SciPy."""

from pathlib import Path

import numpy as np

from src.errors import InputError


def read_mat(path: Path, *wanted: str) -> dict[str, np.ndarray]:
    """Those of the wanted variables that the file holds, as float64 arrays. Raises InputError for a damaged file."""
    from scipy.io import loadmat  # half a second to import, and only these formats need it

    try:
        content = loadmat(path, variable_names=wanted)
        return {name: np.asarray(value, np.float64) for name, value in content.items() if not name.startswith("__")}
    except NotImplementedError:
        raise InputError("expected a .mat of version 7.2 or older, found 7.3; save it with -v7 in MATLAB") from None
    except Exception as error:  # a damaged file raises anything from EOFError to zlib.error
        raise InputError(f"not a readable .mat ({error}); it may be truncated, fetch it again") from error
