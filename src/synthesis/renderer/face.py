"""One face from one random generator: identity, expression, pose, framing, picture, and its 68 points.

The pose is that of the deformed head after it has been laid on the mean shape (with the weights of `src.pose`), so that
a long nose or an open mouth does not count as a turn of the head.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from src.markup import MEAN_SHAPE, REGIONS
from src.pose import rotation_matrix
from src.synthesis.raster import EMPTY_DEPTH, draw_depth
from src.synthesis.renderer import appearance, hair, masks, scenery, shading
from src.synthesis.renderer.head import EXPRESSION_NAMES, IDENTITY_NAMES, Head, build_head
from src.synthesis.renderer.shading import NUM_ATTRIBUTES

# Material of each part.
_MATERIALS = {
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
_SHADOW_SIZE = 224
_DRAWN = 2 / 3  # of the picture's side is drawn, then enlarged: a fifth less time, and as soft as many photographs


@dataclass(frozen=True)
class Face:
    """picture: RGB; points_image: (68, 2) pixels; euler: (3,) pitch, yaw, roll in degrees (see `src.pose`)."""

    picture: Image.Image
    points_image: np.ndarray
    euler: np.ndarray


def draw_pose(rng: np.random.Generator) -> np.ndarray:
    """Pitch, yaw, roll in degrees: yaw to +-90 with near-frontal faces preferred, pitch to +-30, roll to +-40."""
    yaw = rng.uniform(-35, 35) if rng.random() < 0.55 else rng.choice([-1, 1]) * rng.uniform(35, 90)
    pitch = np.clip(rng.normal(0, 12), -30, 30)
    roll = np.clip(rng.normal(0, 12), -40, 40)
    return np.array([pitch, yaw, roll])


def draw_shape(rng: np.random.Generator) -> np.ndarray:
    """Coefficients (M,) of the head's modes: identity, then expression."""
    identity = np.clip(rng.normal(0, 1, len(IDENTITY_NAMES)), -2.2, 2.2)
    names = EXPRESSION_NAMES
    expression = np.zeros(len(names))
    strength = rng.choice([0.15, 0.6, 1.0], p=[0.35, 0.35, 0.3])
    expression[:] = strength * np.clip(rng.normal(0, 0.4, len(names)), -0.3, 1.2) * (rng.random(len(names)) < 0.5)
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
    """Vertices (V, 3) float32, cm, of a shape (M,), laid on the mean shape: no turn, shift or shear is left between."""
    vertices = np.empty_like(head.neutral)
    shading.blend(head.neutral.reshape(-1), head.modes, shape.astype(np.float32), vertices.reshape(-1))
    weights = np.ones(68)
    weights[REGIONS["jaw"]] = 0.1  # as in src.pose
    weights /= weights.sum()
    points = head.landmarks(vertices).astype(float)
    source, target = weights @ points, weights @ MEAN_SHAPE
    mean = MEAN_SHAPE - target
    # The best linear map from the mean shape to this face: half of its growth along the axes stays, turn and shear do
    # not, because a camera that sees only two dimensions would take them for pose.
    fitted = np.linalg.solve(mean.T @ (mean * weights[:, None]), mean.T @ ((points - source) * weights[:, None])).T
    growth = np.linalg.norm(fitted, axis=0)
    undo = np.diag(np.sqrt(growth)) @ np.linalg.inv(fitted)
    return _moved(vertices, undo, target - undo @ source)


