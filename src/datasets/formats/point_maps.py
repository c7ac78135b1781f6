"""68 points from denser mark-ups, by fixed weights: WFLW's 98 and LaPa's 106.

Both count alike: 33 jaw points (every second is ours), brows of five upper and four lower points (ours run midway in
height), nose, eyes of eight points (our six lie a third of the way towards the lids' middle) and the same 20 mouth
points. WFLW: Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", 2018. LaPa: Liu et al., "A New
Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", 2020.
"""

import numpy as np

from src.datasets.faults import describe_placeholders, find_placeholders
from src.markup import NUM_POINTS


def _map_to_68(count: int, *, nose_base: int, left_eye: int, right_eye: int, mouth: int) -> np.ndarray:
    """Weights (2, 68, count) of x and of y; the arguments are the first points of each part."""
    weights = np.zeros((2, NUM_POINTS, count))

    def copy(first: int, sources: range) -> None:
        for target, source in enumerate(sources, first):
            weights[:, target, source] = 1

    copy(0, range(0, 33, 2))
    copy(17, range(33, 38))
    copy(22, range(42, 47))
    for target, upper, lower in zip((18, 19, 20, 21, 22, 23, 24, 25), (34, 35, 36, 37, 42, 43, 44, 45),
                                    (41, 40, 39, 38, 50, 49, 48, 47), strict=True):  # fmt: skip
        weights[1, target, [upper, lower]] = 0.5
    copy(27, range(51, 55))
    copy(31, range(nose_base, nose_base + 5))
    for target, eye in ((36, left_eye), (42, right_eye)):
        copy(target, range(eye, eye + 1))
        copy(target + 3, range(eye + 4, eye + 5))
        for point, near, middle in ((1, 1, 2), (2, 3, 2), (4, 5, 6), (5, 7, 6)):
            weights[:, target + point, eye + near] = 2 / 3
            weights[:, target + point, eye + middle] = 1 / 3
    copy(48, range(mouth, mouth + 20))
    weights.setflags(write=False)
    return weights


WFLW_98 = _map_to_68(98, nose_base=55, left_eye=60, right_eye=68, mouth=76)
# LaPa adds three points on each side of the nose (55-57, 63-65) and the pupils (74, 83, 104, 105), which we leave out.
LAPA_106 = _map_to_68(106, nose_base=58, left_eye=66, right_eye=75, mouth=84)


def dense_faults(points: np.ndarray, weights: np.ndarray) -> list[str]:
    """A fault for each of the faces (N, count, 2) with a placeholder among the points that a table above uses."""
    is_used = (weights != 0).any(axis=(0, 1))
    return describe_placeholders(find_placeholders(points) & is_used)


def to_68(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Map points (N, count, 2) in any frame by one of the tables above. Returns (N, 68, 2)."""
    return np.einsum("ckj,njc->nkc", weights, points)
