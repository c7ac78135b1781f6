"""A z-buffer triangle rasterizer for small meshes, compiled by numba at the first call and cached on disk.

Pixel centers lie at (column + 0.5, row + 0.5), as in `src.geometry`. Each pixel gets the nearest triangle that covers
its center, with barycentric weights; the caller interpolates colors, texture coordinates and normals by them.
"""

import numpy as np

from src.synthesis.compiled import inlined, kernel

EMPTY_DEPTH = -1e30  # behind everything; the kernels' fast math knows no infinity


@inlined
def _triangle(vertices, corners):
    """The three corners' x, y and z, and twice the area, which is positive if they run clockwise on the screen."""
    a, b, c = corners[0], corners[1], corners[2]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
    cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
    return ax, ay, az, bx, by, bz, cx, cy, cz, (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@kernel
def rasterize(
    vertices: np.ndarray, triangles: np.ndarray, triangle_index: np.ndarray, weights: np.ndarray, depth: np.ndarray
) -> None:
    """Draw triangles into three output buffers, of which `depth` is the z-buffer.

    vertices: (V, 3) float32, x and y in pixels, larger z is nearer to the viewer.
    triangles: (T, 3) int32; triangles of either orientation are drawn (cull beforehand).
    triangle_index: (H, W) int32, fill with -1. weights: (H, W, 3) float32. depth: (H, W) float32, fill with
    EMPTY_DEPTH.
    """
    height, width = triangle_index.shape
    for t in range(triangles.shape[0]):
        ax, ay, az, bx, by, bz, cx, cy, cz, area = _triangle(vertices, triangles[t])
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


@inlined
def _narrow(weight, run, first, last):
    """Narrow the span [first, last] to the steps k where weight + k / run is not negative."""
    if run > 0.0:
        return max(first, -weight * run), last
    if run < 0.0:
        return first, min(last, -weight * run)
    return first, last if weight >= 0.0 else -1.0


@kernel
def draw_depth(
    vertices: np.ndarray, triangles: np.ndarray, one_sided: int, triangle_index: np.ndarray, depth: np.ndarray
) -> None:
    """Like `rasterize`, but without weights, for callers that compute them only where they need them.

    Of the first `one_sided` triangles, those whose corners run clockwise on the screen (their backs) are skipped.
    """
    height, width = triangle_index.shape
    for t in range(triangles.shape[0]):
        ax, ay, az, bx, by, bz, cx, cy, cz, area = _triangle(vertices, triangles[t])
        if area == 0.0 or (area > 0.0 and t < one_sided):
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if right < left or bottom < top:
            continue
        inverse = 1.0 / area
        step_a, step_b = (by - cy) * inverse, (cy - ay) * inverse
        step_c = -step_a - step_b
        step_z = step_a * (az - cz) + step_b * (bz - cz)
        # How many columns a weight takes to fall or rise by 1; 0 if it does not change along the row.
        run_a = 1.0 / step_a if step_a != 0.0 else 0.0
        run_b = 1.0 / step_b if step_b != 0.0 else 0.0
        run_c = 1.0 / step_c if step_c != 0.0 else 0.0
        x = left + 0.5
        for row in range(top, bottom + 1):
            y = row + 0.5
            wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
            wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
            # The row's span: where all three weights, linear in the column, are not negative.
            first, last = _narrow(wa, run_a, 0.0, float(right - left))
            first, last = _narrow(wb, run_b, first, last)
            first, last = _narrow(1.0 - wa - wb, run_c, first, last)
            start = int(np.ceil(first))
            z = cz + wa * (az - cz) + wb * (bz - cz) + start * step_z
            for column in range(left + start, left + int(np.floor(last)) + 1):
                if z > depth[row, column]:
                    depth[row, column] = z
                    triangle_index[row, column] = t
                z += step_z
