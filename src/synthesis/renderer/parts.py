"""The head's parts other than skin, each a small grid mesh in its frame (cm): ears, eyes, mouth, body, glasses."""

from dataclasses import dataclass

import numpy as np

from src.synthesis.renderer.anatomy import EYE_CENTER, EYE_RADIUS


@dataclass(frozen=True)
class Mesh:
    """vertices (V, 3) in cm; triangles (T, 3) int32; uv (V, 2): the part's own coordinates."""

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray


def grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Triangles (T, 3) int32 of a grid of vertices stored row by row."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    first = np.stack([corner, corner + columns, corner + 1], axis=1)
    second = np.stack([corner + 1, corner + columns, corner + columns + 1], axis=1)
    return np.concatenate([first, second]).astype(np.int32)


def grid_mesh(points: np.ndarray) -> Mesh:
    """A mesh from points (rows, columns, 3); uv runs over [0, 1] along columns and rows."""
    rows, columns = points.shape[:2]
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return Mesh(points.reshape(-1, 3), grid_triangles(rows, columns), np.stack([u, v], axis=-1).reshape(-1, 2))


def mirror(mesh: Mesh, flip_u: bool = False) -> Mesh:
    """The same part on the other half of the head; `flip_u` if u is a signed position in space."""
    return Mesh(mesh.vertices * [-1, 1, 1], mesh.triangles[:, ::-1].copy(), mesh.uv * [-1 if flip_u else 1, 1])


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]).astype(np.int32),
        np.concatenate([mesh.uv for mesh in meshes]),
    )


def ear() -> Mesh:
    """The ear at the picture's right; uv: (relief from -1 in the hollow to 1 on the rim, distance from the middle)."""
    rho = np.array([0, 0.15, 0.3, 0.42, 0.52, 0.62, 0.72, 0.8, 0.88, 0.95, 1.0, 0.97])[:, None]
    phi = np.linspace(0, 2 * np.pi, 33)[None]  # 0 points backwards, pi / 2 up
    # Outline in the ear's plane: wide above, a lobe below.
    back = np.cos(phi) * (1.55 + 0.45 * np.sin(phi))
    up = np.sin(phi) * np.where(np.sin(phi) > 0, 3.0, 3.3)
    # Relief across the ear: hollow, inner ridge, groove, rim.
    relief = np.interp(rho, [0, 0.3, 0.5, 0.62, 0.75, 0.92, 1.0], [-0.75, -0.6, 0.1, 0.25, -0.1, 0.3, 0.0])
    lobe = np.clip(-np.sin(phi) - 0.55, 0, 1) / 0.45
    relief = relief * (1 - 0.8 * lobe)
    relief[-1] = -0.75  # the rim's back side returns to the head
    away = 0.55 + 0.42 * back * rho  # stands off the head at the back
    x = 7.35 + away + relief * 0.8
    y = 1.9 + up * rho + 0.22 * back * rho
    z = -7.55 - back * rho - 0.12 * up * rho
    mesh = grid_mesh(np.stack([x, y, z], axis=-1))
    return Mesh(
        mesh.vertices, mesh.triangles, np.stack([relief, np.broadcast_to(rho, relief.shape)], axis=-1).reshape(-1, 2)
    )


def eye() -> Mesh:
    """The front of the eyeball at the picture's right; uv: sideways and upwards distance from the axis, in cm."""
    angle = np.radians(np.linspace(0, 105, 15))[:, None]
    phi = np.linspace(0, 2 * np.pi, 25)[None]
    x, y = np.sin(angle) * np.cos(phi), np.sin(angle) * np.sin(phi)
    ball = np.stack([x, y, np.cos(angle) + 0 * phi], axis=-1)
    mesh = grid_mesh(EYE_CENTER + EYE_RADIUS * ball)
    flat = np.stack([angle * np.cos(phi), angle * np.sin(phi)], axis=-1) * EYE_RADIUS
    return Mesh(mesh.vertices, mesh.triangles, flat.reshape(-1, 2))


def mouth_floor() -> Mesh:
    """The dark inside of the mouth with the tongue; uv over [0, 1]. Its lower half moves with the jaw."""
    x = np.linspace(-3.1, 3.1, 15)[None]
    y = np.linspace(-0.8, -6.6, 13)[:, None]
    z = 0.7 - 0.2 * x**2 + 0 * y
    return grid_mesh(np.stack([x + 0 * y, y + 0 * x, z], axis=-1))


