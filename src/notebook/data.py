"""Folders, faces and tables shared by all notebooks."""

import platform
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.evaluation.evaluate import unit_errors
from src.files import alone_in, write_text
from src.geometry import turn_matrix
from src.metrics import nme
from src.network.devices import choose_device, device_name
from src.notebook.parameters import ROOT, TABLES

DATA = ROOT / "data" / "notebooks"
VALIDATION_FACES = 100  # rendered
_VALIDATION_SEED = 10_000  # far from every training seed
_IMAGE_SIZE = 128  # pixels of the prepared squares


def describe_machine(seeds: int | list[int]) -> str:
    """Versions, device and seeds, which are the first line of a notebook's output."""
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, NumPy {np.__version__}"
    listed = ", ".join(map(str, np.atleast_1d(seeds)))
    return f"{versions}, pandas {pd.__version__}; device: {device_name(choose_device('auto'))}; seed: {listed}"


def open_data(training_data: str, validation_data: str, *, faces: int) -> tuple[Path, Path]:
    """The prepared training and validation folders of a notebook's parameters.

    Names are relative to the repository. If both are empty, the project renders `faces` training faces and 100
    validation faces, once: a second call with the same number finds them in `data/notebooks`. Raises InputError if
    only one is empty, or if `faces` is not positive.
    """
    if bool(training_data) != bool(validation_data):
        raise InputError("expected training_data and validation_data, or neither of them, to render faces")
    if training_data:
        return ROOT / training_data, ROOT / validation_data
    return _rendered(faces, seed=0), _rendered(VALIDATION_FACES, seed=_VALIDATION_SEED)


def rendered_faces(count: int, *, seed: int = 0) -> Path:
    """A folder of `count` rendered pictures of 384 pixels with annot.pkl and pose.npz: `src.synthesis.renderer`."""
    from src.synthesis.renderer.folder import render_faces  # compiles its renderer: only if it is wanted

    folder = DATA / f"faces_{count}_seed{seed}"
    with alone_in(DATA, wait=True):  # several notebooks may run at once
        render_faces(folder, count, seed=seed)
    return folder


def mean_face_nme(
    training_data: Path,
    validation_data: Path,
    *,
    turned: float = 0.0,
    center: tuple[float, float] = (0.5, 0.5),
) -> float:
    """NME in percent on the validation faces if each is given the mean of the training faces' points.

    This is the error of a network that has learned nothing. Both are prepared folders of faces with the same points.
    turned: degrees by which all validation pictures are turned, the mean of both directions. center: of these turns,
    in the unit square. Raises InputError if the training faces have other points.
    """
    training, validation = load_prepared(training_data), load_prepared(validation_data)
    counts = [faces.points_unit.shape[1] for faces in (training, validation)]
    if counts[0] != counts[1]:
        raise InputError(f"expected as many points to train as to validate, found {counts[0]} and {counts[1]}")
    guess = training.points_unit.mean(axis=0)  # (68, 2)
    turns = turn_matrix(np.array([turned, -turned]))  # (2, 2, 2): turning the guess instead gives the same errors
    guesses = (guess - center) @ turns + center  # (2, 68, 2)
    shape = validation.points_unit.shape
    return float(np.mean([nme(unit_errors(np.broadcast_to(points, shape), validation)) for points in guesses]))


def save_table(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Write a table to output/notebooks/NAME.csv and return it, so that a cell can end with it."""
    text = table.to_csv(index=not isinstance(table.index, pd.RangeIndex), float_format="%.6g")
    write_text(TABLES / f"{name}.csv", text)
    return table


def mean_and_spread(table: pd.DataFrame, by: str | list[str], value: str = "nme") -> pd.DataFrame:
    """Mean, standard deviation (0 for a single row) and number of rows of each group, in order of appearance.

    Columns: `by`, then `<value>`, `<value>_std` and `n`.
    """
    groups = table.groupby(by, sort=False)[value]
    columns = {value: groups.mean(), f"{value}_std": groups.std(ddof=1).fillna(0.0), "n": groups.size()}
    return pd.DataFrame(columns).reset_index()


def _rendered(count: int, *, seed: int) -> Path:
    folder = rendered_faces(count, seed=seed)
    out = folder.with_name(f"{folder.name}_{_IMAGE_SIZE}px")
    with alone_in(DATA, wait=True):
        prepare([folder], out, image_size=_IMAGE_SIZE)
    return out
