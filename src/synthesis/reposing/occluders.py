"""What surrounds and what covers a photographed face: another photograph's background; glasses, masks, hands."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from src.markup import REGIONS
from src.synthesis.renderer.scenery import hand, paint_capsules
from src.synthesis.reposing.heightfield import HeightField

_CORNER = 0.36  # of a photograph's side: its upper corners show what surrounds its face
_HAIR_BLUR = 0.16  # of the face box's height, softness of the head's outline
_HAIR_FADE = (0.05, 0.15)  # values of the blurred outline between which the background fades into the photograph
_LENS = 2.1  # size of a lens in sizes of an eye
_MOST_YAW = 40.0  # degrees, beyond which the nose hides one lens and a flat mask breaks
_SAMPLES = 3  # per pixel along each axis


def replace_background(
    photo: np.ndarray, field: HeightField, points: np.ndarray, other: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Put a corner of photograph `other` (any size) behind the head, hair and shoulders of photo (S, S, 3) uint8.

    field: of the photograph; it says where the head lies. points: (68, 2) pixels. Returns a new photograph.
    """
    size, height = len(photo), float(np.ptp(points[:, 1]))
    node = np.searchsorted(field.nodes[0, :, 0], np.arange(size) + 0.5)  # (S,), of each row and column
    chin, middle, half = points[8, 1], points[27:31, 0].mean(), np.ptp(points[:17, 0])
    rows, columns = np.ogrid[:size, :size]
    shoulders = (rows > chin) & (np.abs(columns - middle) < half * (0.5 + (rows - chin) / height))
    body = field.head[np.ix_(node, node)] | shoulders
    blurred = Image.fromarray(np.uint8(255 * body)).filter(ImageFilter.GaussianBlur(_HAIR_BLUR * height))
    low, high = _HAIR_FADE
    matte = np.clip((np.asarray(blurred, np.float32) / 255 - low) / (high - low), 0, 1)[..., None]
    side = round(_CORNER * len(other))
    corner = other[:side, :side] if rng.random() < 0.5 else other[:side, -side:]
    background = np.asarray(Image.fromarray(corner).resize((size, size), Image.Resampling.BICUBIC))
    return np.uint8(matte * photo + (1 - matte) * background + 0.5)


def cover_face(picture: np.ndarray, points: np.ndarray, yaw: float, rng: np.random.Generator) -> None:
    """Cover a part of the face in picture (S, S, 3) uint8, in place. points: (68, 2) pixels; yaw in degrees."""
    kinds = [_hand, _hand, *([_glasses, _mask] if abs(yaw) < _MOST_YAW else [])]
    kinds[rng.integers(len(kinds))](picture, points, rng)


def _mask(picture: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> None:
    """A cloth mask from the nose's bridge over the cheeks to the chin."""
    top = points[27] + (points[29] - points[27]) * rng.uniform(0.3, 1.0)
    ends = rng.integers(1, 4)
    outline = [*points[ends : 17 - ends], top]
    cloth = ([205, 222, 235], [235, 235, 232], [40, 40, 45], rng.uniform(30, 230, 3))
    color = np.array(cloth[rng.integers(len(cloth))]) + rng.normal(0, 8, 3)
    folds = [points[[3, 33, 13]], points[[4, 62, 12]], points[[5, 57, 11]]]
    width = np.ptp(points[:, 0])
    _paint(picture, [outline], color * _cloth_light(picture, points), edge=0)
    _paint(
        picture, [], 0.8 * color * _cloth_light(picture, points), lines=folds[: rng.integers(0, 4)], edge=0.012 * width
    )


def _glasses(picture: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> None:
    """Sunglasses or thick frames, with temples to the ears."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    across = points[45] - points[36]
    down = np.array([-across[1], across[0]]) * rng.uniform(0.16, 0.24) / np.linalg.norm(across)
    square = rng.uniform(0.5, 1.0)  # 1: an ellipse
    curve = [np.sign(wave) * np.abs(wave) ** square for wave in (np.cos(turn), np.sin(turn))]
    lenses = []
    for eye in (points[36:42], points[42:48]):
        half = (eye[3] - eye[0]) * _LENS / 2
        depth = down * np.linalg.norm(across)
        lenses.append(eye.mean(0) + depth * 0.2 + np.outer(curve[0], half) + np.outer(curve[1], depth))
    edge = np.linalg.norm(across) * rng.uniform(0.02, 0.06)
    bridge = [np.array([lenses[0][np.argmax(lenses[0] @ across)], lenses[1][np.argmin(lenses[1] @ across)]])]
    temples = [
        np.array([lenses[0][np.argmin(lenses[0] @ across)], points[0]]),
        np.array([lenses[1][np.argmax(lenses[1] @ across)], points[16]]),
    ]
    if rng.random() < 0.7:
        _paint(picture, lenses, rng.uniform(5, 60, 3), edge=0, opacity=rng.uniform(0.75, 1))
    rims = [np.concatenate([lens, lens[:1]]) for lens in lenses]
    _paint(picture, [], rng.uniform(5, 110, 3), lines=[*rims, *bridge, *temples], edge=edge)


def _hand(picture: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> None:
    """A hand of the face's own color."""
    inside = np.clip(points[REGIONS["nose"]].astype(int), 0, len(picture) - 1)
    skin = np.median(picture[inside[:, 1], inside[:, 0]], axis=0) * rng.uniform(0.8, 1.2)
    canvas = picture.astype(np.float32)
    light_x, light_y = rng.normal(0, 0.5), rng.normal(-0.4, 0.3)  # usually from above
    paint_capsules(canvas, hand(points, _pixels_per_cm(points), rng), skin, light_x, light_y)
    picture[:] = np.clip(canvas, 0, 255)


def _paint(
    picture: np.ndarray,
    areas: list[np.ndarray],
    color: np.ndarray,
    *,
    edge: float,
    lines: list[np.ndarray] | tuple = (),
    opacity: float = 1.0,
) -> None:
    """Fill polygons and draw lines of width `edge` pixels in one color, with smooth borders (in place)."""
    size = len(picture)
    cover = Image.new("L", (size * _SAMPLES, size * _SAMPLES))
    draw = ImageDraw.Draw(cover)
    for area in areas:
        draw.polygon([tuple(point * _SAMPLES) for point in area], fill=255)
    for line in lines:
        draw.line([tuple(point * _SAMPLES) for point in line], fill=255, width=max(1, round(edge * _SAMPLES)))
    alpha = opacity * np.asarray(cover.reduce(_SAMPLES), np.float32)[..., None] / 255
    picture[:] = np.clip(alpha * color + (1 - alpha) * picture, 0, 255)


def _cloth_light(picture: np.ndarray, points: np.ndarray) -> float:
    """The light on cloth in this picture, as a factor, judged by the face's brightness."""
    inside = np.clip(points[17:].astype(int), 0, len(picture) - 1)
    return float(np.clip(1.6 * picture[inside[:, 1], inside[:, 0]].mean() / 255, 0.25, 1))


def _pixels_per_cm(points: np.ndarray) -> float:
    return float(np.sqrt(np.ptp(points, axis=0).prod()) / 14)