def teeth(lower: bool) -> Mesh:
    """One arch of teeth as a curved band; uv: position along the arch in teeth, height over [0, 1] from the gum."""
    x = np.linspace(-2.0, 2.0, 25)[None]
    t = np.linspace(0, 1, 5)[:, None]
    top, bottom = (-4.75, -3.72) if lower else (-2.55, -3.68)
    z = (1.3 if lower else 1.5) - 0.28 * x**2 + 0.12 * np.sin(np.pi * t)
    mesh = grid_mesh(np.stack([x + 0 * t, top + (bottom - top) * t + (-0.02 if lower else 0.02) * x**2, z], axis=-1))
    uv = mesh.uv * [10, 1]
    return Mesh(mesh.vertices, mesh.triangles, uv)


def body() -> Mesh:
    """Neck, shoulders and chest; uv: (angle / (2 pi), depth below the chin in cm)."""
    y = np.array([-1.0, -4, -6.5, -8, -9, -10, -11, -12, -13, -14, -15.2, -17, -20, -26])[:, None]
    width = np.array([4.4, 4.8, 5.0, 5.1, 5.2, 5.5, 6.4, 8.6, 12.5, 16, 18.5, 20, 20.5, 20])[:, None]
    front = np.array([-3.2, -3.2, -3.2, -3.3, -3.4, -3.4, -3.2, -2.6, -1.8, -0.8, 0.2, 1.4, 2.6, 3.2])[:, None]
    back = np.array([-13.2, -13.2, -13.2, -13.4, -13.6, -14, -14.6, -15.4, -16.2, -17, -17.6, -18, -18.5, -18.5])[
        :, None
    ]
    phi = np.linspace(-np.pi, np.pi, 41)[None]
    middle, depth = (front + back) / 2, (front - back) / 2
    x = width * np.sign(np.sin(phi)) * np.abs(np.sin(phi)) ** 0.9
    z = middle + depth * np.cos(phi)
    # The shoulders' ends fall off.
    drop = np.clip(np.abs(x) - 6.5, 0, None) * 0.12 * (y < -11)
    mesh = grid_mesh(np.stack([x, y - drop + 0 * phi, z], axis=-1))
    uv = np.stack([np.broadcast_to(phi / (2 * np.pi), x.shape), np.broadcast_to(-y - 7.5, x.shape)], axis=-1)
    return Mesh(mesh.vertices, mesh.triangles, uv.reshape(-1, 2))


def _tube(path: np.ndarray, radius: float, closed: bool) -> Mesh:
    """A tube of 6 sides along path (N, 3)."""
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0.31, 0.29, 0.9])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(ahead, side)
    angle = np.linspace(0, 2 * np.pi, 7)
    points = path[:, None] + radius * (np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None])
    return grid_mesh(np.concatenate([points, points[:1]]) if closed else points)


def _rim(square: float) -> np.ndarray:
    """Outline (28, 3) of the right lens; square: 2 is an ellipse, more is boxier."""
    phi = np.linspace(0, 2 * np.pi, 29)[:-1]
    c, s = np.cos(phi), np.sin(phi)
    x = 3.35 + 2.35 * np.sign(c) * np.abs(c) ** (2 / square)
    y = 3.25 + 1.75 * np.sign(s) * np.abs(s) ** (2 / square)
    return np.stack([x, y, 2.05 - 0.075 * np.clip(x - 1, 0, None) ** 2], axis=1)


def glasses(square: float, thickness: float) -> Mesh:
    """A frame: two rims, the bridge and two temples; uv over [0, 1] of each piece."""
    rim = _tube(_rim(square), thickness, closed=True)
    t = np.linspace(-1, 1, 9)
    bridge = _tube(
        np.stack([t * 1.05, 3.75 + 0.2 * (1 - t**2), 2.05 + 0.75 * (1 - t**2)], axis=1), thickness, closed=False
    )
    t = np.linspace(0, 1, 10)
    temple = np.stack(
        [5.7 + 2.1 * np.sqrt(t), 3.9 + 0.6 * t - 1.4 * np.clip(t - 0.9, 0, 1) * 10, 0.6 - 8.6 * t], axis=1
    )
    temple = _tube(temple, thickness, closed=False)
    return join([rim, mirror(rim), bridge, temple, mirror(temple)])


def lenses(square: float) -> Mesh:
    """Two opaque discs that fill the rims: sunglasses; uv over [0, 1]."""
    rim = _rim(square)
    middle = rim.mean(axis=0) + np.array([0, 0, 0.25])
    rho = np.linspace(0, 1, 4)[:, None, None]
    mesh = grid_mesh(middle + rho * (np.concatenate([rim, rim[:1]])[None] - middle))
    uv = (mesh.vertices[:, :2] - middle[:2]) / 4 + 0.5
    mesh = Mesh(mesh.vertices, mesh.triangles, uv)
    return join([mesh, mirror(mesh)])
