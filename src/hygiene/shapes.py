"""Labels that cannot be a face's, found without any network: far outside, in one place, or unlike any head."""

import numpy as np

from src.datasets.faces import Faces
from src.datasets.names import spell_out
from src.datasets.prepared import PreparedFaces
from src.markup import INNER_51, NUM_POINTS
from src.pose import MOST_RESIDUAL, fit_pose, rotation_matrix, shape_residual

_FAR_OUTSIDE = 0.5  # sides of the square by which a point may lie outside
_MOST_EQUAL = 8  # points that coincide with another one: closed eyes and lips have a few
NO_HEAD, SWAPPED = "no head's shape", "left and right swapped"
_MOST_BEHIND = 0.05  # share of the faces
_BEHIND = -0.3  # cosine between nose and view: seen from behind, as mirrored points, or left and right swapped, look


def odd_faces(faces: PreparedFaces) -> dict[str, np.ndarray]:
    """The rows (M,) of faces with odd labels, by what is odd about them; each face is listed once."""
    points = faces.points_unit.astype(np.float64)
    is_far = (np.abs(points - 0.5) > 0.5 + _FAR_OUTSIDE).any(axis=(1, 2))
    return _list_once({"points far outside the picture": is_far, **_shape_checks(points)})


def odd_shapes(points: np.ndarray) -> dict[str, np.ndarray]:
    """Like `odd_faces`, for points (N, K, 2) in any frame, judged by their shapes alone; none if K is not 68 or 51."""
    return _list_once(_shape_checks(points)) if points.shape[1] in (NUM_POINTS, len(INNER_51)) else {}


def report_odd_shapes(faces: Faces) -> None:
    """Print which of the faces of a data set, apart from the broken ones, have odd shapes."""
    is_sound = faces.faults == ""  # all of them may be broken, which a table of faces cannot say
    report_odd(odd_shapes(faces.points_image[is_sound]), faces.names[is_sound])


def report_odd(odd: dict[str, np.ndarray], names: np.ndarray) -> None:
    """Print what is odd about which of the named faces (N,)."""
    for what, rows in odd.items():
        print(f"label check: {len(rows)} of {len(names)} faces: {what} ({spell_out(names[rows])})")


def _shape_checks(points: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "many points in one place": np.array([_count_equal(face) > _MOST_EQUAL for face in points], bool),
        NO_HEAD: shape_residual(points) > MOST_RESIDUAL,
        SWAPPED: rotation_matrix(fit_pose(points))[:, 2, 2] < _BEHIND,
    }


def _list_once(checks: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    seen = np.zeros(len(checks[SWAPPED]), bool)
    found = {}
    for what, is_odd in checks.items():
        found[what] = np.flatnonzero(is_odd & ~seen)
        seen |= is_odd
    if len(found[SWAPPED]) < _MOST_BEHIND * len(seen):  # a few tilted heads may fit from behind
        del found[SWAPPED]
    return {what: rows for what, rows in found.items() if len(rows)}


def _count_equal(face: np.ndarray) -> int:
    _, counts = np.unique(face.round(6), axis=0, return_counts=True)
    return int(counts[counts > 1].sum())
