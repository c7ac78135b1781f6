"""New expressions for a photographed head: closed eyes, open mouths, raised brows, smiles.

The face model's skin, with the photograph as its texture, is drawn in the new expression over the turned photograph and
fades out towards hair, ears and neck, which stay the photograph's own. Between open lids the photograph's eye shows
through; between parted lips the model's teeth, tongue and gums are drawn in plain colors.

Camera frame as in `src.synthesis.reposing.heightfield`: pixels of the photograph, y down, z towards the viewer.
"""

from dataclasses import dataclass

import numpy as np

from src.geometry import apply_affine
from src.synthesis.compiled import kernel
from src.synthesis.raster import EMPTY_DEPTH, rasterize
from src.synthesis.reposing.conventions import AFLW_OFFSETS
from src.synthesis.reposing.face_model import FaceModel
from src.synthesis.reposing.fit import landmark_shapes
from src.synthesis.reposing.relabel import Relabeled

# ICT-FaceKit's vertices behind the lips, and their colors relative to the skin's brightness.
_INTERIOR = (
    (slice(11248, 13294), (0.50, 0.22, 0.20)),  # mouth socket
    (slice(14062, 17039), (0.90, 0.50, 0.47)),  # gums and tongue
    (slice(17039, 21451), (1.15, 1.10, 1.00)),  # teeth
)
_SOCKETS = slice(13294, 14062)  # ICT-FaceKit's vertices behind the lids
_GLOOM, _DARKEST = 8.0, 0.25  # centimeters behind the foremost teeth at which the mouth is dark, and its light there
# An open eye's lids hide in their crease. Closed ones take their texture this much further out, fading over the reach,
# and show lashes along their rims. Centimeters; the last is a share of light.
_LID_SHIFT, _LID_REACH, _LASH_WIDTH, _LASH_LIGHT = 0.35, 0.45, 0.07, 0.45
_REACH = 1.0  # centimeters: how far from a point its residual still moves the skin
_BLINK_CHANCE, _CLOSED_CHANCE = 0.6, 0.75  # that the eyes close at all, and that they close fully
_MOUTHS = ((), ("mouthFunnel",), ("mouthSmile_L", "mouthSmile_R"), ("mouthStretch_L", "mouthStretch_R"))
_BROWS = (("browInnerUp_L", "browInnerUp_R"), ("browDown_L", "browDown_R"), ("browOuterUp_L", "browOuterUp_R"))
# The part of the skin that is drawn, model frame in centimeters: an ellipsoid's center and half axes, open in front,
# and where between the center (0) and its surface (1) the fade begins.
_FACE_CENTER, _FACE_AXES, _FADE = np.array([0.0, -0.6, 5.0]), np.array([8.5, 9.5, 10.0]), 0.82


@dataclass(frozen=True)
class SkinMesh:
    """What all faces of a model share. H head vertices, I interior vertices.

    vertices: (H + I,) indices into the model's. triangles: (T, 3) into `vertices`, head first. opacity: (H,) of the
    head. interior_color: (I, 3) relative to the skin's brightness. spread: (H, 68) weights by which the points'
    residuals move the vertices. lid_shift: (H,) cm upwards by which closed lids shift their texture. lash_light: (H,)
    share of the light that closed eyes' lashes leave.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    opacity: np.ndarray
    interior_color: np.ndarray
    spread: np.ndarray
    lid_shift: np.ndarray
    lash_light: np.ndarray


def build_skin(model: FaceModel) -> SkinMesh:
    """The drawable part of the face model."""
    neutral = model.neutral[: model.head_vertices]
    away = np.minimum(neutral - _FACE_CENTER, [np.inf, np.inf, 0]) / _FACE_AXES
    distance = np.linalg.norm(away, axis=1)  # (H,)
    opacity = np.clip((1 - distance) / (1 - _FADE), 0, 1)
    present = [(part, color) for part, color in _INTERIOR if part.stop <= len(model.neutral)]
    interior = [np.arange(part.start, part.stop) for part, _ in present]
    interior_colors = [np.tile(color, (part.stop - part.start, 1)) for part, color in present]
    vertices = np.concatenate([np.arange(model.head_vertices), *interior])
    place = np.full(len(model.neutral), -1)
    place[vertices] = np.arange(len(vertices))
    inside = place[model.quads]
    inside = inside[(inside >= model.head_vertices).all(1)]
    apart = neutral[:, None] - (model.neutral[model.landmarks] + AFLW_OFFSETS)
    near = np.exp(-(apart**2).sum(-1) / (2 * _REACH**2))
    rim = _rim_distance(model)
    corners = model.neutral[model.landmarks[[36, 39]], 1].mean()
    return SkinMesh(
        vertices=vertices,
        triangles=np.concatenate([model.head_triangles(), inside[:, [0, 1, 2]], inside[:, [0, 2, 3]]]).astype(np.int32),
        opacity=opacity.astype(np.float32),
        interior_color=np.concatenate([np.empty((0, 3)), *interior_colors]),
        spread=(near / (near.sum(1, keepdims=True) + 0.2)).astype(np.float32),
        lid_shift=_LID_SHIFT * np.exp(-rim / _LID_REACH) * np.sign(neutral[:, 1] - corners) * (rim < 3 * _LID_REACH),
        lash_light=1 - (1 - _LASH_LIGHT) * np.exp(-((rim / _LASH_WIDTH) ** 2)),
    )


def _rim_distance(model: FaceModel) -> np.ndarray:
    """(H,) cm from each head vertex to the nearest rim of a lid, where the skin turns into the eye's socket."""
    neutral = model.neutral[: model.head_vertices]
    behind = (model.quads >= _SOCKETS.start) & (model.quads < _SOCKETS.stop)
    front = model.quads < model.head_vertices
    mixed = behind.any(1) & front.any(1)
    rim = neutral[np.unique(model.quads[mixed][front[mixed]])]
    return np.linalg.norm(neutral[:, None] - rim, axis=-1).min(1, initial=np.inf)


