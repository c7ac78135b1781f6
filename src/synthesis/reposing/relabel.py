"""Labels of AFLW2000-3D's convention for annotated faces: points of a fitted 3D mesh, hidden jaw included.

The points of the mesh also carry the annotation's own residual, so that they follow the picture; only a jaw that
annotators drew along the visible outline comes from the mesh alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from src.datasets.names import photo_sources
from src.errors import InputError
from src.markup import REGIONS
from src.pose import fit_pose
from src.synthesis.reposing.conventions import AFLW_OFFSETS, JAW_ENDS_OFFSETS
from src.synthesis.reposing.face_model import FaceModel
from src.synthesis.reposing.fit import Fits, fit_faces, hidden_jaw, landmark_shapes, learn_offsets, residuals, to_camera

# What a source's 68 points mean. aflw: this project's own convention, AFLW2000-3D's, so that labels stay as they are.
# outline: the jaw follows the visible outline, as in 300-W. learned: inferred from the faces, for each part of the
# names before the first underscore.
LABELS = ("aflw", "outline", "learned")
_MAX_RESIDUAL = 0.03  # of the face box: about one fit in a hundred is worse, and wrong
# |yaw| in degrees of the faces that show where a source places its points: in x and y, and its jaw line in depth.
_FRONTAL, _TURNED = (0.0, 8.0), (15.0, 45.0)
_MIN_FACES, _MAX_FACES = 10, 400  # of each kind; with fewer, a convention cannot be told from the people shown
# Of the face box: how far outside the mesh's hidden jaw an annotated outline lies on average in turned faces. Measured:
# 0.041 to 0.044 in photographs of three sources, at most 0 if labels are projections of a 3D jaw line.
_MIN_OUTLINE = 0.02


@dataclass(frozen=True)
class SourceConvention:
    """Where a source places points: offsets (68, 3) cm from the landmark vertices; whether its jaw is an outline.

    is_learned: whether its faces were enough to learn it from; otherwise only the jaw is moved.
    """

    offsets: np.ndarray
    outline: bool
    is_learned: bool = True


@dataclass(frozen=True)
class Relabeled:
    """Fitted faces and their labels.

    points_camera: (N, 68, 3) pixels, y down, z towards the viewer. good: (N,) bool, which fits are close enough.
    unlearned: how many faces are of sources too small to learn their convention from.
    """

    fits: Fits
    points_camera: np.ndarray
    good: np.ndarray
    unlearned: int = 0


def relabel(
    model: FaceModel,
    names: list[str],
    points_image: np.ndarray,
    rng: np.random.Generator,
    *,
    labels: str = "learned",
) -> Relabeled:
    """Fit the model to photographs and label them by the mesh.

    names: (N,) file names, which name the source (`photo_sources`); every source has its own convention. points_image:
    (N, 68, 2) pixels. rng chooses the faces from which a source's convention is inferred. labels: one of LABELS. Raises
    InputError if turned faces show that the jaw follows another convention than `labels` says.
    """
    if labels == "aflw":
        _check_no_outline(model, points_image)
        return relabel_with_offsets(model, points_image, AFLW_OFFSETS, outline=False)
    offsets = np.empty((len(names), *AFLW_OFFSETS.shape))
    outline = np.empty(len(names), bool)
    sources, unlearned = photo_sources(names), 0
    for source in np.unique(sources):
        members = sources == source
        convention = infer_convention(model, points_image[members], rng)
        if labels == "outline" and not convention.outline:
            raise InputError(
                f"expected jaws along the visible outline, found those of {source or 'the faces'} where a 3D jaw line "
                'lies; say labels = "learned"'
            )
        offsets[members], outline[members] = convention.offsets, convention.outline
        unlearned += 0 if convention.is_learned else int(members.sum())
    return replace(relabel_with_offsets(model, points_image, offsets, outline=outline), unlearned=unlearned)


def count_unlearned(faces: int) -> dict[str, int]:
    """A count for the output, if there are such faces: of their points only the jaw is moved."""
    return {"of sources too small to learn where they place points": faces} if faces else {}


def relabel_with_offsets(
    model: FaceModel, points_image: np.ndarray, offsets: np.ndarray, *, outline: np.ndarray | bool
) -> Relabeled:
    """Like `relabel`, for faces of known conventions; offsets and outline are as for `fit_faces`."""
    fits = fit_faces(model, points_image, offsets, outline=outline)
    points_camera = to_camera(fits, landmark_shapes(model, fits.coefficients, AFLW_OFFSETS))
    observed = residuals(model, fits, points_image, offsets) * [1, -1, 1]  # (N, 68, 3), y down
    observed[:, REGIONS["jaw"]] *= ~np.reshape(outline, (-1, 1, 1))
    return Relabeled(fits, points_camera + observed, fits.residual < _MAX_RESIDUAL)


def infer_convention(model: FaceModel, points_image: np.ndarray, rng: np.random.Generator) -> SourceConvention:
    """The convention of one source's faces (N, 68, 2); if they are too few, the jaw is taken for an outline."""
    yaw = np.abs(fit_pose(points_image)[:, 1])
    shown = [np.flatnonzero((yaw >= low) & (yaw < high)) for low, high in (_FRONTAL, _TURNED)]
    if min(map(len, shown)) < _MIN_FACES:
        return SourceConvention(AFLW_OFFSETS, outline=True, is_learned=False)
    chosen = points_image[np.concatenate([rng.permutation(faces)[:_MAX_FACES] for faces in shown])]
    offsets = learn_offsets(model, chosen, JAW_ENDS_OFFSETS)
    if _outward(model, chosen, offsets) > _MIN_OUTLINE:
        return SourceConvention(offsets, outline=True)
    return SourceConvention(learn_offsets(model, chosen, AFLW_OFFSETS, outline=False), outline=False)


def _check_no_outline(model: FaceModel, points_image: np.ndarray) -> None:
    """Raise InputError if enough turned faces show jaws along the visible outline."""
    low, high = _TURNED
    yaw = np.abs(fit_pose(points_image)[:, 1])
    turned = np.flatnonzero((yaw >= low) & (yaw < high))[:_MAX_FACES]
    if len(turned) < _MIN_FACES:
        return
    outward = _outward(model, points_image[turned], AFLW_OFFSETS)
    if outward > _MIN_OUTLINE:
        raise InputError(
            f"expected hidden jaws on the 3D jaw line, found them {100 * outward:.1f} % of the face outside of it in "
            f'{len(turned)} turned faces; say labels = "outline"'
        )


def _outward(model: FaceModel, points_image: np.ndarray, offsets: np.ndarray) -> float:
    """How far outside of the mesh's jaw the hidden jaw of turned faces lies: the mean, as a share of the face box."""
    fits = fit_faces(model, points_image, offsets)
    yaw = fits.euler[:, 1]
    box = np.sqrt(np.ptp(points_image, axis=1).prod(1))  # (N,)
    outside = residuals(model, fits, points_image, offsets)[:, REGIONS["jaw"], 0] * (np.sign(yaw) / box)[:, None]
    return float(outside[hidden_jaw(yaw) & (np.abs(yaw) > _TURNED[0])[:, None]].mean())
