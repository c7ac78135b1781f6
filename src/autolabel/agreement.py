"""How certain a network is of a face, by the agreement of its predictions for mirrored, shifted and rotated views."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.command_line import progress
from src.datasets.pictures import SQUARE_SIZE, read_square
from src.errors import InputError
from src.geometry import apply_affine, compose_affine, crop_affine, invert_affine, turn_matrix
from src.markup import FLIP_PERMUTATION, REGIONS
from src.network.model import LandmarkNet
from src.transforms import warp

_BATCH = 64
_DECODERS = 4  # threads that read pictures while the network predicts


@dataclass(frozen=True)
class View:
    """A transform of the network's input about its middle."""

    mirror: bool = False
    rotation: float = 0.0  # degrees, clockwise
    shift: tuple[float, float] = (0.0, 0.0)  # of the input's side

    def affine(self) -> np.ndarray:
        """The map (2, 3) from the input frame to the view's."""
        linear = turn_matrix(self.rotation) @ np.diag([-1.0 if self.mirror else 1.0, 1.0])
        return np.column_stack([linear, 0.5 - linear @ [0.5, 0.5] + self.shift])


# Shifts stay small, because a face that leaves the crop is labeled worse. Wide rotations improve the mean more than
# those of 8 degrees, and separate good labels from bad ones better.
VIEWS = (
    View(),
    View(mirror=True),
    View(shift=(0.03, 0.02)),
    View(shift=(-0.03, -0.02), mirror=True),
    View(rotation=20.0),
    View(rotation=-20.0),
    View(rotation=30.0, mirror=True),
    View(rotation=-30.0, mirror=True),
)


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for N pictures; a broken picture has NaN as points and an infinite spread."""

    points_image: np.ndarray  # (N, 68, 2) mean over the views, pixels of each picture
    spread: np.ndarray  # (N, regions) mean distance of a view's points from that mean, percent of the face's size
    size: np.ndarray  # (N, 2) height and width in pixels

    @property
    def is_broken(self) -> np.ndarray:
        """(N,) pictures that could not be decoded."""
        return np.isinf(self.spread).any(axis=1)


def predict_pictures(model: LandmarkNet, paths: list[Path]) -> Predictions:
    """Predict all views of the pictures; broken pictures are marked and do not stop the others."""
    count = len(paths)
    points_image = np.full((count, FLIP_PERMUTATION.size, 2), np.nan)
    spread = np.full((count, len(REGIONS)), np.inf)
    size = np.ones((count, 2), np.int32)
    device = next(model.parameters()).device
    with progress(total=count, desc="labeling", unit="face") as bar:
        for rows, squares, affine, sizes in _decoded(paths):
            views = predict_views(model, torch.from_numpy(squares).to(device))  # (V, B, 68, 2)
            points_image[rows] = apply_affine(invert_affine(affine), views.mean(axis=0))
            spread[rows] = region_spread(views)
            size[rows] = sizes
            bar.update(len(rows))
    return Predictions(points_image, spread, size)


@torch.inference_mode()
def predict_views(model: LandmarkNet, squares: Tensor) -> np.ndarray:
    """Predict every view of squares (B, S, S, 3) uint8 on the model's device.

    Returns points_unit (V, B, 68, 2) float64, each view's points mapped back to the unit square. The caller sets
    `model.eval()`.
    """
    crop, input_size = crop_affine(model.config.crop), model.config.input_size
    views = []
    for view in VIEWS:
        affine = compose_affine(view.affine(), crop)
        maps = torch.as_tensor(affine, dtype=torch.float32, device=squares.device).expand(len(squares), 2, 3)
        images = warp(squares, maps, input_size).contiguous(memory_format=torch.channels_last)
        points_view = model.predict(images).double().cpu().numpy()
        if view.mirror:
            points_view = points_view[:, FLIP_PERMUTATION]
        views.append(apply_affine(invert_affine(affine), points_view))
    return np.stack(views)


def region_spread(views: np.ndarray) -> np.ndarray:
    """Disagreement (B, regions) of views (V, B, 68, 2): percent of the face's size, the root of its box's area."""
    mean = views.mean(axis=0)
    face_size = np.sqrt(np.ptp(mean, axis=1).prod(axis=1))  # (B,)
    distance = np.linalg.norm(views - mean, axis=-1).mean(axis=0)  # (B, 68)
    regions = np.stack([distance[:, region].mean(axis=1) for region in REGIONS.values()], axis=1)
    return 100 * regions / face_size[:, None]


def _decoded(paths: list[Path]) -> Iterator[tuple[list[int], np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of the pictures that can be decoded: rows, squares (B, S, S, 3), affine (B, 2, 3), size (B, 2)."""
    with ThreadPoolExecutor(_DECODERS) as pool:
        for start in range(0, len(paths), _BATCH):
            decoded = list(pool.map(_decode, paths[start : start + _BATCH]))
            rows = [start + i for i, face in enumerate(decoded) if face is not None]
            if rows:
                found = (face for face in decoded if face is not None)
                squares, affine, size = map(np.stack, zip(*found, strict=True))
                yield rows, squares, affine, size


def _decode(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[int, int]] | None:
    try:
        return read_square(path, SQUARE_SIZE)
    except InputError:
        return None
