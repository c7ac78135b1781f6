"""Labels made by a network: the mean over its views, and how certain it is."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from src.autolabel.agreement import predict_pictures
from src.errors import InputError
from src.files import atomic_path
from src.markup import NUM_POINTS
from src.metrics import nme, point_errors
from src.network.checkpoint import load_model
from src.reading import open_zip

_MOST_BYTES = 4_000_000_000  # of labels: a million pictures and more
_LEAST_LIMIT = 1e-6  # percent; keeps a ratio finite if all views agree exactly


@dataclass(frozen=True)
class Labels:
    """All labels of N pictures by one network; only the certain ones are trained on."""

    points_image: np.ndarray  # (N, 68, 2) pixels of each picture; NaN if the picture is broken
    certainty: np.ndarray  # (N,) from 1 (all views agree) to 0 (broken); a label is certain from 0.5 on
    size: np.ndarray  # (N, 2) height and width of each picture in pixels

    @property
    def is_certain(self) -> np.ndarray:
        """(N,) which labels are trained on."""
        return self.certainty >= 0.5

    @property
    def is_broken(self) -> np.ndarray:
        """(N,) which pictures could not be decoded."""
        return self.certainty == 0

    def save(self, path: Path) -> None:
        """Write an .npz atomically."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, points_image=self.points_image, certainty=self.certainty, size=self.size)


def load_labels(path: Path) -> Labels:
    """Read what `save` wrote. Raises InputError if the file is missing or damaged."""
    try:
        with open_zip(path, most=_MOST_BYTES), np.load(path, allow_pickle=False) as content:
            labels = Labels(content["points_image"], content["certainty"], content["size"])
        count = len(labels.points_image)
        shapes = [(count, NUM_POINTS, 2), (count,), (count, 2)]
        if [values.shape for values in (labels.points_image, labels.certainty, labels.size)] != shapes:
            raise InputError("its arrays do not fit each other")
        return labels
    except Exception as error:  # NumPy raises anything from EOFError to zipfile.BadZipFile for a damaged file
        raise InputError(f"{path}: expected labels of a finished round ({error}); delete its folder") from None


def label_pictures(
    model_path: Path, unlabeled: list[Path], held_out: list[Path], *, accept: float, device: torch.device
) -> tuple[Labels, Labels]:
    """Labels of the unlabeled and of the held-out pictures by a model file.

    accept: the share of held-out faces that each region's limit lets pass.
    """
    model, _ = load_model(model_path, device)
    reference, found = predict_pictures(model, held_out), predict_pictures(model, unlabeled)
    limits = spread_limits(reference.spread[~reference.is_broken], accept)
    unlabeled_labels, held_out_labels = (
        Labels(some.points_image, certainty(some.spread, limits), some.size) for some in (found, reference)
    )
    return unlabeled_labels, held_out_labels


def spread_limits(spread: np.ndarray, share: float) -> np.ndarray:
    """The largest spread (regions,) of a certain face, within which `share` of the faces (N, regions) stay.

    Every region has its own limit, because views agree less on a jaw than on eyes.
    """
    return np.maximum(np.quantile(spread, share, axis=0), _LEAST_LIMIT)


def certainty(spread: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """(N,) in [0, 1], 0.5 if the worst of the regions (N, regions) reaches its limit."""
    return 1 / (1 + (spread / limits).max(axis=1))


def true_errors(labels: Labels, truth: np.ndarray) -> tuple[float, float]:
    """NME in percent of the certain labels and of the others, by the true points (N, 68, 2); NaN for none."""
    parts = (labels.is_certain, ~labels.is_certain & ~labels.is_broken)
    found = [point_errors(labels.points_image[part], truth[part], labels.size[part]) for part in parts]
    certain, uncertain = (nme(errors) if len(errors) else float("nan") for errors in found)
    return certain, uncertain
