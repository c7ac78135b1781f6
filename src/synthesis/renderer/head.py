"""A parametric head of our own: skin through hand-set anatomy and the mean landmarks, with identity and expression.

Everything is analytic and built in memory within a second: no file is read. The frame is that of `MEAN_SHAPE`:
centimeters, x to the picture's right, y up, z towards the viewer.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from src.markup import MEAN_SHAPE
from src.synthesis.renderer import chart, parts
from src.synthesis.renderer.anatomy import EYE_CENTER, SURFACE
from src.synthesis.renderer.chart import AZIMUTHS, NUM_COLUMNS, NUM_ROWS, ROW
from src.synthesis.renderer.fields import EXPRESSION, IDENTITY, displacement, jaw_drop
from src.synthesis.renderer.parts import Mesh

EXPRESSION_NAMES = ("jaw_open", "blink_right", "blink_left", *EXPRESSION)
IDENTITY_NAMES = tuple(IDENTITY)


@dataclass(frozen=True)
class Head:
    """The neutral head and its linear modes.

    neutral: (V, 3) float32 cm, all parts one after the other. modes: (M, V * 3) float32, identity modes first, then
    expression modes. triangles: part -> (T, 3) int32 into the vertices. vertices: part -> slice. uv: (V, 2).
    Landmark k is `landmark_weights[k] @ vertices[landmark_vertices[k]]`, (68, 4) each. elevations: (NUM_ROWS,
    NUM_COLUMNS) degrees, of the skin's grid.
    """

    neutral: np.ndarray
    modes: np.ndarray
    triangles: dict[str, np.ndarray]
    vertices: dict[str, slice]
    uv: np.ndarray
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray
    elevations: np.ndarray

    def landmarks(self, vertices: np.ndarray) -> np.ndarray:
        """The 68 points (68, 3) of a deformed head (V, 3)."""
        return np.einsum("kc,kcd->kd", self.landmark_weights, vertices[self.landmark_vertices])


@lru_cache(maxsize=1)
def build_head() -> Head:
    """Build the head; the same object at every call."""
    elevations = chart.row_elevations()
    skin = _skin_mesh(elevations)
    meshes = {  # in the order of their vertices; glasses are worn or not, the other parts are always drawn
        "skin": skin,
        "ears": parts.join([parts.ear(), parts.mirror(parts.ear())]),
        "mouth": parts.mouth_floor(),
        "upper_teeth": parts.teeth(lower=False),
        "lower_teeth": parts.teeth(lower=True),
        "eye_right": parts.eye(),
        "eye_left": parts.mirror(parts.eye(), flip_u=True),
        "frame": parts.glasses(2.3, 0.09),
        "frame_square": parts.glasses(3.6, 0.16),
        "lenses": parts.lenses(2.3),
        "lenses_square": parts.lenses(3.6),
        "body": parts.body(),
    }
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes.values())])
    slices = {part: slice(int(a), int(b)) for part, a, b in zip(meshes, starts, starts[1:], strict=False)}
    neutral = np.concatenate([mesh.vertices for mesh in meshes.values()])
    lower = np.zeros(len(neutral))
    lower[slices["skin"]] = _skin_follows_jaw(skin.vertices)
    lower[slices["lower_teeth"]] = 1.0
    lower[slices["mouth"]] = np.clip((-3.2 - meshes["mouth"].vertices[:, 1]) / 0.8, 0, 1)
    landmark_vertices, landmark_weights = _landmark_corners(elevations)
    return Head(
        neutral=neutral.astype(np.float32),
        modes=_modes(neutral, lower, slices).reshape(len(IDENTITY_NAMES) + len(EXPRESSION_NAMES), -1),
        triangles={part: mesh.triangles + np.int32(slices[part].start) for part, mesh in meshes.items()},
        vertices=slices,
        uv=np.concatenate([mesh.uv for mesh in meshes.values()]).astype(np.float32),
        landmark_vertices=landmark_vertices,
        landmark_weights=landmark_weights,
        elevations=elevations,
    )


def _skin_mesh(elevations: np.ndarray) -> Mesh:
    azimuths = np.broadcast_to(AZIMUTHS, elevations.shape)
    directions = chart.directions(azimuths, elevations)
    radius = _surface_radius(directions)
    inner_eye, outer_eye = (_column(a) for a in chart.EYE_COLUMNS)
    middle = NUM_COLUMNS // 2
    eyes = np.zeros(NUM_COLUMNS, bool)
    eyes[[*range(middle + inner_eye, middle + outer_eye), *range(middle - outer_eye, middle - inner_eye)]] = True
    mouth = np.abs(np.arange(NUM_COLUMNS - 1) + 0.5 - middle) < _column(chart.MOUTH_COLUMN)
    # The lids' corner at the nose stays closed by a fold of skin.
    eyes[[middle + inner_eye, middle + inner_eye + 1, middle - inner_eye - 1, middle - inner_eye - 2]] = False
    # Lids and lips have a thickness: their inner rows lie deeper.
    radius[[ROW["upper_lid_inside"], ROW["lower_lid_inside"]]] -= 0.16 * _bump(chart.EYE_COLUMNS)
    _round_lips(radius)
    for row in range(ROW["upper_lip_edge"] + 1, ROW["lower_lip_edge"]):
        depth = 0.45 if ROW["upper_lip_inside"] <= row <= ROW["lower_lip_inside"] else 0.18
        radius[row] -= depth * np.sqrt(np.clip(1 - (AZIMUTHS / chart.MOUTH_COLUMN) ** 2, 0, 1))
    points = chart.CENTER + radius[..., None] * directions
    _dent_nostrils(points)
    mesh = parts.grid_mesh(points)
    hole = np.zeros((NUM_ROWS - 1, NUM_COLUMNS - 1), bool)
    hole[ROW["upper_lid_inside"] : ROW["lower_lid_inside"]] |= eyes[:-1]
    hole[ROW["upper_lip_inside"] : ROW["lower_lip_inside"]] |= mouth
    keep = np.tile(~hole.reshape(-1), 2)
    uv = np.stack([azimuths, elevations], axis=-1).reshape(-1, 2)
    return Mesh(mesh.vertices, mesh.triangles[keep], uv)


def _round_lips(radius: np.ndarray) -> None:
    """Give the red of both lips a full, even profile between its outer and its inner border (in place)."""
    azimuth, _, distance = chart.chart_angles(MEAN_SHAPE)
    lips = np.abs(AZIMUTHS) <= 22.3
    outer_corner, inner_corner = 54, 64  # of the mouth, landmarks
    for outer, inner, bulge in (("upper_lip", "upper_lip_edge", 0.13), ("lower_lip", "lower_lip_edge", 0.2)):
        profile = []
        for feature in (outer, inner):
            corners = (inner_corner, outer_corner) if feature == inner else (outer_corner,)
            marks = {k for k in chart.LANDMARK_ROWS[feature] if azimuth[k] > -1e-6} - {outer_corner, inner_corner}
            marks = [*sorted(marks, key=lambda k: azimuth[k]), *corners]
            profile.append(chart.smooth_curve(np.abs(AZIMUTHS[lips]), azimuth[marks], distance[marks]))
        rows = np.arange(ROW[outer], ROW[inner], 1 if outer == "upper_lip" else -1)
        rows = np.append(rows, ROW[inner])
        full = np.clip(1 - (AZIMUTHS[lips] / 22.2) ** 2, 0, 1)
        for row, t in zip(rows, np.linspace(0, 1, len(rows)), strict=True):
            curve = profile[0] + (profile[1] - profile[0]) * t**2.5
            radius[row, lips] = curve + bulge * full * np.sin(np.pi * t) ** 0.8


def _column(azimuth: float) -> int:
    """Columns between the middle and an azimuth."""
    return int(np.argmin(np.abs(AZIMUTHS - azimuth))) - NUM_COLUMNS // 2


def _bump(columns: tuple[float, float]) -> np.ndarray:
    """1 within both eyes' columns, falling to 0 at the corners. (NUM_COLUMNS,)"""
    inner, outer = columns
    t = (np.abs(AZIMUTHS) - inner) / (outer - inner)
    return np.sqrt(np.clip(4 * t * (1 - t), 0, 1))


