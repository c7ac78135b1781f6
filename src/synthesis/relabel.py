"""Labels of AFLW2000-3D's convention for annotated photographs: points of a fitted 3D mesh, hidden jaw included.

The inner points of the mesh also carry the photograph's own residual, so that they follow the picture; the jaw, which
annotators draw along the visible outline, comes from the mesh alone.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.markup import REGIONS
from src.pose import fit_pose
from src.synthesis.conventions import AFLW_OFFSETS, JAW_ENDS_OFFSETS
from src.synthesis.face_model import FaceModel
from src.synthesis.fit import Fits, fit_faces, landmark_shapes, learn_offsets, residuals, to_camera

_MAX_RESIDUAL = 0.03  # of the face box: about one fit in a hundred is worse, and wrong
# |yaw| in degrees of the faces that show where a source places its points: frontally, and its jaw line in depth.
_FRONTAL, _TURNED = (0.0, 8.0), (15.0, 45.0)
_MIN_FACES, _MAX_FACES = 40, 400  # of each kind; fewer cannot tell a convention from the people shown


@dataclass(frozen=True)
class Relabeled:
    """Fitted faces and their labels. points_camera: (N, 68, 3) pixels, y down, z towards the viewer. good: (N) bool."""

    fits: Fits
    points_camera: np.ndarray
    good: np.ndarray


def relabel(model: FaceModel, names: list[str], points_image: np.ndarray, rng: np.random.Generator) -> Relabeled:
    """Fit the model to photographs and label them by the mesh.

    names: (N) file names; what stands before the first underscore is the source, and every source has its own way of
    placing points. points_image: (N, 68, 2) pixels. rng picks the faces that show each source's way.
    """
    offsets = np.empty((len(names), *AFLW_OFFSETS.shape))
    sources = photo_sources(names)
    for source in np.unique(sources):
        offsets[sources == source] = _source_offsets(model, points_image[sources == source], rng)
    fits = fit_faces(model, points_image, offsets)
    shapes = landmark_shapes(model, fits.coefficients, AFLW_OFFSETS)
    points_camera = to_camera(fits, shapes)
    inner = slice(REGIONS["jaw"].stop, None)
    points_camera[:, inner] += (residuals(model, fits, points_image, offsets) * [1, -1, 1])[:, inner]
    return Relabeled(fits, points_camera, fits.residual < _MAX_RESIDUAL)


def photo_sources(names: list[str]) -> np.ndarray:
    """(N) the source of each photograph: what stands before the first underscore of its name."""
    return np.array([Path(name).name.split("_")[0] for name in names])


def _source_offsets(model: FaceModel, points_image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    yaw = np.abs(fit_pose(points_image)[:, 1])
    shown = [np.flatnonzero((yaw >= low) & (yaw < high)) for low, high in (_FRONTAL, _TURNED)]
    if min(map(len, shown)) < _MIN_FACES:
        return AFLW_OFFSETS
    chosen = np.concatenate([rng.permutation(faces)[:_MAX_FACES] for faces in shown])
    return learn_offsets(model, points_image[chosen], JAW_ENDS_OFFSETS)
