"""A small 3D face model for tests, its projections, and photographs and files made from it."""

from pathlib import Path

import numpy as np
from PIL import Image

from src.datasets.challenge import write_annotations
from src.markup import MEAN_SHAPE, NUM_POINTS
from src.pose import rotation_matrix
from src.synthesis.reposing.conventions import AFLW_OFFSETS
from src.synthesis.reposing.face_model import PACKED, FaceModel
from src.synthesis.reposing.fit import Fits, landmark_shapes, to_camera

SIZE = 128
UNTURNED = np.array([[1.0, 0, 0], [0, 1, 0]])


def small_model() -> FaceModel:
    """The mean landmarks in front of an ellipsoid head, with a few smooth modes."""
    rng = np.random.default_rng(7)
    longitude, latitude = np.meshgrid(np.linspace(-np.pi, np.pi, 41), np.linspace(-1.5, 1.5, 31))
    x, y = np.cos(latitude) * np.sin(longitude), np.sin(latitude)
    z = np.cos(latitude) * np.cos(longitude)
    head = np.stack([8 * x, 11 * y, 9 * z - 5], axis=-1)  # (31, 41, 3)
    neutral = np.concatenate([MEAN_SHAPE, head.reshape(-1, 3)])
    waves = np.sin(neutral @ rng.normal(0, 0.25, (3, 8)) + rng.uniform(0, 6, 8))  # (V, 8)
    modes = 0.3 * waves.T[:, :, None] * rng.normal(size=(8, 1, 3))
    corner = NUM_POINTS + (np.arange(30)[:, None] * 41 + np.arange(40)).ravel()
    return FaceModel(
        neutral=neutral.astype(np.float32),
        identity=modes[:5].astype(np.float32),
        expression=modes[5:].astype(np.float32),
        expression_names=("a", "b", "c"),
        quads=np.stack([corner, corner + 1, corner + 42, corner + 41], axis=1).astype(np.int32),
        landmarks=np.arange(NUM_POINTS),
        head_vertices=len(neutral),
    )


def projections(
    model: FaceModel, count: int, rng: np.random.Generator, *, max_yaw: float, offsets: np.ndarray | float = 0.0
) -> tuple[Fits, np.ndarray]:
    """Known faces of the model and their points (N, 68, 2) in a picture of SIZE pixels."""
    euler = rng.uniform(-1, 1, (count, 3)) * [15, max_yaw, 10]
    identity = rng.normal(0, 0.7, (count, len(model.identity)))
    expression = rng.uniform(0, 0.6, (count, len(model.expression)))
    truth = Fits(
        coefficients=np.concatenate([identity, expression], axis=1),
        rotation=rotation_matrix(euler),
        scale=rng.uniform(3.2, 3.8, count),
        translation=np.full((count, 2), SIZE / 2) * [1, -1] + rng.uniform(-3, 3, (count, 2)),
        residual=np.zeros(count),
    )
    shapes = landmark_shapes(model, truth.coefficients, np.broadcast_to(offsets, (NUM_POINTS, 3)))
    return truth, to_camera(truth, shapes)[..., :2]


def save_packed(folder: Path, model: FaceModel) -> Path:
    folder.mkdir()
    np.savez(
        folder / PACKED,
        neutral=model.neutral,
        identity=model.identity,
        expression=model.expression,
        expression_names=np.array(model.expression_names),
        quads=model.quads,
        landmark68=model.landmarks,
    )
    return folder


def save_photos(folder: Path, model: FaceModel, count: int) -> Path:
    rng = np.random.default_rng(3)
    folder.mkdir()
    _, points = projections(model, count, rng, max_yaw=25, offsets=AFLW_OFFSETS)
    names = [f"some_{i:03d}.png" for i in range(count)]
    for name in names:
        noise = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(folder / name)
    write_annotations(folder, names, points)
    return folder


def psnr(picture: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of uint8 pictures."""
    error = np.mean((picture.astype(float) - reference.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