def _moved(points: np.ndarray, linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """points (V, 3) @ linear.T + shift, float32."""
    moved = np.empty((len(points), 3), np.float32)
    shading.transform(points, linear, shift, moved)
    return moved


def render_face(
    rng: np.random.Generator, image_size: int = 384, *, euler: np.ndarray | None = None, shape: np.ndarray | None = None
) -> Face:
    """Draw one random face; `euler` (3,) and `shape` (M,) fix its pose and its coefficients."""
    head = build_head()
    drawn_euler, drawn_shape = draw_pose(rng), draw_shape(rng)
    euler = drawn_euler if euler is None else np.asarray(euler, float)
    shape = drawn_shape if shape is None else np.asarray(shape, float)
    gaze = np.clip(rng.normal(0, [0.18, 0.09]), -0.4, 0.4)
    look = appearance.draw_look(head, rng, gaze, shape[len(IDENTITY_NAMES)])
    vertices = deform(head, shape)
    points = head.landmarks(vertices)

    parts = _ALWAYS
    triangles = [head.triangles[part] for part in parts]
    materials = [np.full(len(head.triangles[part]), _MATERIALS[part], np.uint8) for part in parts]
    attributes = look.attributes
    rotation = rotation_matrix(euler)
    view = _moved(vertices, rotation, np.zeros(3))
    view[head.vertices["body"]] = _turn_body(vertices[head.vertices["body"]], euler, rotation, rng)
    style = hair.draw_style(look.female, rng)
    if style != "bald":
        shell, uv = hair.hair_shell(vertices[head.vertices["skin"]], head.elevations, style, rng)
        triangles.append(hair.hair_triangles() + np.int32(len(view)))
        materials.append(np.full(len(triangles[-1]), shading.HAIR, np.uint8))
        attributes = np.concatenate([attributes, _hair_attributes(uv)])
        view = np.concatenate([view, _moved(shell, rotation, np.zeros(3))])
        if style in ("beanie", "scarf"):
            look.materials[shading.HAIR, :4] = [*(rng.uniform(0.01, 0.7) * rng.uniform(0.4, 1, 3)), 0.05]
            look.materials[shading.HAIR, 6] = 0.0
    shadowing = sum(map(len, triangles))  # glasses are too thin to throw a shadow that we could draw
    for part in look.wears:
        triangles.append(head.triangles[part])
        materials.append(np.full(len(head.triangles[part]), _MATERIALS[part], np.uint8))
    triangles, materials = np.concatenate(triangles), np.concatenate(materials)
    one_sided = sum(len(head.triangles[part]) for part in _SOLID)

    seen = points @ rotation.T
    drawn_size = round(_DRAWN * image_size)
    pixels_per_cm, shift = _frame(seen[:, :2] * [1, -1], drawn_size, rng)
    points_image = seen[:, :2] * [1, -1] * pixels_per_cm + shift
    picture = _paint(
        view, triangles, materials, attributes, look, one_sided, shadowing, pixels_per_cm, shift, drawn_size, rng
    )
    skin, hair_color = look.materials[shading.SKIN, 3:6], look.materials[shading.HAIR, :3]
    scenery.occlude(picture, points_image, skin, hair_color, look.light, rng)
    developed = scenery.develop(picture, points_image, rng)
    developed = developed.resize((image_size, image_size), Image.Resampling.BICUBIC)
    return Face(developed, points_image * (image_size / drawn_size), euler)


def _turn_body(body: np.ndarray, euler: np.ndarray, rotation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Body vertices (V, 3) in the camera's frame: the neck's top turns with the head, the chest only in part."""
    chest = rotation_matrix(euler * [0.25, rng.uniform(0.3, 0.8), 0.2] + rng.normal(0, [4, 12, 4]))
    follow = np.clip((body[:, 1:2] + 11.5) / 6.0, 0, 1).astype(np.float32)
    still = _moved(body, chest, rotation @ _NECK - chest @ _NECK)
    return follow * _moved(body, rotation, np.zeros(3)) + (1 - follow) * still


def _hair_attributes(uv: np.ndarray) -> np.ndarray:
    attributes = np.zeros((len(uv), NUM_ATTRIBUTES), np.float32)
    attributes[:, 5] = np.clip(0.75 + 0.25 * uv[:, 1] / 60, 0.45, 1)  # less sky lower down
    attributes[:, 6:] = uv
    return attributes


def _frame(points: np.ndarray, size: int, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Scale (pixels per cm) and shift (2,) that frame points (68, 2) cm as the challenge's crops do, all inside."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    scale = size * np.clip(rng.normal(0.51, 0.05), 0.39, 0.66) / np.sqrt(extent.prod())
    center = size * (np.array([0.5, 0.58]) + np.clip(rng.normal(0, 0.012, 2), -0.024, 0.024))
    room = np.minimum(center, size - center) - 0.01 * size
    scale = min(scale, (2 * room / extent).min())
    return scale, center - scale * (low + high) / 2


def _paint(
    view, triangles, materials, attributes, look, one_sided, shadowing, pixels_per_cm, shift, size, rng
) -> np.ndarray:
    """The picture (size, size, 3) in linear light, from vertices `view` (V, 3) in the camera's frame, cm."""
    normals = np.empty_like(view)
    shading.vertex_normals(view, triangles, normals)
    table = np.empty((len(view), shading.NUM_COLUMNS), np.float32)
    shading.light_vertices(attributes, normals, look.light, table)
    screen = _moved(view, np.diag([1, -1, 1]) * 2 * pixels_per_cm, np.array([*(2 * shift), 0]))
    index = np.full((2 * size, 2 * size), -1, np.int32)
    draw_depth(screen, triangles, one_sided, index, np.full(index.shape, EMPTY_DEPTH, np.float32))
    # The key light's own view: depth in cm, a square of 44 cm around the head.
    ahead = look.light[9].astype(float)
    side = np.cross([0.0, 1.0, 0.0], ahead)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(side, ahead), ahead])  # right, down, towards the light
    per_cm = _SHADOW_SIZE / 44
    from_light = np.concatenate([basis[:2] * per_cm, basis[2:]])
    shadow = np.full((_SHADOW_SIZE, _SHADOW_SIZE), -40, np.float32)  # behind everything
    lit_view = _moved(view, from_light, np.array([_SHADOW_SIZE / 2, _SHADOW_SIZE / 2, 0]))
    draw_depth(lit_view, triangles[:shadowing], one_sided, np.empty(shadow.shape, np.int32), shadow)
    # From doubled pixels to the light's view; 0.3 cm keep a surface from shading itself.
    to_view = np.diag([1, -1, 1]) / (2 * pixels_per_cm)
    linear = from_light @ to_view
    offset = -linear @ np.array([*(2 * shift), 0.0]) + [_SHADOW_SIZE / 2, _SHADOW_SIZE / 2, 0.3]
    to_shadow = np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)
    picture = np.empty((size, size, 3), np.float32)
    shading.shade(
        screen, triangles, materials, table, index, look.materials, look.light,
        masks.noise_pictures(), shadow, to_shadow, scenery.draw_background(size, rng), scenery.from_srgb(), picture,
    )  # fmt: skip
    return picture
