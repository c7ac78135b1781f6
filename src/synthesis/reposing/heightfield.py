"""Turn the head in a photograph: the picture as a height field over its own pixels, rotated in 3D and drawn again.

Follows the face profiling of Zhu et al., "Face Alignment Across Large Poses: A 3D Solution" (2016): inside the fitted
head every grid node gets the head's depth and turns with it; outside, the displacement fades from the head's outline to
the border, so that the sheet has no holes. Where the sheet folds over itself, a z-buffer decides.

Camera frame: pixels of the photograph, y down, z towards the viewer.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from src.synthesis.compiled import kernel
from src.synthesis.raster import EMPTY_DEPTH, rasterize

_CELL = 2.0  # pixels of a 256-pixel photograph between grid nodes
_MARGIN = 0.25  # of the picture's side, how far the sheet reaches beyond its border, showing the picture mirrored
_SWEEPS = 1200  # of relaxation, over the nodes along a side: cheap coarse levels remove what takes fine ones long
_OVER_RELAXATION = 1.8
_COARSEST = 9  # nodes along a side


@dataclass(frozen=True)
class HeightField:
    """A photograph's sheet: G x G nodes.

    nodes: (G, G, 2) pixels of the photograph. depth: (G, G) pixels. head: (G, G) bool, which nodes show the head.
    """

    nodes: np.ndarray
    depth: np.ndarray
    head: np.ndarray


def height_field(vertices: np.ndarray, triangles: np.ndarray, size: int, floor: float) -> HeightField:
    """The sheet of a square photograph with a fitted head.

    vertices: (V, 3), camera frame. triangles: (T, 3). size: pixels of the photograph's side. floor: lower limit of the
    depth in pixels, because depth falls off steeply at the head's silhouette.
    """
    cell = _CELL * size / 256
    start, count = -_MARGIN * size, round((1 + 2 * _MARGIN) * size / cell) + 1
    axis = start + cell * np.arange(count)
    nodes = np.stack(np.meshgrid(axis, axis), axis=-1)  # (G, G, 2)
    grid_vertices = vertices.astype(np.float32)
    grid_vertices[:, :2] = (vertices[:, :2] - start) / cell + 0.5  # nodes are the raster's pixel centers
    depth = np.full((count, count), EMPTY_DEPTH, np.float32)
    covering = np.full((count, count), -1, np.int32)
    rasterize(grid_vertices, triangles, covering, np.empty((count, count, 3), np.float32), depth)
    head = _eroded(covering >= 0)
    smooth = np.empty_like(depth)
    _median(np.maximum(depth, floor), head, smooth)
    return HeightField(nodes, smooth, head)


def turn(field: HeightField, rotation: np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """Rotate the head about pivot (3,) by rotation (3, 3), y down. Returns the sheet (G, G, 3), camera frame."""
    head = field.head
    flat = np.column_stack([field.nodes[head], np.full(np.count_nonzero(head), pivot[2])])  # (H, 3)
    surface = np.column_stack([flat[:, :2], field.depth[head]])
    moved = (surface - pivot) @ rotation.T + pivot - flat
    sheet = np.zeros((*head.shape, 3))  # at first the displacement from the plane through the pivot
    sheet[head] = moved
    fixed = head.copy()
    fixed[[0, -1]] = fixed[:, [0, -1]] = True
    # The border goes behind the head, so that no background slides in front of it.
    sheet[fixed & ~head, 2] = 1.5 * moved[:, 2].min(initial=0.0)
    _diffuse(sheet, fixed)
    sheet[..., :2] += field.nodes
    sheet[..., 2] += pivot[2]
    return sheet


def draw(sheet: np.ndarray, field: HeightField, photo: np.ndarray, affine: np.ndarray, size: int) -> np.ndarray:
    """Draw a turned sheet with 2 x 2 samples per pixel.

    sheet: (G, G, 3). photo: (H, W, 3) uint8. affine: (2, 3) from the photograph's pixels to the new picture's.
    size: the new picture's side. Returns (size, size, 3) uint8; black where the sheet does not reach.
    """
    count = len(sheet)
    vertices = np.empty((count * count, 3), np.float32)
    vertices[:, :2] = 2 * (sheet[..., :2].reshape(-1, 2) @ affine[:, :2].T + affine[:, 2])
    vertices[:, 2] = sheet[..., 2].ravel()
    covering = np.full((2 * size, 2 * size), -1, np.int32)
    weights = np.empty((2 * size, 2 * size, 3), np.float32)
    triangles = _grid_triangles(count)
    rasterize(vertices, triangles, covering, weights, np.full((2 * size, 2 * size), EMPTY_DEPTH, np.float32))
    picture = np.empty((size, size, 3), np.uint8)
    _shade(covering, weights, triangles, field.nodes.reshape(-1, 2).astype(np.float32), photo, picture)
    return picture


@cache
def _grid_triangles(count: int) -> np.ndarray:
    """Two triangles for each cell of a grid of count x count nodes: (T, 3) int32, the same array at every call."""
    corner = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    upper = np.stack([corner, corner + 1, corner + count], axis=1)
    lower = np.stack([corner + 1, corner + count + 1, corner + count], axis=1)
    return np.stack([upper, lower], axis=1).reshape(-1, 3).astype(np.int32)


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Remove the mask's outermost nodes, where the head's outline and the photograph's disagree."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [(row, column) for row in range(3) for column in range(3)]
    return np.logical_and.reduce([padded[row : row + height, column : column + width] for row, column in shifts])


def _diffuse(values: np.ndarray, fixed: np.ndarray) -> None:
    """Fill the free nodes of values (G, G, 3) with the harmonic surface through the fixed ones, coarse to fine."""
    if len(values) > _COARSEST:
        coarse = values[::2, ::2].copy()
        _diffuse(coarse, fixed[::2, ::2].copy())
        _refine(coarse, values, fixed)
    _relax(values, fixed, _SWEEPS // len(values), _OVER_RELAXATION)


@kernel
def _refine(coarse: np.ndarray, values: np.ndarray, fixed: np.ndarray) -> None:
    """Fill the free nodes of values (G, G, 3) between those of coarse, which are every second one."""
    height, width, channels = values.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if fixed[row, column]:
                continue
            top, left, bottom, right = row // 2, column // 2, (row + 1) // 2, (column + 1) // 2
            for channel in range(channels):
                upper = coarse[top, left, channel] + coarse[top, right, channel]
                lower = coarse[bottom, left, channel] + coarse[bottom, right, channel]
                values[row, column, channel] = 0.25 * (upper + lower)


@kernel
def _relax(values: np.ndarray, fixed: np.ndarray, sweeps: int, over: float) -> None:
    """Successive over-relaxation of Laplace's equation. values: (G, G, 3), its outer nodes fixed."""
    height, width, channels = values.shape
    for _ in range(sweeps):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                if fixed[row, column]:
                    continue
                for channel in range(channels):
                    mean = 0.25 * (
                        values[row - 1, column, channel]
                        + values[row + 1, column, channel]
                        + values[row, column - 1, channel]
                        + values[row, column + 1, channel]
                    )
                    values[row, column, channel] += over * (mean - values[row, column, channel])


