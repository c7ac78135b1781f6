"""One face from one random generator: identity, expression, pose, crop, picture, and its 68 points.

The pose is that of the deformed head after it has been aligned with the mean shape (by the weights of `src.pose`), so
that a long nose or an open mouth does not count as a turn of the head.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from src.boxes import CENTER, MEDIAN_SHARE, SHARE_RANGE
from src.markup import MEAN_SHAPE
from src.pose import POINT_WEIGHTS, rotation_matrix
from src.synthesis.renderer import camera, hair, scenery, shading
from src.synthesis.renderer.appearance import Appearance, head_covering, sample_appearance
from src.synthesis.renderer.drawing import Crop, Model, draw_model
from src.synthesis.renderer.head import EXPRESSION_NAMES, IDENTITY_NAMES, Head, build_head
from src.synthesis.renderer.vertices import blend, transform

# Kind of material of each part.
_KINDS = {
    "skin": shading.SKIN,
    "ears": shading.SKIN,
    "mouth": shading.MOUTH,
    "upper_teeth": shading.TEETH,
    "lower_teeth": shading.TEETH,
    "eye_right": shading.EYE,
    "eye_left": shading.EYE,
    "body": shading.CLOTH,
    "frame": shading.FRAME,
    "frame_square": shading.FRAME,
    "lenses": shading.LENS,
    "lenses_square": shading.LENS,
}
_SOLID = ("skin", "ears", "mouth", "eye_right", "eye_left", "body")  # seen from outside only
_ALWAYS = (*_SOLID, "upper_teeth", "lower_teeth")
_NECK = np.array([0.0, -9.0, -7.5])  # cm; the head turns on the body here
_SHARE_SPREAD, _CENTER_SPREAD = 0.05, 0.012  # standard deviations, of the crop's side
_DRAWN = 2 / 3  # of the picture's side is drawn, then enlarged: a fifth less time, and as soft as many photographs


@dataclass(frozen=True)
class Face:
    """picture: RGB; points_image: (68, 2) pixels; euler: (3,) pitch, yaw, roll in degrees (see `src.pose`)."""

    picture: Image.Image
    points_image: np.ndarray
    euler: np.ndarray


def sample_pose(rng: np.random.Generator) -> np.ndarray:
    """Pitch, yaw, roll in degrees: yaw to +-90 with near-frontal faces preferred, pitch to +-30, roll to +-40."""
    yaw = rng.uniform(-35, 35) if rng.random() < 0.55 else rng.choice([-1, 1]) * rng.uniform(35, 90)
    pitch = np.clip(rng.normal(0, 12), -30, 30)
    roll = np.clip(rng.normal(0, 12), -40, 40)
    return np.array([pitch, yaw, roll])


def sample_shape(rng: np.random.Generator) -> np.ndarray:
    """Coefficients (M,) of the head's modes: identity, then expression."""
    identity = np.clip(rng.normal(0, 1, len(IDENTITY_NAMES)), -2.2, 2.2)
    names = EXPRESSION_NAMES
    strength = rng.choice([0.15, 0.6, 1.0], p=[0.35, 0.35, 0.3])
    expression = strength * np.clip(rng.normal(0, 0.4, len(names)), -0.3, 1.2) * (rng.random(len(names)) < 0.5)
    smile = strength * rng.uniform(-0.1, 1.3) * (rng.random() < 0.6)
    expression[names.index("smile")] = smile
    jaw = strength * rng.beta(0.8, 2.2) * (rng.random() < 0.55)
    expression[names.index("jaw_open")] = jaw
    expression[names.index("upper_lip_up")] += 0.5 * max(0.0, smile) * rng.random() + 0.3 * jaw
    blink = 1.0 if rng.random() < 0.06 else np.clip(rng.normal(0.05, 0.16), -0.2, 0.6)
    expression[names.index("blink_right")] = np.clip(blink + rng.normal(0, 0.03), -0.2, 1)
    expression[names.index("blink_left")] = np.clip(blink + rng.normal(0, 0.03), -0.2, 1)
    if rng.random() < 0.02:
        expression[names.index(("blink_left", "blink_right")[rng.integers(2)])] = 1.0
    return np.concatenate([identity, expression])


def deform(head: Head, shape: np.ndarray) -> np.ndarray:
    """Vertices (V, 3) float32, cm, of a shape (M,), aligned with the mean shape: without turn, shift or shear."""
    vertices = blend(head.neutral.reshape(-1), head.modes, shape.astype(np.float32)).reshape(-1, 3)
    weights = POINT_WEIGHTS / POINT_WEIGHTS.sum()
    points = head.landmarks(vertices).astype(float)
    source, target = weights @ points, weights @ MEAN_SHAPE
    mean = MEAN_SHAPE - target
    # The best linear map from the mean shape to this face: half of its growth along the axes stays, turn and shear do
    # not, because a camera that sees only two dimensions would take them for pose.
    fitted = np.linalg.solve(mean.T @ (mean * weights[:, None]), mean.T @ ((points - source) * weights[:, None])).T
    growth = np.linalg.norm(fitted, axis=0)
    undo = np.diag(np.sqrt(growth)) @ np.linalg.inv(fitted)
    return transform(vertices, undo, target - undo @ source)