@dataclass(frozen=True)
class PhotoFace:
    """A photographed face that can change its expression; all in the camera frame of its photograph.

    texture: (H, 2) where the photograph shows each head vertex. rest: (H + I, 3) vertices in the photograph's own
    expression. to_camera: (3, 3) from centimeters of the model frame. coefficients: (E,) of the expression. brightness:
    of the skin in gray levels.
    """

    skin: SkinMesh
    texture: np.ndarray
    rest: np.ndarray
    to_camera: np.ndarray
    coefficients: np.ndarray
    brightness: float


def build_photo_face(
    model: FaceModel, skin: SkinMesh, photo: np.ndarray, relabeled: Relabeled, index: int
) -> PhotoFace:
    """Face `index` in its photograph (S, S, 3) uint8."""
    fits = relabeled.fits
    camera = fits.scale[index] * np.diag([1.0, -1, 1]) @ fits.rotation[index]
    shift = np.append(fits.translation[index], 0.0) * [1, -1, 1]
    coefficients = fits.coefficients[index]
    shape = model.shape(coefficients, len(model.neutral))[skin.vertices]
    mesh_points = landmark_shapes(model, coefficients[None], AFLW_OFFSETS)[0] @ camera.T + shift
    residual = relabeled.points_camera[index] - mesh_points  # (68, 3)
    rest = shape @ camera.T + shift
    num_head = len(skin.opacity)
    rest[:num_head] += skin.spread @ residual
    texture = rest[:num_head, :2]
    pixels = np.clip(texture[skin.opacity == 1].astype(int), 0, len(photo) - 1)
    brightness = float(np.median(photo[pixels[:, 1], pixels[:, 0]]))
    return PhotoFace(skin, texture, rest, camera, coefficients[len(model.identity) :], brightness)


@dataclass(frozen=True)
class Expression:
    """A photographed face in a new expression, in the camera frame of its photograph.

    vertices: (H + I, 3). shift: (68, 3) by which the labels move. closure: how far the eyes are closed, 0 to 1.
    """

    face: PhotoFace
    vertices: np.ndarray
    shift: np.ndarray
    closure: float


def change_expression(model: FaceModel, face: PhotoFace, changes: dict[str, float]) -> Expression:
    """Set expression coefficients by name, in [0, 1]; both eyes blink alike. Names that the model lacks are ignored."""
    known = {
        model.expression_names.index(name): value for name, value in changes.items() if name in model.expression_names
    }
    change = np.zeros(len(face.coefficients), np.float32)
    change[list(known)] = np.array(list(known.values())) - face.coefficients[list(known)]
    used = np.flatnonzero(change)
    modes = model.expression[used][:, face.skin.vertices]
    moved = np.tensordot(change[used], modes, 1) @ face.to_camera.T
    points = np.tensordot(change[used], model.expression[used][:, model.landmarks], 1) @ face.to_camera.T
    return Expression(face, face.rest + moved, points, changes.get("eyeBlink_L", 0.0))


