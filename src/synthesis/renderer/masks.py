"""What is painted where on the skin: one smooth mask per mark, computed once at the mesh's vertices."""

from functools import lru_cache

import numpy as np

from src.synthesis.raster import EMPTY_DEPTH, draw_depth
from src.synthesis.renderer.chart import AZIMUTHS, NUM_COLUMNS, NUM_ROWS, ROW
from src.synthesis.renderer.head import build_head
from src.synthesis.renderer.shading import NOISE_SIZE
from src.synthesis.renderer.vertices import vertex_normals

_AMBIENT_PARTS = ("skin", "ears", "eye_right", "eye_left", "body")


@lru_cache(maxsize=1)
def skin_masks() -> dict[str, np.ndarray]:
    """Mask name -> (skin vertices,) float32 over [0, 1] (relief and wrinkles: any sign)."""
    head = build_head()
    points = head.neutral[head.vertices["skin"]].astype(float)
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    azimuth = np.abs(np.tile(AZIMUTHS, NUM_ROWS))
    elevation = head.elevations.reshape(-1)

    def rows(*marks: tuple[str | float, float]) -> np.ndarray:
        places = [ROW[place] if isinstance(place, str) else place for place, _ in marks]
        return np.repeat(np.interp(np.arange(NUM_ROWS), places, [value for _, value in marks]), NUM_COLUMNS)

    def spot(cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
        return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)) * (z > -5)

    def within(low: float, high: float, soft: float) -> np.ndarray:
        return _rise((azimuth - low) / soft + 0.5) * _rise((high - azimuth) / soft + 0.5)

    eye = within(19.0, 45.0, 2.5)
    lip = rows(("upper_lip", 0.35), (ROW["upper_lip"] + 1, 1), (ROW["lower_lip"] - 1, 1), ("lower_lip", 0.35))
    on_lips = rows((ROW["upper_lip"] - 0.01, 0), ("upper_lip", 1), ("lower_lip", 1), (ROW["lower_lip"] + 0.01, 0))
    hair_line = np.interp(azimuth, *HAIR_LINE)
    jaw = _rise((-1.0 - y) / 3.0) * _rise((98 - azimuth) / 10) * _rise((elevation + 82) / 8)
    around_mouth = 1 - np.exp(-(((x / 2.7) ** 4) + ((y + 3.5) / 1.15) ** 4))
    return {
        name: mask.astype(np.float32)
        for name, mask in {
            "lips": lip * on_lips * (azimuth < 22.0),
            "mouth_inside": rows(
                (ROW["upper_lip_edge"], 0), ("upper_lip_inside", 1), ("lower_lip_inside", 1), ("lower_lip_edge", 0)
            )
            * (azimuth < 19.9),
            "cheeks": spot(4.3, 0.2, 1.5, 1.3),
            "nose_tip": spot(0, 0.0, 1.3, 0.9),
            "brows": rows(
                ("brow_top", 0),
                (ROW["brow_top"] + 1.2, 1),
                ("brow", 1.0),
                (ROW["brow_bottom"] - 1, 1),
                ("brow_bottom", 0),
            )
            * _rise((azimuth - 8.0) / 3.0)
            * _rise((61.0 - azimuth) / 7.0),
            "lid": rows(("crease", 0), ("upper_lid", 1), ("upper_lid_inside", 1), (ROW["upper_lid_inside"] + 0.5, 0))
            * eye,
            "crease": rows((ROW["crease"] - 2, 0), ("crease", 1), (ROW["crease"] + 1.5, 0)) * eye,
            "lashes": rows(
                (ROW["upper_lid"] - 1, 0), ("upper_lid", 1), ("upper_lid_inside", 1), (ROW["upper_lid_inside"] + 0.5, 0)
            )
            * within(19.5, 45.5, 1.5),
            "lower_lashes": rows(
                (ROW["lower_lid_inside"] - 1, 0),
                ("lower_lid_inside", 0.3),
                ("lower_lid", 0.7),
                (ROW["lower_lid"] + 1, 0),
            )
            * eye,
            "waterline": rows(
                (ROW["lower_lid_inside"] - 1, 0), ("lower_lid_inside", 1), ("lower_lid", 0.3), (ROW["lower_lid"] + 1, 0)
            )
            * eye,
            "inner_corner": rows(
                ("upper_lid", 0.3),
                ("upper_lid_inside", 1),
                ("lower_lid_inside", 1),
                ("lower_lid", 0.3),
                (ROW["lower_lid"] + 0.5, 0),
            )
            * (rows((ROW["upper_lid"] - 0.5, 0), ("upper_lid", 1)))
            * within(18.8, 22.6, 0.8),
            "bags": spot(3.0, 2.3, 1.1, 0.35),
            "nostrils": np.exp(-0.5 * (((x - 0.66) / 0.28) ** 2 + ((y + 1.0) / 0.3) ** 2 + ((z - 2.75) / 0.4) ** 2)),
            "wing_crease": np.exp(-0.5 * (((x - 1.85) / 0.16) ** 2 + ((y + 0.3) / 0.6) ** 2)) * (z > 0),
            "beard": jaw * np.clip(around_mouth, 0, 1),
            "mustache": np.exp(-(((x / 2.5) ** 4) + ((y + 2.0) / 0.62) ** 4)) * _rise((x - 0.1) / 0.3 + 0.5) * (z > 0),
            "goatee": np.exp(-(((x / 1.8) ** 4) + ((y + 6.3) / 1.5) ** 4)) * (z > -1),
            "scalp": _rise((elevation - hair_line + 6) / 9),
            "sideburn": np.exp(-(((azimuth - 90) / 6) ** 4)) * _rise((elevation + 6) / 16) * (elevation < 40),
            "fold": np.exp(-(((x - 1.95 - 0.38 * (-y - 0.4)) / 0.2) ** 2))
            * _rise((-y) / 1.0)
            * _rise((y + 3.9) / 1.0)
            * (z > -1),
            "forehead_lines": np.sin(y * 6.5 + 0.4 * np.cos(x * 1.2)) * spot(0, 8, 3.0, 1.3),
        }.items()
    }


