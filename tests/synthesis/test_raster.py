"""The z-buffer: pixels whose centers lie in a triangle, weights that give those centers back, the nearest in front."""

import numpy as np
import pytest

from src.synthesis.raster import EMPTY_DEPTH, draw_depth, rasterize

SIZE = 40


def _rasterize(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    index, weights = np.full((SIZE, SIZE), -1, np.int32), np.zeros((SIZE, SIZE, 3), np.float32)
    depth = np.full((SIZE, SIZE), EMPTY_DEPTH, np.float32)
    rasterize(vertices, triangles, index, weights, depth)
    return index, weights, depth


def _random_mesh(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    vertices = rng.uniform([-10, -10, -5], [SIZE + 10, SIZE + 10, 5], size=(3 * count, 3)).astype(np.float32)
    return vertices, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def test_weights_give_pixel_centers_and_depths_back() -> None:
    vertices, triangles = _random_mesh(12)
    index, weights, depth = _rasterize(vertices, triangles)
    rows, columns = np.nonzero(index >= 0)
    assert len(rows) > SIZE**2 / 4
    corners = vertices[triangles[index[rows, columns]]]  # (P, 3, 3)
    found = np.einsum("pk,pkc->pc", weights[rows, columns], corners)
    expected = np.column_stack([columns + 0.5, rows + 0.5, depth[rows, columns]])
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert (weights[rows, columns] >= 0).all()


def test_the_nearest_triangle_that_covers_a_center_is_seen() -> None:
    vertices, triangles = _random_mesh(12)
    centers = np.stack(np.meshgrid(*[np.arange(SIZE) + 0.5] * 2), axis=-1)  # (rows, columns, 2)
    nearest, expected = np.full((SIZE, SIZE), -np.inf), np.full((SIZE, SIZE), -1)
    for t, corners in enumerate(vertices.astype(float)[triangles]):
        first, second, third = corners[:, :2]
        tail = np.linalg.solve(np.stack([first - third, second - third], axis=1), (centers - third)[..., None])[..., 0]
        weights = np.concatenate([tail, 1 - tail.sum(-1, keepdims=True)], axis=-1)
        z = weights @ corners[:, 2]
        wins = (weights >= 0).all(-1) & (z > nearest)
        nearest[wins], expected[wins] = z[wins], t
    index, _, _ = _rasterize(vertices, triangles)
    assert (index == expected).mean() > 0.995  # a center on an edge may go either way


@pytest.mark.parametrize("one_sided", [0, 12])
def test_depth_alone_is_the_same_less_the_backs(one_sided: int) -> None:
    vertices, triangles = _random_mesh(12)
    a, b, c = np.moveaxis(vertices[triangles][..., :2], 1, 0)
    is_back = np.linalg.det(np.stack([b - a, c - a], axis=1)) > 0  # clockwise on the screen, as y points down
    kept = np.flatnonzero(~is_back) if one_sided else np.arange(12)
    expected, _, expected_depth = _rasterize(vertices, triangles[kept])
    index, depth = np.full((SIZE, SIZE), -1, np.int32), np.full((SIZE, SIZE), EMPTY_DEPTH, np.float32)
    draw_depth(vertices, triangles, one_sided, index, depth)
    same = index == np.where(expected >= 0, kept[expected], -1)
    assert same.mean() > 0.99
    seen = same & (index >= 0)
    np.testing.assert_allclose(depth[seen], expected_depth[seen], atol=1e-3)
