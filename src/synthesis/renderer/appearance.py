"""How a face looks: tones of skin, hair, eyes and clothes, make-up, beard, glasses and light, sampled at random.

Colors are linear light. What a pixel needs is left in attributes of the vertices and in the materials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.synthesis.renderer import masks
from src.synthesis.renderer.head import Head
from src.synthesis.renderer.materials import Cloth, Eye, Frame, Hair, Lens, Materials, Skin
from src.synthesis.renderer.shading import (
    AMBIENT,
    COVER,
    GLOSS,
    HALF_WAY,
    KEY_COLOR,
    KEY_DIRECTION,
    NUM_ATTRIBUTES,
    U,
)
from src.synthesis.renderer.vertices import paint

_TURN = 256 / 360  # noise repeats once around the head

# sRGB. Skin runs from light to dark and is interpolated; hair and irises are picked from their palettes.
_SKIN = np.array(
    [[241, 208, 190], [228, 184, 158], [205, 156, 126], [172, 120, 90], [126, 84, 62], [84, 55, 43], [60, 40, 33]]
)
_HAIR = np.array(
    [
        [24, 20, 18], [40, 29, 22], [62, 42, 28], [88, 60, 38], [128, 88, 52], [176, 134, 84], [205, 172, 120],
        [120, 58, 30], [150, 146, 142], [214, 210, 204],
    ]
)  # fmt: skip
_HAIR_ODDS = np.array([22, 18, 16, 12, 9, 7, 6, 4, 4, 2]) / 100
_IRIS = np.array(
    [[58, 36, 22], [84, 54, 30], [110, 82, 48], [92, 100, 66], [88, 118, 140], [104, 130, 160], [120, 124, 124]]
)


@dataclass(frozen=True)
class Appearance:
    """attributes: (V, NUM_ATTRIBUTES) float32 of the head's vertices; light: (12, 3) float32 in the camera's frame (see
    `shading`); wears: parts of the head that this face shows besides the usual ones, such as glasses."""

    attributes: np.ndarray
    materials: Materials
    light: np.ndarray
    wears: tuple[str, ...]
    female: bool


def linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB over [0, 255] to linear light over [0, 1] (power 2.2)."""
    return (np.asarray(srgb, float) / 255) ** 2.2


def sample_appearance(head: Head, rng: np.random.Generator, gaze: np.ndarray, jaw_open: float) -> Appearance:
    """A random appearance. gaze: (2,) shift of the iris on the eyeball in cm, right and up. jaw_open: 0 to 1."""
    female = rng.random() < 0.5
    tone = rng.beta(1.0, 1.5)
    skin = _between(linear(_SKIN), tone) * rng.uniform(0.93, 1.07, 3)
    hair = linear(_HAIR[rng.choice(len(_HAIR), p=_HAIR_ODDS)]) * rng.uniform(0.75, 1.25)
    if tone > 0.45 and rng.random() < 0.95:  # dark skin: mostly dark hair, gray with age
        hair = linear(_HAIR[rng.choice([0, 0, 0, 1, 1, 2, 8])]) * rng.uniform(0.5, 1.1)
    if rng.random() < 0.015:
        hair = rng.uniform(0.02, 0.5, 3)
    attributes = np.empty((len(head.neutral), NUM_ATTRIBUTES), np.float32)
    attributes[:, U:] = head.uv
    attributes[:, AMBIENT] = masks.ambient_light()
    attributes[:, COVER] = 0
    attributes[:, GLOSS] = rng.uniform(0.02, 0.16)
    attributes[:, :3] = skin
    _paint_skin(attributes[head.vertices["skin"]], skin, hair, female, rng)
    _paint_ears(attributes[head.vertices["ears"]])
    cloth = rng.uniform(0.0, 0.65, 3) ** 1.5 if rng.random() < 0.6 else np.full(3, rng.uniform(0.01, 0.7))
    attributes[head.vertices["body"], :3] = cloth
    materials = _materials(skin, hair, rng, gaze, jaw_open)
    wears = ()
    if rng.random() < 0.16:
        square = "_square" if rng.random() < 0.5 else ""
        wears = ("frame" + square, *(("lenses" + square,) if rng.random() < 0.2 else ()))
    return Appearance(attributes, materials, _sample_light(rng), wears, female)


def _between(table: np.ndarray, t: float) -> np.ndarray:
    """A color (3,) at t in [0, 1] along a table (N, 3), interpolated in the logarithm."""
    place = np.arange(len(table)) / (len(table) - 1)
    return np.exp([np.interp(t, place, np.log(column)) for column in table.T])


