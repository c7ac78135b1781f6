"""How a model's error grows with one kind of damage: occlusion, blur, or rotation in the plane."""

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from src.datasets.prepared import PreparedFaces
from src.errors import InputError
from src.evaluation.evaluate import unit_errors
from src.evaluation.report import error_summary
from src.geometry import apply_affine, compose_affine, crop_affine, invert_affine, turn_matrix
from src.network.model import LandmarkNet
from src.transforms import transform_points, warp

# Name -> unit of the level.
DAMAGES: dict[str, str] = {
    "occlusion": "side of a gray square / size of the face",
    "blur": "sigma of a Gaussian blur, input pixels",
    "rotation": "rotation in the plane, degrees",
}


def occlude(images: Tensor, points_input: Tensor, side: float, *, generator: torch.Generator) -> Tensor:
    """A gray square over each face, its center on a random landmark.

    images: (B, 3, R, R). points_input: (B, 68, 2). side: relative to the face's size, the root of its box's area.
    """
    batch, size = len(images), images.shape[-1]
    center = points_input[torch.arange(batch), torch.randint(points_input.shape[1], (batch,), generator=generator)]
    box = points_input.amax(dim=1) - points_input.amin(dim=1)  # (B, 2)
    half = side / 2 * box.prod(dim=1).sqrt()  # (B,)
    ticks = (torch.arange(size) + 0.5) / size
    inside = (ticks - center[..., None]).abs() < half[:, None, None]  # (B, 2, R) columns and rows
    covered = inside[:, 1, :, None] & inside[:, 0, None, :]  # (B, R, R)
    return torch.where(covered[:, None], 0.5, images)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of a batch (B, 3, R, R). sigma: pixels."""
    return gaussian_blur(images, 2 * math.ceil(3 * sigma) + 1, sigma) if sigma > 0 else images


def damage_faces(
    model: LandmarkNet, faces: PreparedFaces, rows: np.ndarray, *, kind: str, level: float, generator: torch.Generator
) -> tuple[Tensor, np.ndarray]:
    """The model's inputs (B, 3, R, R) for `rows` of the faces, damaged, and the maps (B, 2, 3) from the unit square.

    level: in the unit that DAMAGES names. A rotation goes clockwise or counterclockwise at random.
    Raises InputError for an unknown kind.
    """
    if kind not in DAMAGES:
        raise InputError(f"unknown damage {kind!r}; expected one of {', '.join(DAMAGES)}")
    config, count = model.config, len(rows)
    affine = np.broadcast_to(crop_affine(config.crop), (count, 2, 3))
    if kind == "rotation":
        sign = 1 - 2 * torch.randint(2, (count,), generator=generator).double().numpy()
        affine = compose_affine(_rotation(level * sign), affine)
    maps = torch.from_numpy(np.array(affine)).float()
    images = warp(torch.from_numpy(np.array(faces.images[rows])), maps, config.input_size)
    if kind == "occlusion":
        points_input = transform_points(maps, torch.from_numpy(faces.points_unit[rows]))
        images = occlude(images, points_input, level, generator=generator)
    elif kind == "blur":
        images = blur(images, level)
    return images, affine


def measure(model: LandmarkNet, faces: PreparedFaces, kind: str, *, levels: list[float], seed: int) -> pd.DataFrame:
    """Error at each level of one kind of damage, on the same faces with the same random numbers.

    Columns: damage, level, nme in percent of sqrt(H * W), low and high (its 95 % interval), failures in percent.
    """
    rows = []
    for level in levels:
        errors = damaged_errors(model, faces, kind, level=level, seed=seed)
        rows.append({"damage": kind, "level": level, **error_summary(errors)})
    return pd.DataFrame(rows)


@torch.inference_mode()
def damaged_errors(
    model: LandmarkNet, faces: PreparedFaces, kind: str, *, level: float, seed: int, batch_size: int = 64
) -> np.ndarray:
    """Errors (N, 68) in percent of sqrt(H * W) of the source picture, with all pictures damaged."""
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for start in range(0, len(faces), batch_size):
        rows = np.arange(start, min(start + batch_size, len(faces)))
        images, affine = damage_faces(model, faces, rows, kind=kind, level=level, generator=generator)
        points_input = model.predict(images.to(device)).double().cpu().numpy()
        parts.append(apply_affine(invert_affine(affine), points_input))
    return unit_errors(np.concatenate(parts), faces)


def _rotation(degrees: np.ndarray) -> np.ndarray:
    """Maps (B, 2, 3) that turn the input clockwise about its center."""
    linear, center = turn_matrix(degrees), np.full((2, 1), 0.5)
    return np.concatenate([linear, center - linear @ center], axis=-1)