def _dent_nostrils(points: np.ndarray) -> None:
    """Press two nostrils into the underside of the nose (in place)."""
    for side in (-1, 1):
        offset = points - [side * 0.66, -1.0, 2.75]
        points[..., 1] += 0.35 * np.exp(-0.5 * ((offset / [0.22, 0.25, 0.3]) ** 2).sum(-1))


def _surface_radius(directions: np.ndarray) -> np.ndarray:
    """Distance of the neutral skin from CENTER along directions (..., 3): a thin-plate spline through the anatomy."""
    half = SURFACE[SURFACE[:, 0] > 0] * [-1, 1, 1]
    anchors = np.concatenate([MEAN_SHAPE[:60], SURFACE, half]) - chart.CENTER  # the lips' inside: see _round_lips
    radius = np.linalg.norm(anchors, axis=1)
    anchors /= radius[:, None]
    count = len(anchors)
    system = np.zeros((count + 4, count + 4))
    system[:count, :count] = _thin_plate(anchors, anchors)
    system[:count, count:] = np.concatenate([np.ones((count, 1)), anchors], axis=1)
    system[count:, :count] = system[:count, count:].T
    solution = np.linalg.solve(system, np.append(radius, np.zeros(4)))
    flat = directions.reshape(-1, 3)
    values = _thin_plate(flat, anchors) @ solution[:count] + solution[count] + flat @ solution[count + 1 :]
    return values.reshape(directions.shape[:-1])


