"""Faces for tests that need no rendering: projections of the mean shape, and pictures with a dot at every point."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from src.datasets.challenge import write_annotations
from src.markup import MEAN_SHAPE, NUM_POINTS
from src.pose import rotation_matrix


def project(euler: np.ndarray, *, center: tuple[float, float] = (0.5, 0.53), side: float = 0.5) -> np.ndarray:
    """Points (N, 68, 2) of mean faces in the unit square. euler: (N, 3) pitch, yaw, roll in degrees."""
    flat = (MEAN_SHAPE @ np.swapaxes(rotation_matrix(euler), 1, 2))[..., :2] * [1, -1]
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat * (side / np.ptp(MEAN_SHAPE[:, 0])) + center


def random_euler(count: int, seed: int = 0) -> np.ndarray:
    """(count, 3) pitch, yaw, roll in degrees, as crops hold them."""
    return np.random.default_rng(seed).uniform([-25, -60, -20], [25, 60, 20], size=(count, 3))


def write_faces(
    folder: Path, count: int, *, seed: int = 0, size: tuple[int, int] = (96, 96), annotated: bool = True
) -> tuple[list[str], np.ndarray]:
    """Write pictures (size = width, height) and, if annotated, their annot.pkl. Returns names and points_image."""
    folder.mkdir(parents=True, exist_ok=True)
    points_image = project(random_euler(count, seed)) * min(size)
    names = [f"face{i:03d}.png" for i in range(count)]
    for name, points in zip(names, points_image, strict=True):
        picture = Image.new("RGB", size, (90, 70, 60))
        draw = ImageDraw.Draw(picture)
        for i, (x, y) in enumerate(points):
            draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(255 - 3 * i, 3 * i, 200))
        picture.save(folder / name)
    if annotated:
        write_annotations(folder, names, points_image)
    return names, points_image


def forget_content(prepared: Path) -> None:
    """Let a prepared folder be one of an older version, whose files may be changed by hand."""
    meta = json.loads((prepared / "meta.json").read_text())
    meta.pop("content", None)
    (prepared / "meta.json").write_text(json.dumps(meta, indent=2))


def gaussian_dot(size: tuple[int, int], point: tuple[float, float], sigma: float) -> np.ndarray:
    """A bright dot at `point` (pixel centers at .5) in a black picture; size = width, height. Returns (H, W) uint8."""
    columns, rows = (np.arange(length) + 0.5 for length in size)
    across, down = (
        np.exp(-0.5 * ((ticks - place) / sigma) ** 2) for ticks, place in zip((columns, rows), point, strict=True)
    )
    return np.round(255 * down[:, None] * across).astype(np.uint8)


def centroid(brightness: np.ndarray) -> np.ndarray:
    """(x, y) of the dot in a (H, W) picture, pixel centers at .5. Faint pixels (compression) do not count."""
    weight = np.where(brightness > 0.04 * brightness.max(), brightness.astype(np.float64), 0)
    rows, columns = np.indices(weight.shape) + 0.5
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def distinct_points(count: int) -> np.ndarray:
    """(count, 68, 2) points of the unit square that differ from each other."""
    return np.random.default_rng(1).uniform(0.3, 0.7, size=(count, NUM_POINTS, 2))
