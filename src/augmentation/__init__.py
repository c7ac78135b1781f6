"""Batch augmentation on any device: one affine for picture and points, then color, then damage.

Every function maps a batch to a batch and draws each face's own random numbers from the passed generator. Frames and
the pixel-center rule are those of `src.geometry`.
"""

import torch
from torch import Tensor

from src.augmentation.chance import chance
from src.augmentation.color import jitter_color, shade
from src.augmentation.cover import cover, wear
from src.augmentation.degrade import add_noise, blur, degrade
from src.augmentation.geometry import in_plane_rotation, random_affine, second_look_affine, stretched
from src.config import AugmentationConfig, ModelConfig
from src.markup import flip_permutation
from src.transforms import transform_points, warp

# Transforms that change the picture but not the points, in this order: f(images, config, generator) -> images.
APPEARANCE = (shade, jitter_color, blur, add_noise, cover)


def augment(
    squares: Tensor,
    points_unit: Tensor,
    euler: Tensor,
    *,
    crop: tuple[float, float, float],
    size: int,
    config: AugmentationConfig,
    generator: torch.Generator,
    second_look: tuple[float, float, float, float] = ModelConfig.second_look,
) -> tuple[Tensor, Tensor, Tensor]:
    """Crop and augment a batch.

    squares: (B, S, S, 3) uint8. points_unit: (B, K, 2), one of `src.markup.POINT_SETS`. euler: (B, 3) pitch, yaw,
    roll in degrees. crop, second_look: the model's, as in `ModelConfig`.
    Returns images (B, 3, size, size) float in [0, 1], points_input (B, K, 2) and euler (B, 3) after augmentation.
    """
    affine, angle, flipped = random_affine(len(squares), crop, config, generator, squares.device)
    if config.second_looks > 0:
        upright, its_angle = second_look_affine(
            points_unit, in_plane_rotation(euler), flipped, crop=crop, second_look=second_look, generator=generator
        )
        second = chance(len(squares), config.second_looks, generator, squares.device)
        affine, angle = torch.where(second[:, None, None], upright, affine), torch.where(second, its_angle, angle)
    if config.stretch > 0:
        affine = stretched(affine, points_unit, config.stretch, generator)
    points_input = transform_points(affine, points_unit)
    permutation = torch.as_tensor(flip_permutation(points_unit.shape[1]), device=squares.device)
    points_input = torch.where(flipped[:, None, None], points_input[:, permutation], points_input)
    sign = 1 - 2 * flipped.float()
    euler = torch.stack([euler[:, 0], euler[:, 1] * sign, euler[:, 2] * sign - torch.rad2deg(angle)], dim=1)
    images = warp(squares, affine, size)
    if config.damage > 0:
        images = wear(degrade(images, config.damage, generator), points_input, config.damage, generator)
    for change in APPEARANCE:
        images = change(images, config, generator)
    return images, points_input, euler
