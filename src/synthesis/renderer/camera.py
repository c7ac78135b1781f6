"""The simulated camera: exposure, noise, blur, low resolution, gray pictures, and black borders."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from src.synthesis.compiled import kernel
from src.synthesis.renderer.appearance import linear

_LUT_SIZE = 4096


def develop(picture: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Linear light to a photograph: exposure, sensor noise and, at random, blur or low resolution, gray, black borders.

    picture: (S, S, 3) linear light; points: (68, 2) pixels, which borders spare. Returns an RGB picture of that size.
    """
    side = picture.shape[0]
    pixels = np.empty((side, side, 3), np.uint8)
    strength = rng.uniform(1, 8) if rng.random() < 0.4 else 0.0
    _expose(picture, _to_srgb(), _grain(), strength, *rng.integers(0, 256, 2), pixels)
    image = Image.fromarray(pixels)
    soft = rng.random()
    if soft < 0.25:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 1.3)))
    elif soft < 0.4:
        small = int(side * rng.uniform(0.3, 0.8))
        image = image.resize((small, small), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BICUBIC)
    if rng.random() < 0.07:
        image = image.convert("L").convert("RGB")
    if rng.random() < 0.1:
        pixels = np.array(image)
        _border(pixels, points, rng)
        image = Image.fromarray(pixels)
    return image


@kernel
def _expose(picture, curve, grain, strength, shift_x, shift_y, pixels):
    """Linear light (H, W, 3) to 8 bits by the table `curve`, with Gaussian noise of sigma `strength` gray levels."""
    last = curve.shape[0] - 1
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            for c in range(3):
                level = min(last, max(0, int(picture[row, column, c] * curve.shape[0])))
                value = curve[level] + strength * grain[(row + shift_y) & 255, (column + shift_x) & 255, c]
                pixels[row, column, c] = min(255, max(0, int(value + 0.5)))


def _border(pixels: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> None:
    """Black strips on one or two sides, as beyond a photograph's edge; they spare points (68, 2) (in place)."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = pixels.shape[0]
    for edge in rng.choice(4, size=rng.integers(1, 3), replace=False):
        share = rng.uniform(0.1, 0.75)
        if edge == 0:
            pixels[:, : int(low[0] * share)] = 0
        elif edge == 1:
            pixels[:, side - int((side - high[0]) * share) :] = 0
        elif edge == 2:
            pixels[: int(low[1] * share * 0.6)] = 0
        else:
            pixels[side - int((side - high[1]) * share) :] = 0


@lru_cache(maxsize=1)
def _to_srgb() -> np.ndarray:
    """Table (_LUT_SIZE,) from linear light over [0, 1] to sRGB gray levels."""
    return (255 * ((np.arange(_LUT_SIZE) + 0.5) / _LUT_SIZE) ** (1 / 2.2)).astype(np.float32)


@lru_cache(maxsize=1)
def from_srgb() -> np.ndarray:
    """Table (256,) from sRGB gray levels to linear light."""
    return linear(np.arange(256)).astype(np.float32)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((256, 256, 3)).astype(np.float32)