def render_face(
    rng: np.random.Generator, image_size: int = 384, *, euler: np.ndarray | None = None, shape: np.ndarray | None = None
) -> Face:
    """Render one random face; `euler` (3,) in degrees and `shape` (M,) fix its pose and its coefficients.

    image_size: the picture's side in pixels.
    """
    head = build_head()
    # Sampled even if they are given, so that the same generator then gives the same appearance.
    sampled_euler, sampled_shape = sample_pose(rng), sample_shape(rng)
    euler = sampled_euler if euler is None else np.asarray(euler, float)
    shape = sampled_shape if shape is None else np.asarray(shape, float)
    gaze = np.clip(rng.normal(0, [0.18, 0.09]), -0.4, 0.4)
    appearance = sample_appearance(head, rng, gaze, shape[len(IDENTITY_NAMES)])
    vertices = deform(head, shape)
    rotation = rotation_matrix(euler)
    model = _assemble(head, vertices, appearance, euler, rotation, rng)

    seen = (head.landmarks(vertices) @ rotation.T)[:, :2] * [1, -1]
    drawn_size = round(_DRAWN * image_size)
    crop = _sample_crop(seen, drawn_size, rng)
    points_image = seen * crop.pixels_per_cm + crop.shift
    picture = draw_model(model, crop, appearance.light, scenery.draw_background(drawn_size, rng))
    skin, hair_color = np.array(model.materials.skin.color), np.array(model.materials.hair.color)
    scenery.draw_in_front(picture, points_image, skin, hair_color, appearance.light, rng)
    developed = camera.develop(picture, points_image, rng)
    developed = developed.resize((image_size, image_size), Image.Resampling.BICUBIC)
    return Face(developed, points_image * (image_size / drawn_size), euler)


def _assemble(
    head: Head,
    vertices: np.ndarray,
    appearance: Appearance,
    euler: np.ndarray,
    rotation: np.ndarray,
    rng: np.random.Generator,
) -> Model:
    """The turned head with body, hair or hat, and glasses. vertices: (V, 3) of the deformed head."""
    parts = [(head.triangles[part], _KINDS[part]) for part in _ALWAYS]
    attributes, materials = appearance.attributes, appearance.materials
    view = transform(vertices, rotation, np.zeros(3))
    view[head.vertices["body"]] = _turn_body(vertices[head.vertices["body"]], euler, rotation, rng)
    style = hair.sample_style(appearance.female, rng)
    if style != "bald":
        shell, uv = hair.hair_shell(vertices[head.vertices["skin"]], head.elevations, style, rng)
        parts.append((hair.hair_triangles() + np.int32(len(view)), shading.HAIR))
        attributes = np.concatenate([attributes, _hair_attributes(uv)])
        view = np.concatenate([view, transform(shell, rotation, np.zeros(3))])
        if style in ("beanie", "scarf"):
            materials = head_covering(materials, rng)
    shadowing = sum(len(triangles) for triangles, _ in parts)  # glasses are too thin for one that we could draw
    parts += [(head.triangles[part], _KINDS[part]) for part in appearance.wears]
    return Model(
        view=view,
        triangles=np.concatenate([triangles for triangles, _ in parts]),
        kinds=np.concatenate([np.full(len(triangles), kind, np.uint8) for triangles, kind in parts]),
        attributes=attributes,
        materials=materials,
        one_sided=sum(len(head.triangles[part]) for part in _SOLID),
        shadowing=shadowing,
    )


def _turn_body(body: np.ndarray, euler: np.ndarray, rotation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Body vertices (V, 3) in the camera's frame: the neck's top turns with the head, the chest only in part."""
    chest = rotation_matrix(euler * [0.25, rng.uniform(0.3, 0.8), 0.2] + rng.normal(0, [4, 12, 4]))
    follow = np.clip((body[:, 1:2] + 11.5) / 6.0, 0, 1).astype(np.float32)
    still = transform(body, chest, rotation @ _NECK - chest @ _NECK)
    return follow * transform(body, rotation, np.zeros(3)) + (1 - follow) * still


def _hair_attributes(uv: np.ndarray) -> np.ndarray:
    attributes = np.zeros((len(uv), shading.NUM_ATTRIBUTES), np.float32)
    attributes[:, shading.AMBIENT] = np.clip(0.75 + 0.25 * uv[:, 1] / 60, 0.45, 1)  # less sky lower down
    attributes[:, shading.U :] = uv
    return attributes


def _sample_crop(points: np.ndarray, size: int, rng: np.random.Generator) -> Crop:
    """A random crop of `size` pixels like the challenge's, with all points (68, 2) inside; cm in the camera's frame."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    scale = size * np.clip(rng.normal(MEDIAN_SHARE, _SHARE_SPREAD), *SHARE_RANGE) / np.sqrt(extent.prod())
    shift = np.clip(rng.normal(0, _CENTER_SPREAD, 2), -2 * _CENTER_SPREAD, 2 * _CENTER_SPREAD)
    center = size * (np.array(CENTER) + shift)
    room = np.minimum(center, size - center) - 0.01 * size
    scale = min(scale, (2 * room / extent).min())
    return Crop(scale, center - scale * (low + high) / 2)
