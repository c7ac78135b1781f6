"""Compiled work on a mesh's vertices: shape modes, linear maps, normals, coats of paint."""

import numpy as np

from src.synthesis.compiled import kernel


@kernel
def vertex_normals(vertices, triangles):
    """Area-weighted unit normals (V, 3) of vertices (V, 3) in triangles (T, 3)."""
    normals = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2])
        vx, vy, vz = (vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2])
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for k in range(normals.shape[0]):
        length = np.sqrt(normals[k, 0] ** 2 + normals[k, 1] ** 2 + normals[k, 2] ** 2)
        if length > 0.0:
            normals[k] /= length
    return normals


@kernel
def blend(neutral, modes, coefficients):
    """neutral (V * 3,) + coefficients (M,) @ modes (M, V * 3), skipping modes at rest.

    Not a matrix product of NumPy's, whose own threads get in the way of ours.
    """
    vertices = np.empty_like(neutral)
    block = 4096
    for start in range(0, neutral.shape[0], block):
        stop = min(start + block, neutral.shape[0])
        for i in range(start, stop):
            vertices[i] = neutral[i]
        for m in range(modes.shape[0]):
            c = coefficients[m]
            if c != 0.0:
                for i in range(start, stop):
                    vertices[i] += c * modes[m, i]
    return vertices


@kernel
def transform(points, linear, shift):
    """points (V, 3) @ linear (3, 3).T + shift (3,), float32."""
    moved = np.empty((points.shape[0], 3), np.float32)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for j in range(3):
            moved[i, j] = linear[j, 0] * x + linear[j, 1] * y + linear[j, 2] * z + shift[j]
    return moved


@kernel
def paint(colors, masks, fade, gain):
    """Lay K coats over colors (V, 3), in place: color = color * (1 - mask * fade) + mask * gain.

    masks: (K, V); fade, gain: (K, 3).
    """
    for v in range(masks.shape[1]):
        for k in range(masks.shape[0]):
            m = masks[k, v]
            if m > 0.001 or m < -0.001:
                for c in range(3):
                    colors[v, c] = colors[v, c] * (1 - m * fade[k, c]) + m * gain[k, c]