def _thin_plate(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = np.maximum(2 - 2 * a @ b.T, 1e-12)
    return square * np.log(square)


def _skin_follows_jaw(points: np.ndarray) -> np.ndarray:
    """How much each skin vertex moves with the jaw, (V,): 1 below the mouth, 0 above, blended next to it."""
    rows = np.repeat(np.arange(NUM_ROWS), NUM_COLUMNS)
    below = rows > (ROW["upper_lip_inside"] + ROW["lower_lip_inside"]) / 2
    x, y = np.abs(points[:, 0]), points[:, 1]
    corner = 0.5 - 0.5 * np.sqrt(np.clip(1 - (x / 2.3) ** 2, 0, 1))  # the lips' corners stay half-way
    reach = 1.3 + 0.5 * np.clip(x - 2.3, 0, None)
    slit = np.tile(y.reshape(NUM_ROWS, NUM_COLUMNS)[ROW["upper_lip_inside"]], NUM_ROWS)
    blend = corner * np.exp(-(((y - slit) / reach) ** 2))
    return np.where(below, 1 - blend, blend)


def _modes(neutral: np.ndarray, lower: np.ndarray, slices: dict[str, slice]) -> np.ndarray:
    """All modes (M, V, 3) float32; eyeballs only shift, the body stays. lower: (V,) how far each moves with the jaw."""
    at = neutral.copy()
    for part, center in (("eye_right", EYE_CENTER), ("eye_left", EYE_CENTER * [-1, 1, 1])):
        at[slices[part]] = center
    identity = [displacement(fields, at, lower) for fields in IDENTITY.values()]
    expression = [jaw_drop(at, lower), _blink(neutral, slices, 1), _blink(neutral, slices, -1)]
    expression += [displacement(fields, at, lower) for fields in EXPRESSION.values()]
    modes = np.stack(identity + expression).astype(np.float32)
    modes[:, slices["body"]] = 0
    stiff = slice(slices["eye_right"].start, slices["lenses_square"].stop)
    modes[len(identity) :, stiff] = 0  # expressions move neither eyeballs nor glasses
    teeth = slice(slices["upper_teeth"].start, slices["lower_teeth"].stop)
    modes[len(identity) + 1 :, teeth] = 0  # and of the teeth only the lower ones, with the jaw
    return modes


def _blink(neutral: np.ndarray, slices: dict[str, slice], side: int) -> np.ndarray:
    """The upper lid of one eye comes down to the lower one. (V, 3)"""
    motion = np.zeros_like(neutral)
    skin = neutral[slices["skin"]].reshape(NUM_ROWS, NUM_COLUMNS, 3)
    gap = skin[ROW["lower_lid"]] - skin[ROW["upper_lid"]]  # (columns, 3)
    gap = np.where(
        (AZIMUTHS * side > chart.EYE_COLUMNS[0])[:, None] & (AZIMUTHS * side < chart.EYE_COLUMNS[1])[:, None], gap, 0
    )
    rows = np.arange(NUM_ROWS)
    weight = np.interp(
        rows, [ROW["brow_bottom"], ROW["crease"], ROW["upper_lid"], ROW["upper_lid_inside"]], [0, 0.12, 0.95, 0.95]
    )
    weight[ROW["upper_lid_inside"] + 1 :] = 0
    motion[slices["skin"]] = (weight[:, None, None] * gap).reshape(-1, 3)
    return motion


def _landmark_corners(elevations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The four grid vertices around each landmark and their bilinear weights, (68, 4) each."""
    rows, columns = chart.landmark_places(elevations)
    top = np.minimum(rows.astype(int), NUM_ROWS - 2)
    left = np.minimum(columns.astype(int), NUM_COLUMNS - 2)
    v, u = rows - top, columns - left
    corner = top * NUM_COLUMNS + left
    vertices = np.stack([corner, corner + 1, corner + NUM_COLUMNS, corner + NUM_COLUMNS + 1], axis=1)
    weights = np.stack([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u], axis=1)
    return vertices, weights.astype(np.float32)
