"""What lies behind and in front of the head: backgrounds, hands, sticks and strands of hair."""

from itertools import pairwise

import numpy as np
from PIL import Image

from src.synthesis.compiled import kernel
from src.synthesis.renderer.shading import KEY_COLOR, KEY_DIRECTION


def draw_background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A background, (size, size, 3) uint8 sRGB: plain, gradient, blurred shapes, or a pattern."""
    kind = rng.choice(4, p=[0.12, 0.28, 0.45, 0.15])
    base = rng.uniform(10, 245) + rng.normal(0, 18, 3)
    if kind == 0:
        coarse = np.broadcast_to(base, (2, 2, 3))
    elif kind == 1:
        coarse = base + rng.normal(0, 18, (2, 2, 3)) + rng.normal(0, 30, (2, 2, 1))
    elif kind == 2:
        coarse = _blobs(base, rng)
    else:
        coarse = _pattern(base, rng)
    small = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((size, size), Image.Resampling.BILINEAR))


def _blobs(base: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An out-of-focus room or garden: soft spots of light and dark, (64, 64, 3)."""
    y, x = np.mgrid[0:64, 0:64] / 64
    picture = np.zeros((64, 64, 3)) + base
    picture += rng.normal(0, 45) * (y - 0.5)[..., None]
    soft = rng.uniform(0.008, 0.06)
    for _ in range(rng.integers(4, 16)):
        center, half = rng.uniform(-0.1, 1.1, 2), rng.uniform(0.03, 0.3, 2)
        if rng.random() < 0.5:
            distance = np.maximum(np.abs(x - center[0]) - half[0], np.abs(y - center[1]) - half[1])
        else:
            distance = np.hypot(x - center[0], y - center[1]) - half[0]
        alpha = np.clip(0.5 - distance / (2 * soft), 0, 1)[..., None] * rng.uniform(0.3, 1)
        picture += alpha * (base + rng.normal(0, 50) + rng.normal(0, 22, 3) - picture)
    return picture


