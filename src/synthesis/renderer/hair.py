"""Hair, caps and scarves: a shell over the skull, shaped anew for every face on a coarser copy of the skin's grid."""

from functools import lru_cache

import numpy as np

from src.synthesis.renderer import chart
from src.synthesis.renderer.chart import AZIMUTHS, NUM_COLUMNS, NUM_ROWS, ROW
from src.synthesis.renderer.masks import HAIR_LINE
from src.synthesis.renderer.parts import grid_triangles

_ROWS = np.concatenate([np.arange(0, ROW["brow"], 1), np.arange(ROW["brow"], ROW["throat"], 2)])
_COLUMNS = np.arange(0, NUM_COLUMNS, 2)
STYLES = ("bald", "short", "medium", "bangs", "bob", "long", "tied", "beanie", "scarf")
_ODDS = {
    True: [0.02, 0.06, 0.08, 0.12, 0.2, 0.32, 0.14, 0.03, 0.03],
    False: [0.14, 0.46, 0.2, 0.06, 0.02, 0.05, 0.02, 0.04, 0.01],
}


@lru_cache(maxsize=1)
def hair_triangles() -> np.ndarray:
    """(T, 3) int32 into the shell's vertices."""
    return grid_triangles(len(_ROWS), len(_COLUMNS))


def sample_style(female: bool, rng: np.random.Generator) -> str:
    """A random one of STYLES."""
    return STYLES[rng.choice(len(STYLES), p=np.array(_ODDS[female]) / np.sum(_ODDS[female]))]


def hair_shell(
    skin: np.ndarray, elevations: np.ndarray, style: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) in cm and uv (V, 2) of a hair style over the skin (NUM_ROWS * NUM_COLUMNS, 3) of one head.

    elevations: (NUM_ROWS, NUM_COLUMNS) degrees, of the skin's grid.
    """
    points = skin.reshape(NUM_ROWS, NUM_COLUMNS, 3)[_ROWS][:, _COLUMNS].astype(float)
    elevation = elevations[_ROWS][:, _COLUMNS]
    azimuth = np.broadcast_to(AZIMUTHS[_COLUMNS], elevation.shape)
    around = np.abs(azimuth)
    outward = chart.directions(azimuth, elevation)
    line = np.interp(around, *HAIR_LINE) + rng.normal(2, 3)
    parting = rng.uniform(-25, 25)
    top, side = rng.uniform(0.7, 2.2), rng.uniform(0.25, 0.9)
    covered = style in ("bob", "long", "scarf", "bangs")
    if style == "medium":
        top, side = top + 0.6, side + 0.5
        line = np.where((around > 93) & (around < 135), line - rng.uniform(4, 16), line)
    if style in ("bangs", "beanie"):
        low = rng.uniform(31, 37) if style == "bangs" else rng.uniform(34, 46)
        line = np.where(around < 75, np.minimum(line, low - 0.12 * around), line)
    if covered or style == "beanie":
        top, side = rng.uniform(1.0, 1.8), rng.uniform(1.5, 2.1)
        line = np.where((around > 90) & (around < 135), np.minimum(line, -2 if style == "beanie" else -30), line)
    if style == "beanie":
        top, side, line = 1.3, 1.0, np.where(around >= 75, np.minimum(line, 22), line)
    if style == "scarf":
        top, side = 0.9, 1.9
        line = np.where(around < 75, np.minimum(line, 46), line)
    if style == "tied":
        top, side = rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.6)
    is_cloth = style in ("beanie", "scarf")
    waves = rng.normal(0, 1, 3) * (0.06 if is_cloth else 0.22)
    wave = (
        waves[0] * np.sin(azimuth * 0.11 + 1)
        + waves[1] * np.sin(elevation * 0.13 + azimuth * 0.05)
        + waves[2] * np.sin(azimuth * 0.31)
    )
    above = elevation - line
    if not is_cloth:  # the hair line is ragged
        above = above + 2.5 * np.sin(azimuth * 0.83) * np.sin(azimuth * 0.37 + 2) * rng.uniform(0.3, 1)
    depth = side + (top - side) * np.clip((elevation - 25) / 45, 0, 1)
    if style in ("medium", "long", "bob", "tied"):
        depth = depth - 0.35 * np.exp(-(((azimuth - parting * (elevation < 88)) / 9) ** 2)) * (elevation > 40)
    rim = 5.0 if is_cloth or style == "bangs" else rng.uniform(16, 34)
    swell = np.sqrt(np.clip(above / rim, 0, 1))
    thickness = np.where(above > 0, (depth + wave) * swell, -0.25 - 0.12 * np.clip(-above, 0, 40))
    shell = points + thickness[..., None] * outward
    if style in ("bob", "long", "scarf") or (style == "bangs" and rng.random() < 0.6):
        _hang(shell, elevation, around, side, style, rng)
    uv = np.stack([azimuth, np.where(elevation > 5, elevation, shell[..., 1] * 7)], axis=-1)
    return shell.reshape(-1, 3).astype(np.float32), uv.reshape(-1, 2).astype(np.float32)


def _hang(
    shell: np.ndarray, elevation: np.ndarray, around: np.ndarray, side: float, style: str, rng: np.random.Generator
) -> None:
    """Let the hair behind a front edge hang straight down instead of following the skull (in place)."""
    edge = rng.uniform(60, 68) if style == "scarf" else rng.uniform(76, 100)
    tip = {"bob": rng.uniform(-8, -4.5), "scarf": -13.0}.get(style, rng.uniform(-19, -10))
    flare = rng.uniform(-0.05, 0.15) if style != "scarf" else -0.18
    hanging = (around > edge) & (elevation < 16)
    first = np.argmax(hanging, axis=0)  # the first hanging row of each column
    columns = np.flatnonzero(hanging.any(axis=0))
    wave = rng.uniform(0, 0.35) if style != "scarf" else 0.0
    for column in columns:
        top = first[column]
        start = shell[top - 1, column]
        t = np.linspace(0, 1, len(shell) - top)
        out = start[[0, 2]] - chart.CENTER[[0, 2]]
        length = np.linalg.norm(out)
        widened = max(length, 8.0 + side * 0.5) if around[0, column] < 140 else length
        radius = (
            length
            + (widened - length) * np.minimum(1, 4 * t)
            + flare * length * t
            + wave * np.sin(9 * t + 0.2 * column)
        )
        shell[top:, column, 0] = chart.CENTER[0] + out[0] / length * radius
        shell[top:, column, 2] = chart.CENTER[2] + out[1] / length * radius
        shell[top:, column, 1] = start[1] + (tip - start[1]) * t
