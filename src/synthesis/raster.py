"""A z-buffer triangle rasterizer for small meshes, compiled by numba at the first call and cached on disk.

Pixel centers lie at (column + 0.5, row + 0.5), as in `src.geometry`. Each pixel gets the nearest triangle that covers
its center, with barycentric weights, so that colors, texture coordinates and normals are interpolated by the caller.
"""

import numpy as np

from src.synthesis.compiled import kernel


@kernel
def rasterize(
    vertices: np.ndarray, triangles: np.ndarray, triangle_index: np.ndarray, weights: np.ndarray, depth: np.ndarray
) -> None:
    """Draw triangles into the three output buffers, which are also the z-buffer's starting state.

    vertices: (V, 3) float32, x and y in pixels, larger z is nearer to the viewer.
    triangles: (T, 3) int32; triangles of either orientation are drawn (cull beforehand).
    triangle_index: (H, W) int32, fill with -1. weights: (H, W, 3) float32. depth: (H, W) float32, fill with -inf.
    """
    height, width = triangle_index.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        inverse = 1.0 / area
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * az + wb * bz + wc * cz
                if z > depth[row, column]:
                    depth[row, column] = z
                    triangle_index[row, column] = t
                    weights[row, column, 0] = wa
                    weights[row, column, 1] = wb
                    weights[row, column, 2] = wc


@kernel
def draw_depth(vertices: np.ndarray, triangles: np.ndarray, triangle_index: np.ndarray, depth: np.ndarray) -> None:
    """Like `rasterize`, for callers that find the weights themselves where they need them: index and depth only."""
    height, width = triangle_index.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if right < left or bottom < top:
            continue
        inverse = 1.0 / area
        step_a, step_b = (by - cy) * inverse, (cy - ay) * inverse
        step_z = step_a * (az - cz) + step_b * (bz - cz)
        x = left + 0.5
        for row in range(top, bottom + 1):
            y = row + 0.5
            wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
            wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
            z = cz + wa * (az - cz) + wb * (bz - cz)
            for column in range(left, right + 1):
                if wa >= 0.0 and wb >= 0.0 and wa + wb <= 1.0 and z > depth[row, column]:
                    depth[row, column] = z
                    triangle_index[row, column] = t
                wa += step_a
                wb += step_b
                z += step_z