def _paint_skin(skin: np.ndarray, tone: np.ndarray, hair: np.ndarray, female: bool, rng: np.random.Generator) -> None:
    """Paint colors, hair coverage and gloss of the skin's vertices, in place. tone, hair: linear colors (3,)."""
    mask = masks.skin_masks()
    coats = []  # mask, fade, gain: see vertices.paint

    def tint(name: str, factor: np.ndarray, strength: float) -> None:
        coats.append((mask[name], strength * (1 - np.asarray(factor)), np.zeros(3)))

    def cover(name: str, color: np.ndarray, strength: float) -> None:
        coats.append((mask[name], np.full(3, strength), strength * np.asarray(color)))

    red = rng.uniform(0.0, 1.0)
    tint("cheeks", [1.02, 0.82, 0.82], red)
    tint("nose_tip", [1.04, 0.75, 0.75], rng.uniform(0.1, 0.9))
    tint("bags", [0.7, 0.6, 0.66], rng.uniform(0, 0.8))
    tint("crease", [0.55, 0.45, 0.42], rng.uniform(0.4, 1.0))
    tint("wing_crease", [0.62, 0.48, 0.45], rng.uniform(0.3, 0.9))
    age = rng.beta(1, 2.5)
    tint("fold", [0.65, 0.55, 0.52], 0.15 + 0.85 * age)
    tint("forehead_lines", [0.72, 0.66, 0.64], age)
    tint("nostrils", [0.12, 0.07, 0.06], 1.0)
    made_up = female and rng.random() < 0.6
    lips = tone * np.array([0.86, 0.5, 0.52]) * rng.uniform(0.8, 1.1)
    if made_up:
        lips = 0.35 * lips + 0.65 * linear(np.array([rng.uniform(120, 215), rng.uniform(20, 95), rng.uniform(40, 110)]))
    cover("lips", lips, rng.uniform(0.6, 0.95) if made_up else rng.uniform(0.35, 0.85))
    cover("mouth_inside", [0.12, 0.03, 0.03], 0.8)
    cover("waterline", tone * np.array([1.0, 0.66, 0.62]), 0.7)
    if made_up:
        shadow = linear(rng.uniform(30, 160, 3))
        cover("lid", shadow, rng.uniform(0, 0.6))
        tint("cheeks", [1.05, 0.6, 0.65], rng.uniform(0, 0.6))
    cover("inner_corner", tone * np.array([1.0, 0.6, 0.58]), 0.8)
    cover("lashes", [0.01, 0.008, 0.008], rng.uniform(0.75, 1.0) if made_up else rng.uniform(0.45, 0.85))
    cover("lower_lashes", tone * 0.15, rng.uniform(0.2, 0.7) if made_up else rng.uniform(0.1, 0.45))
    skin[:, GLOSS] += mask["lips"] * np.float32(rng.uniform(0.0, 0.35) + 0.3 * made_up)

    skin[:, COVER] = _hair_growth(mask, female, rng)
    # Under hair the skin is dimmer, so that thin hair does not shine through.
    coats.append((skin[:, COVER], np.full(3, 0.35), 0.35 * hair))
    paint(skin, *(np.stack(column).astype(np.float32) for column in zip(*coats, strict=True)))


def _hair_growth(mask: dict[str, np.ndarray], female: bool, rng: np.random.Generator) -> np.ndarray:
    """How much hair covers the skin's vertices, (V,) in [0, 1]: brows, beard, scalp. mask: `masks.skin_masks`."""
    beard = 0.0 if female else rng.choice([0.0, 0.25, 0.55, 1.0], p=[0.5, 0.2, 0.15, 0.15])
    growth = mask["brows"] * rng.uniform(0.55, 1.0)
    if beard:
        kind = rng.integers(4)
        area = (
            np.maximum(mask["beard"], mask["mustache"]),
            mask["mustache"],
            np.maximum(mask["goatee"], mask["mustache"]),
            mask["beard"],
        )[kind]
        growth = np.maximum(growth, area * beard)
        if beard > 0.3 and kind in (0, 3):
            growth = np.maximum(growth, mask["sideburn"])
    return np.maximum(growth, mask["scalp"] * rng.choice([0.0, 1.0], p=[0.1, 0.9]))


def _paint_ears(ears: np.ndarray) -> None:
    relief = ears[:, U].copy()
    ears[:, :3] *= np.clip(0.8 + 0.35 * relief, 0.3, 1.05)[:, None] * np.array([1.03, 0.88, 0.86], np.float32)
    ears[:, AMBIENT] = np.clip(0.75 + 0.5 * relief, 0.2, 1)
    ears[:, U] = 100 + 10 * relief