def _pattern(base: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bricks, boards, shelves or blinds, (96, 96, 3)."""
    rows, columns = np.mgrid[0:96, 0:96].astype(float)
    height, width = rng.uniform(5, 26), rng.uniform(8, 50)
    turn = rng.normal(0, 0.06) + (np.pi / 2 if rng.random() < 0.4 else 0)
    y, x = np.cos(turn) * rows + np.sin(turn) * columns, np.cos(turn) * columns - np.sin(turn) * rows
    course = np.floor(y / height)
    x = x + course * width * rng.choice([0.0, 0.5])
    joint = (np.mod(y, height) < 1.5) | (np.mod(x, width) < 1.5 * (rng.random() < 0.6))
    block = (course * 37 + np.floor(x / width) * 17).astype(int)
    colors = base + rng.normal(0, rng.uniform(3, 30), (64, 1)) + rng.normal(0, 6, (64, 3))
    return np.where(joint[..., None], base * rng.uniform(0.4, 1.2), colors[block % 64]) + rng.normal(0, 4, (96, 96, 1))


@kernel
def paint_capsules(picture, capsules, color, light_x, light_y):
    """Paint capsules (sticks with round ends) over a picture (H, W, 3), in place.

    capsules: (N, 6) = x0, y0, x1, y1, radius at both ends, in pixels. They are lit from (light_x, light_y).
    """
    height, width = picture.shape[0], picture.shape[1]
    for k in range(capsules.shape[0]):
        x0, y0, x1, y1, r0, r1 = capsules[k]
        reach = max(r0, r1) + 1
        dx, dy = x1 - x0, y1 - y0
        square = dx * dx + dy * dy + 1e-6
        for row in range(max(0, int(min(y0, y1) - reach)), min(height, int(max(y0, y1) + reach) + 1)):
            for column in range(max(0, int(min(x0, x1) - reach)), min(width, int(max(x0, x1) + reach) + 1)):
                px, py = column + 0.5 - x0, row + 0.5 - y0
                t = min(1.0, max(0.0, (px * dx + py * dy) / square))
                ex, ey = px - t * dx, py - t * dy
                distance = np.sqrt(ex * ex + ey * ey)
                radius = r0 + t * (r1 - r0)
                alpha = min(1.0, max(0.0, radius - distance + 0.5))
                if alpha > 0.0:
                    nx, ny = ex / radius, ey / radius
                    nz = np.sqrt(max(0.0, 1.0 - nx * nx - ny * ny))
                    bright = 0.35 + 0.5 * nz + 0.3 * max(0.0, nx * light_x + ny * light_y + 0.5 * nz)
                    for c in range(3):
                        picture[row, column, c] += alpha * (color[c] * bright - picture[row, column, c])


def draw_in_front(
    picture: np.ndarray,
    points: np.ndarray,
    skin: np.ndarray,
    hair: np.ndarray,
    light: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """In one of five pictures, put a hand, a stick or strands of hair in front of the face (in place).

    points: (68, 2) pixels of the picture; skin, hair: linear colors (3,); light: (12, 3) as in `shading`.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    unit = np.sqrt((high - low).prod()) / 14.0  # pixels per centimeter
    toward = light[KEY_DIRECTION] * [1, -1, 1]
    glow = light[0] + 0.6 * light[KEY_COLOR]
    draw = rng.random()
    if draw < 0.07:
        paint_capsules(picture, hand(points, unit, rng), skin * glow, toward[0], toward[1])
    elif draw < 0.10:
        start = np.array([rng.choice([-20.0, picture.shape[1] + 20.0]), rng.uniform(0.5, 1.0) * picture.shape[0]])
        tip = points[rng.integers(68)] + rng.normal(0, unit, 2)
        stick = np.array([[*start, *tip, *(unit * rng.uniform(0.4, 1.2) * np.array([1, 1]))]])
        paint_capsules(picture, stick, rng.uniform(0, 0.5, 3) * glow, toward[0], toward[1])
    elif draw < 0.2:
        paint_capsules(picture, _strands(points, unit, rng), hair * glow, toward[0], toward[1])


def hand(points: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A hand that reaches from outside to the cheek, the chin or the forehead: capsules (M, 6), see `paint_capsules`.

    points: (68, 2) in pixels. unit: pixels per centimeter.
    """
    target = points[rng.choice([3, 4, 5, 8, 11, 12, 13, 17, 26, 48, 54])] + rng.normal(0, unit, 2)
    middle = points.mean(axis=0)
    away = target - middle
    angle = np.arctan2(away[1], away[0]) + rng.normal(0, 0.4)
    back, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    wrist = target + back * 20 * unit
    capsules = [[*wrist, *(target + back * 8.5 * unit), 3.4 * unit, 3.9 * unit]]
    spread = rng.uniform(0.0, 0.25)
    for k, length in enumerate((6.2, 7.6, 8.2, 7.2)):
        sideways = (k - 1.5) * 1.6 * unit
        root = target + back * 8.2 * unit + across * sideways
        tip = root - back * length * unit + across * sideways * spread
        capsules.append([*root, *tip, 0.95 * unit, 0.72 * unit])
    root = target + back * 11 * unit + across * rng.choice([-3.4, 3.4]) * unit
    capsules.append(
        [*root, *(root - back * 5 * unit + (root - target - back * 11 * unit) * 0.5), 1.2 * unit, 0.85 * unit]
    )
    return np.array(capsules)


def _strands(points: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A lock of hair that falls from the forehead over the face: capsules (M, 6)."""
    up = points[27] - points[8]
    start = points[27] + up * rng.uniform(0.5, 0.65) + rng.normal(0, 2 * unit, 2)
    sideways = np.array([-up[1], up[0]]) / np.linalg.norm(up)
    bend, length = rng.normal(0, 4) * unit, rng.uniform(0.5, 1.3)
    t = np.linspace(0, 1, 9)[:, None]
    capsules = []
    for _ in range(rng.integers(3, 16)):
        path = start + rng.normal(0, 0.7 * unit, 2) - up * t * length * rng.uniform(0.8, 1.1)
        path = path + sideways * (bend * t**1.5 + rng.normal(0, 0.8) * unit * t)
        width = unit * rng.uniform(0.04, 0.14)
        capsules += [[*a, *b, width, width] for a, b in pairwise(path)]
    return np.array(capsules)