@kernel
def _median(depth: np.ndarray, mask: np.ndarray, smooth: np.ndarray) -> None:
    """5 x 5 median of the depth over the mask's nodes: removes spikes at jaw and ears. Writes 0 elsewhere."""
    height, width = depth.shape
    window = np.empty(25, np.float32)
    for row in range(height):
        for column in range(width):
            smooth[row, column] = 0
            if not mask[row, column]:
                continue
            count = 0
            for y in range(max(0, row - 2), min(height, row + 3)):
                for x in range(max(0, column - 2), min(width, column + 3)):
                    if mask[y, x]:
                        place = count
                        while place > 0 and window[place - 1] > depth[y, x]:
                            window[place] = window[place - 1]
                            place -= 1
                        window[place] = depth[y, x]
                        count += 1
            smooth[row, column] = window[count // 2]


@kernel
def _reflected(x: float, last: float) -> float:
    """Mirror a coordinate at 0 and at `last`."""
    return min(max(last - abs(last - abs(x)), 0.0), last)


@kernel
def _shade(
    covering: np.ndarray,
    weights: np.ndarray,
    triangles: np.ndarray,
    sources: np.ndarray,
    photo: np.ndarray,
    picture: np.ndarray,
) -> None:
    """Bilinear samples of the photograph at the interpolated source pixels, averaged 2 x 2."""
    height, width, _ = photo.shape
    color = np.empty(3)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            color[:] = 0
            for sample in range(4):
                r, c = 2 * row + sample // 2, 2 * column + sample % 2
                t = covering[r, c]
                if t < 0:
                    continue
                x, y = -0.5, -0.5  # from picture coordinates to indices of pixel centers
                for corner in range(3):
                    x += weights[r, c, corner] * sources[triangles[t, corner], 0]
                    y += weights[r, c, corner] * sources[triangles[t, corner], 1]
                x, y = _reflected(x, width - 1.0), _reflected(y, height - 1.0)
                left, top = min(int(x), width - 2), min(int(y), height - 2)
                fx, fy = x - left, y - top
                for channel in range(3):
                    upper = (1 - fx) * photo[top, left, channel] + fx * photo[top, left + 1, channel]
                    lower = (1 - fx) * photo[top + 1, left, channel] + fx * photo[top + 1, left + 1, channel]
                    color[channel] += 0.25 * ((1 - fy) * upper + fy * lower)
            for channel in range(3):
                picture[row, column, channel] = int(color[channel] + 0.5)
