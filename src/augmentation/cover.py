"""Synthetic occlusion: rectangles, black bars, masks, sunglasses. Images are (B, 3, R, R) in [0, 1].

Worn objects are placed by the face's points_input (B, 68, 2), so that they sit where people wear them.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from src.augmentation.chance import chance, chosen, rand
from src.config import AugmentationConfig
from src.markup import EYE_CORNERS, NOSE_TIP, NUM_POINTS

_LOWER_FACE = (*range(1, 16), *range(28, 31), *range(48, 60))  # a medical mask covers what lies between these points
_DIRECTIONS = 24  # half-planes whose intersection approximates the convex hull of a mask
_LOWER_SHEETS = 0.7  # share of the sheets that hide the lower face, not the upper
_TEXTURED = 0.35  # share of masks and sheets that show another picture, not one color
_DARKEST_GLASS = 0.25  # of the full range: the brightest color of sunglasses


def cover(images: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Random erasing (a rectangle of one color or of another picture) on some faces, black bars at some sides."""
    batch, size, device = len(images), images.shape[-1], images.device
    color = torch.rand(batch, 3, 1, 1, generator=generator, device=device)
    extent = config.erasing_side * torch.rand(batch, 2, generator=generator, device=device)
    extent = torch.where(chance(batch, config.erasing, generator, device)[:, None], extent, 0.0)
    center = torch.rand(batch, 2, generator=generator, device=device)
    ticks = _ticks(size, device)
    inside = ((ticks - center[..., None]).abs() < extent[..., None] / 2).float()  # (B, 2, R) columns and rows
    rectangle = (inside[:, 1, :, None] * inside[:, 0, None, :])[:, None]  # (B, 1, R, R)
    textured = chance(batch, config.erasing_texture, generator, device)[:, None, None, None]
    filling = torch.where(textured, images.roll(1, dims=0), color)
    images = torch.lerp(images, filling, rectangle)  # weights of 0 and 1: exact, and faster than torch.where
    if config.border == 0:
        return images
    width = config.border_width * torch.rand(batch, 4, generator=generator, device=device)
    width = torch.where(chance(batch * 4, config.border, generator, device).view(batch, 4), width, 0.0)
    left, top, right, bottom = width[..., None].unbind(dim=1)  # (B, 1) each
    columns = ((ticks >= left) & (ticks <= 1 - right)).float()  # (B, R) that stay open
    rows = ((ticks >= top) & (ticks <= 1 - bottom)).float()
    return images * (rows[:, :, None] * columns[:, None, :])[:, None]