def sample_expression(rng: np.random.Generator) -> dict[str, float]:
    """Expressions that photographs lack, at least closing eyes or an opening mouth."""
    changes = {}
    blinks = rng.random() < _BLINK_CHANCE
    if blinks:
        closure = 1.0 if rng.random() < _CLOSED_CHANCE else rng.uniform(0.3, 1)
        changes |= {f"eyeBlink_{side}": closure for side in "LR"}
        changes |= {f"{name}_{side}": 0.0 for name in ("eyeWide", "eyeSquint") for side in "LR"}
    if not blinks or rng.random() < 0.5:
        changes["jawOpen"] = rng.uniform(0.15, 1)
        mouth = _MOUTHS[rng.integers(len(_MOUTHS))]
        changes |= dict.fromkeys(mouth, rng.uniform(0.1, 0.6))
    if rng.random() < 0.5:
        changes |= dict.fromkeys(_BROWS[rng.integers(len(_BROWS))], rng.uniform(0.2, 0.9))
    return changes


def draw_skin(
    expression: Expression, vertices: np.ndarray, photo: np.ndarray, picture: np.ndarray, affine: np.ndarray
) -> None:
    """Draw the face over picture (S, S, 3) uint8, in place, with 2 x 2 samples per pixel.

    vertices: (H + I, 3), those of the expression, turned. photo: (H, W, 3) uint8. affine: (2, 3) from the photograph's
    pixels to the picture's.
    """
    face, closure = expression.face, expression.closure
    size, num_head = len(picture), len(face.skin.opacity)
    projected = np.column_stack([2 * apply_affine(affine, vertices[:, :2]), vertices[:, 2]]).astype(np.float32)
    covering = np.full((2 * size, 2 * size), -1, np.int32)
    weights = np.empty((2 * size, 2 * size, 3), np.float32)
    depth = np.full(covering.shape, EMPTY_DEPTH, np.float32)
    rasterize(projected, face.skin.triangles, covering, weights, depth)
    per_cm = np.linalg.norm(face.to_camera[0])
    behind = vertices[num_head:, 2].max(initial=-np.inf) - vertices[num_head:, 2:]
    light = np.clip(1 - behind / (_GLOOM * per_cm), _DARKEST, 1)
    inside = np.clip(face.skin.interior_color * face.brightness * light, 0, 255).astype(np.float32)
    texture = face.texture + closure * face.skin.lid_shift[:, None] * face.to_camera[:2, 1]
    shade = 1 - closure * (1 - face.skin.lash_light)
    skin = np.column_stack([texture, face.skin.opacity, shade]).astype(np.float32)
    _overlay(covering, weights, face.skin.triangles, skin, inside, photo, picture)


@kernel
def _overlay(covering, weights, triangles, skin, inside, photo, picture):
    """Blend the rasterized face over the picture: the skin samples the photograph, the rest has vertex colors.

    skin: (H, 4) x and y in the photograph, opacity, light. inside: (I, 3) colors.
    """
    height, width, _ = photo.shape
    num_head = skin.shape[0]
    color = np.empty(3)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            color[:] = 0
            cover = 0.0
            for sample in range(4):
                r, c = 2 * row + sample // 2, 2 * column + sample % 2
                t = covering[r, c]
                if t < 0:
                    continue
                if triangles[t, 0] >= num_head:
                    cover += 0.25
                    for corner in range(3):
                        for channel in range(3):
                            shade = inside[triangles[t, corner] - num_head, channel]
                            color[channel] += 0.25 * weights[r, c, corner] * shade
                    continue
                x, y, alpha, light = -0.5, -0.5, 0.0, 0.0
                for corner in range(3):
                    vertex, weight = triangles[t, corner], weights[r, c, corner]
                    x += weight * skin[vertex, 0]
                    y += weight * skin[vertex, 1]
                    alpha += 0.25 * weight * skin[vertex, 2]
                    light += weight * skin[vertex, 3]
                x, y = min(max(x, 0.0), width - 1.001), min(max(y, 0.0), height - 1.001)
                left, top = int(x), int(y)
                fx, fy = x - left, y - top
                cover += alpha
                for channel in range(3):
                    upper = (1 - fx) * photo[top, left, channel] + fx * photo[top, left + 1, channel]
                    lower = (1 - fx) * photo[top + 1, left, channel] + fx * photo[top + 1, left + 1, channel]
                    color[channel] += alpha * light * ((1 - fy) * upper + fy * lower)
            if cover > 0.0:
                for channel in range(3):
                    mixed = (1 - cover) * picture[row, column, channel] + color[channel]
                    picture[row, column, channel] = int(mixed + 0.5)