def _materials(
    skin: np.ndarray, hair: np.ndarray, rng: np.random.Generator, gaze: np.ndarray, jaw_open: float
) -> Materials:
    skin_material = Skin(
        shift=_numbers(rng.uniform(0, 256, 2)),
        blotches=np.float32(rng.uniform(0.2, 0.8)),
        color=_numbers(skin),
        hair=_numbers(hair),
    )
    iris = linear(_IRIS[rng.integers(len(_IRIS))]) * rng.uniform(0.8, 1.4)
    size = rng.uniform(0.56, 0.64)
    return Materials(
        skin=skin_material,
        eye=Eye(_numbers(gaze), _numbers(iris), np.float32(size), np.float32(size * rng.uniform(0.28, 0.5))),
        teeth_light=np.float32(0.35 + 0.5 * min(1.0, 2 * jaw_open)),
        mouth_light=np.float32(0.3 + 0.5 * jaw_open),
        hair=Hair(
            color=_numbers(hair),
            contrast=np.float32(rng.uniform(0.12, 0.34)),
            strands=_numbers([_TURN * rng.integers(2, 5), rng.uniform(0.3, 1.2)]),
            gloss=np.float32(rng.uniform(0.02, 0.2)),
        ),
        cloth=_sample_cloth(rng),
        frame=Frame(
            _numbers(rng.uniform(0.005, 0.04, 3) if rng.random() < 0.7 else rng.uniform(0.05, 0.5, 3)),
            np.float32(rng.uniform(0.1, 0.8)),
        ),
        lens=Lens(_numbers(rng.uniform(0.003, 0.04, 3)), np.float32(rng.uniform(0, 0.35))),
    )


def _sample_cloth(rng: np.random.Generator) -> Cloth:
    is_striped = rng.random() < 0.35
    return Cloth(
        stripe=_numbers(rng.uniform(0, 0.6, 3)),
        stripes=np.float32(is_striped * rng.uniform(0.3, 1)),
        waves=_numbers(rng.uniform([0, 0], [6, 2])),
        neck=np.float32(rng.uniform(0.5, 5.5)),
        neck_depth=np.float32(rng.uniform(-0.5, 3)),
    )


def head_covering(materials: Materials, rng: np.random.Generator) -> Materials:
    """The same with the cloth of a cap or a scarf in place of hair."""
    color = rng.uniform(0.01, 0.7) * rng.uniform(0.4, 1, 3)
    cloth = materials.hair._replace(color=_numbers(color), contrast=np.float32(0.05), gloss=np.float32(0))
    return materials._replace(hair=cloth)


def _numbers(values: Sequence[float] | np.ndarray) -> tuple[np.float32, ...]:
    """A color or a pair in the form that the compiled shader takes."""
    return tuple(np.asarray(values, np.float32))


def _sample_light(rng: np.random.Generator) -> np.ndarray:
    """What `shading` reads, (12, 3): sky, direction and color of the key light, half-way to the viewer."""
    light = np.zeros((12, 3))
    warmth = rng.normal(0, 0.08)
    sky = np.array([1 + warmth, 1, 1 - 1.3 * warmth]) * rng.uniform(0.3, 0.65)
    light[0] = sky
    light[1] = sky * rng.uniform(0.0, 0.45)  # from above
    light[2] = sky * rng.uniform(-0.1, 0.3)  # from the front
    light[3] = sky * rng.uniform(-0.35, 0.35)
    light[4:9] = sky * rng.normal(0, 0.06, (5, 3))
    side, up = rng.normal(0, 42), rng.normal(28, 22)
    side, up = np.radians(np.clip(side, -110, 110)), np.radians(np.clip(up, -25, 75))
    light[KEY_DIRECTION] = [np.cos(up) * np.sin(side), np.sin(up), np.cos(up) * np.cos(side)]
    half = light[KEY_DIRECTION] + [0, 0, 1]
    light[HALF_WAY] = half / np.linalg.norm(half)
    warmth = rng.normal(0.04, 0.1)
    light[KEY_COLOR] = np.array([1 + warmth, 1, 1 - 1.3 * warmth]) * rng.uniform(0.15, 1.3)
    # Exposure: a well-lit face is neither black nor white, whatever the mixture.
    exposure = rng.normal(0.95, 0.16) / (light[0].mean() + 0.2 * sky.mean() + 0.6 * light[KEY_COLOR].mean())
    light[:9] *= exposure
    light[KEY_COLOR] *= exposure
    return light.astype(np.float32)
