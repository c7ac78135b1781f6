"""A head that is ready to be drawn, to a picture in linear light: what is seen, what lies in shadow, and the shader."""

from dataclasses import dataclass

import numpy as np

from src.synthesis.raster import EMPTY_DEPTH, draw_depth
from src.synthesis.renderer import camera, masks, shading
from src.synthesis.renderer.materials import Materials
from src.synthesis.renderer.vertices import transform, vertex_normals

_SHADOW_SIZE = 224  # pixels, the side of the key light's own view
_SHADOW_SPAN = 44  # cm that it shows


@dataclass(frozen=True)
class Model:
    """A head that is ready to be drawn.

    view: (V, 3) float32 in the camera's frame, cm. triangles: (T, 3) into `view`. kinds: (T,) uint8, each triangle's
    material. attributes: (V, NUM_ATTRIBUTES). Of the first `one_sided` triangles no backs are drawn; the first
    `shadowing` cast a shadow.
    """

    view: np.ndarray
    triangles: np.ndarray
    kinds: np.ndarray
    attributes: np.ndarray
    materials: Materials
    one_sided: int
    shadowing: int


@dataclass(frozen=True)
class Crop:
    """Where centimeters of the camera's frame, y down, lie in the picture: pixels_per_cm * cm + shift (2,)."""

    pixels_per_cm: float
    shift: np.ndarray


def draw_model(model: Model, crop: Crop, light: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The model in front of a background (S, S, 3) uint8 in sRGB.

    light: (12, 3) as in `shading`. Returns the picture (S, S, 3) float32 in linear light.
    """
    size = len(background)
    normals = vertex_normals(model.view, model.triangles)
    doubled, shift = 2 * crop.pixels_per_cm, np.array([*(2 * crop.shift), 0.0])
    screen = transform(model.view, np.diag([1, -1, 1]) * doubled, shift)
    visible = np.full((2 * size, 2 * size), -1, np.int32)
    draw_depth(screen, model.triangles, model.one_sided, visible, np.full(visible.shape, EMPTY_DEPTH, np.float32))
    shadow, to_light = _cast_shadow(model, light[shading.KEY_DIRECTION].astype(float))
    # From doubled pixels to the light's view; 0.3 cm keep a surface from shading itself.
    linear = to_light @ (np.diag([1, -1, 1]) / doubled)
    offset = -linear @ shift + [_SHADOW_SIZE / 2, _SHADOW_SIZE / 2, 0.3]
    scene = shading.Scene(
        vertices=screen,
        triangles=model.triangles,
        kinds=model.kinds,
        table=shading.light_vertices(model.attributes, normals, light),
        visible=visible,
        materials=model.materials,
        light=light,
        noise=masks.noise_pictures(),
        shadow=shadow,
        to_shadow=np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32),
    )
    return shading.shade(scene, background, camera.from_srgb())


def _cast_shadow(model: Model, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The key light's own view, a square around the head, and the map (3, 3) from the camera's frame to it.

    ahead: (3,) towards the light. Depth is in cm.
    """
    side = np.cross([0.0, 1.0, 0.0], ahead)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(side, ahead), ahead])  # right, down, towards the light
    to_light = np.concatenate([basis[:2] * (_SHADOW_SIZE / _SHADOW_SPAN), basis[2:]])
    shadow = np.full((_SHADOW_SIZE, _SHADOW_SIZE), -40, np.float32)  # behind everything
    seen = transform(model.view, to_light, np.array([_SHADOW_SIZE / 2, _SHADOW_SIZE / 2, 0]))
    draw_depth(seen, model.triangles[: model.shadowing], model.one_sided, np.empty(shadow.shape, np.int32), shadow)
    return shadow, to_light