def wear(images: Tensor, points_input: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Put each kind of WORN on a `share` of the faces, drawn anew for each kind; only on faces of 68 points."""
    if points_input.shape[1] != NUM_POINTS:
        return images
    others = images.roll(1, dims=0)
    for kind in WORN:
        faces = chosen(len(images), share, generator, images.device)
        if len(faces) == 0:
            continue
        covered = kind(points_input[faces], images.shape[-1], generator)
        color = rand((len(faces), 3, 1, 1), generator, images.device)
        textured = rand((len(faces), 1, 1, 1), generator, images.device) < _TEXTURED
        if kind is sunglasses:
            color, textured = _DARKEST_GLASS * color, torch.zeros_like(textured)
        filling = torch.where(textured, others[faces], color)
        images = images.index_copy(0, faces, torch.lerp(images[faces], filling, covered))
    return images


def medical_mask(points_input: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """(n, 1, R, R), 1 over the lower face: within the jaw line and below the bridge of the nose."""
    outline = points_input[:, _LOWER_FACE]
    middle = outline.mean(dim=1, keepdim=True)
    growth = 0.95 + 0.15 * rand((len(outline), 1, 1), generator, outline.device)
    return _hull(middle + growth * (outline - middle), size)


def sheet(points_input: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """(n, 1, R, R), 1 over a rectangle across the whole face: its lower or, less often, its upper part."""
    low, high = points_input.amin(dim=1), points_input.amax(dim=1)  # (n, 2)
    count, device = len(low), low.device
    nose = points_input[:, NOSE_TIP, 1]
    edge = nose + 0.35 * (high[:, 1] - low[:, 1]) * (rand((count,), generator, device) - 0.6)
    is_lower = chance(count, _LOWER_SHEETS, generator, device)
    top = torch.where(is_lower, edge, low[:, 1] - 0.05)
    bottom = torch.where(is_lower, high[:, 1] + 0.03, torch.minimum(edge, nose))
    ticks = _ticks(size, device)
    columns = (ticks >= low[:, :1]) & (ticks <= high[:, :1])  # (n, R)
    rows = (ticks >= top[:, None]) & (ticks <= bottom[:, None])
    return (rows[:, :, None] & columns[:, None, :]).float()[:, None]


def sunglasses(points_input: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """(n, 1, R, R), 1 over both eyes: ellipses aligned with the eyes, and a bridge between them."""
    count, device = len(points_input), points_input.device
    growth = 0.8 + 0.5 * rand((count, 1, 1), generator, device)
    extent = points_input.amax(dim=1) - points_input.amin(dim=1)
    face = extent.prod(dim=1).sqrt()[:, None, None]  # (n, 1, 1) size of the face
    covered, centers = torch.zeros(count, size, size, device=device), []
    for first, last in EYE_CORNERS:
        corner, other = points_input[:, first], points_input[:, last]
        center, axis = (corner + other) / 2, other - corner
        length = axis.norm(dim=1).clamp(min=1e-3)[:, None, None]
        along, across = _along_and_across(center, axis, size)
        half_width, half_height = 0.95 * growth * length, growth * torch.maximum(0.65 * length, 0.1 * face)
        covered = torch.maximum(covered, ((along / half_width) ** 2 + (across / half_height) ** 2 <= 1).float())
        centers.append(center)
    along, across = _along_and_across(centers[0], centers[1] - centers[0], size)
    apart = (centers[1] - centers[0]).norm(dim=1)[:, None, None]
    bridge = (along >= 0) & (along <= apart) & (across.abs() <= 0.02 * face)
    return torch.maximum(covered, bridge.float())[:, None]


def _along_and_across(origin: Tensor, axis: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Coordinates, (n, R, R) each, of all pixels along an axis (n, 2) from its origin (n, 2), and across it."""
    ticks = _ticks(size, origin.device)
    cos, sin = (axis / axis.norm(dim=1, keepdim=True).clamp(min=1e-6)).T[..., None, None]
    x, y = ticks - origin[:, 0, None, None], ticks[:, None] - origin[:, 1, None, None]
    return x * cos + y * sin, y * cos - x * sin


def _hull(points: Tensor, size: int) -> Tensor:
    """(n, 1, R, R), 1 inside the convex hull of points (n, C, 2): no farther than the farthest in every direction."""
    ticks = _ticks(size, points.device)
    angle = 2 * math.pi * torch.arange(_DIRECTIONS, device=points.device) / _DIRECTIONS
    directions = torch.stack([torch.cos(angle), torch.sin(angle)])  # (2, D)
    farthest = (points @ directions).amax(dim=1)  # (n, D)
    place = ticks * directions[0, :, None, None] + ticks[:, None] * directions[1, :, None, None]  # (D, R, R)
    return (place <= farthest[:, :, None, None]).all(dim=1, keepdim=True).float()


def _ticks(size: int, device: torch.device) -> Tensor:
    """(R,) centers of an axis's pixels in the input frame."""
    return (torch.arange(size, device=device) + 0.5) / size


# f(points_input (n, 68, 2), size, generator) -> (n, 1, R, R), 1 where it covers. To add a kind, list its function here.
WORN: tuple[Callable[[Tensor, int, torch.Generator], Tensor], ...] = (medical_mask, sheet, sunglasses)