# Elevation of the hair line (degrees) over azimuth: forehead, temple, in front of the ear, above it, behind it, nape.
HAIR_LINE = (
    [0, 25, 42, 55, 68, 78, 86, 93, 97, 122, 130, 150, 180],
    [62, 59, 52, 43, 35, 27, 15, 6, 24, 20, -14, -32, -36],
)


def _rise(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


@lru_cache(maxsize=1)
def ambient_light() -> np.ndarray:
    """How much of the sky each vertex of the neutral head sees, cosine-weighted, (V,) float32 over [0, 1]."""
    head = build_head()
    triangles = np.concatenate([head.triangles[part] for part in _AMBIENT_PARTS])
    normals = vertex_normals(head.neutral, triangles)
    count, size = 72, 160
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - height**2)
    sky = np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1)
    seen, total = np.zeros(len(normals)), np.full(len(normals), 1e-3)
    # More light comes from above.
    for direction, weight in zip(sky, 0.75 + 0.5 * sky[:, 1], strict=True):
        side = np.cross(direction, [0.0, 0.97, 0.26])
        side /= np.linalg.norm(side)
        view = head.neutral @ np.stack([side, np.cross(direction, side), direction], axis=1).astype(np.float32)
        view[:, :2] = view[:, :2] * (size / 44) + size / 2
        depth = np.full((size, size), EMPTY_DEPTH, np.float32)
        draw_depth(view, triangles, 0, np.empty((size, size), np.int32), depth)
        column, row = np.clip(view[:, :2].astype(int), 0, size - 1).T
        facing = np.clip(normals @ direction, 0, None) * weight
        total += facing
        seen += facing * np.clip(1 - (depth[row, column] - view[:, 2] - 0.25) / 0.4, 0, 1)
    ambient = 0.12 + 0.88 * (seen / total) ** 0.9  # light also bounces into folds
    for part in ("mouth", "upper_teeth", "lower_teeth"):
        ambient[head.vertices[part]] = 1  # depends on how far the mouth is open: the shader's business
    return ambient.astype(np.float32)


@lru_cache(maxsize=1)
def noise_pictures() -> np.ndarray:
    """Tiling noise, (3, NOISE_SIZE, NOISE_SIZE) float32, deviation about 1: clouds, fine grain, upright strands."""
    rng = np.random.default_rng(0)
    frequency = np.fft.fftfreq(NOISE_SIZE) * NOISE_SIZE
    fx, fy = frequency[None], frequency[:, None]
    radius = np.hypot(fx, fy)
    clouds = (radius > 0) / np.maximum(radius, 4) ** 1.6
    grain = np.exp(-((radius / 60) ** 2)) * (radius > 6)
    strands = np.exp(-((fx / 55) ** 2) - ((fy / 6) ** 2)) * (np.abs(fx) > 3)
    pictures = []
    for spectrum in (clouds, grain, strands):
        picture = np.fft.ifft2(np.fft.fft2(rng.standard_normal((NOISE_SIZE, NOISE_SIZE))) * spectrum).real
        pictures.append(np.clip(picture / picture.std(), -2.2, 2.2))
    pictures[0] = pictures[0] + 0.4 * pictures[1]
    return np.stack(pictures).astype(np.float32)
