"""Fit a linear 3D face model to 68 points of many faces at once: weak perspective, identity and expression.

The camera is scaled-orthographic as in Zhu et al., "Face Alignment Across Large Poses: A 3D Solution" (2016); all
unknowns of a face are solved together by Gauss-Newton steps with a ridge on the coefficients, in batches of faces.

Camera frame: pixels of the picture with y up; angles as in `src.pose`. Observed points are in pixels with y down.
"""

from dataclasses import dataclass

import numpy as np

from src.markup import FLIP_PERMUTATION, NUM_POINTS, REGIONS
from src.pose import euler_angles, fit_pose, rotation_matrix
from src.synthesis.reposing.blas import one_blas_thread
from src.synthesis.reposing.face_model import FaceModel

_STEPS = 14  # of Gauss-Newton
_ROUNDS = 4  # of fitting faces and learning offsets in turns
_BATCH = 256
# Standard deviations that balance points against coefficients: a point's noise as a share of the face box, and priors.
_POINT_NOISE = 0.012
_IDENTITY_PRIOR = 1.0
_EXPRESSION_PRIOR = 0.4
_EXPRESSION_RANGE = (-0.2, 1.2)
# If annotators follow the visible outline with the jaw, it is the 3D jaw line only in a frontal face and on the near
# side of a turned one.
_JAW_WEIGHT = 0.5
_JAW_WEIGHT_NEAR_SIDE = 0.25
_FRONTAL_YAW = (4.0, 8.0)  # degrees, from full trust to none
_FIRM_DEPTH, _JAW_DEPTH_RIDGE = 1e9, 1.0  # faces' worth of evidence against moving a point in depth
_MIRROR = np.array([-1.0, 1.0, 1.0])
_JAW_SIDE = np.sign(np.arange(17) - 8)  # -1: picture left, +1: picture right


@dataclass(frozen=True)
class Fits:
    """Fitted faces: the camera is scale * (rotation @ shape)[:2] + translation, y up.

    coefficients: (N, I + E). rotation: (N, 3, 3). scale: (N,) pixels per cm. translation: (N, 2) pixels.
    residual: (N,) root mean square distance of the inner points, as a share of the face box's sqrt(w * h).
    """

    coefficients: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    translation: np.ndarray
    residual: np.ndarray

    @property
    def euler(self) -> np.ndarray:
        """(N, 3) pitch, yaw, roll in degrees."""
        return euler_angles(self.rotation)


def landmark_modes(model: FaceModel) -> np.ndarray:
    """(I + E, 68, 3) offsets of the landmark vertices in cm."""
    return np.concatenate([modes[:, model.landmarks].astype(float) for modes in (model.identity, model.expression)])


def landmark_shapes(model: FaceModel, coefficients: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Landmarks (N, 68, 3) in the model frame, cm. coefficients: (N, I + E). offsets: (68, 3) or (N, 68, 3) cm."""
    modes = landmark_modes(model)
    deformed = (coefficients @ modes.reshape(len(modes), -1)).reshape(-1, NUM_POINTS, 3)
    return model.neutral[model.landmarks].astype(np.float64) + offsets + deformed


def to_camera(fits: Fits, shapes: np.ndarray) -> np.ndarray:
    """Model frame to camera frame: shapes (N, K, 3) cm. Returns (N, K, 3) pixels, y down, z towards the viewer."""
    turned = fits.scale[:, None, None] * shapes @ np.swapaxes(fits.rotation, 1, 2)
    turned[..., :2] += fits.translation[:, None]
    return turned * [1, -1, 1]


@one_blas_thread()
def fit_faces(
    model: FaceModel, points_image: np.ndarray, offsets: np.ndarray, *, outline: np.ndarray | bool = True
) -> Fits:
    """Fit the model to faces.

    points_image: (N, 68, 2) pixels. offsets: (68, 3) or (N, 68, 3) cm in the model frame, from the landmark vertices to
    the points that the source of these faces marks (`learn_offsets`). outline: whether the jaw follows the visible
    outline, for all faces or (N,) bool; else it is a 3D jaw line, including the hidden side.
    """
    points = np.asarray(points_image, np.float64)
    offsets = np.broadcast_to(offsets, (len(points), NUM_POINTS, 3))
    outline = np.broadcast_to(outline, len(points))
    batches = [slice(start, start + _BATCH) for start in range(0, len(points), _BATCH)]
    parts = [_fit_batch(model, points[batch], offsets[batch], outline[batch]) for batch in batches]
    return Fits(*(np.concatenate([getattr(part, field) for part in parts]) for field in Fits.__dataclass_fields__))


def learn_offsets(model: FaceModel, points_image: np.ndarray, start: np.ndarray, *, outline: bool = True) -> np.ndarray:
    """Learn the constant offset from every landmark vertex to the point that a source marks there; symmetric.

    Near-frontal faces determine x and y. The near side of turned faces determines the depth of the jaw line, because
    there the visible outline is the jaw's edge. Other depths stay as in `start`.

    points_image: (N, 68, 2) pixels, faces of one source, frontal and turned. start: (68, 3) cm. outline: as for
    `fit_faces`, but one for all. Labels with a 3D jaw line determine every offset at every pose. As they are rendered
    with strong expressions, which a fit underestimates and offsets must not absorb, only the milder half of the faces
    counts then. Returns (68, 3) cm.
    """
    offsets = np.array(start, np.float64)
    ridge = np.zeros((NUM_POINTS, 3, 3))
    ridge[:, 2, 2] = _FIRM_DEPTH
    ridge[REGIONS["jaw"], 2, 2] = _JAW_DEPTH_RIDGE
    for _ in range(_ROUNDS):
        fits = fit_faces(model, points_image, offsets, outline=outline)
        yaw = fits.euler[:, 1]
        trust = _point_weights(yaw, outline) > 0
        if outline:
            trust[:, REGIONS["jaw"].stop :] = np.abs(yaw)[:, None] < _FRONTAL_YAW[1]
        else:
            strength = np.linalg.norm(fits.coefficients[:, len(model.identity) :], axis=1)
            trust[strength > np.median(strength)] = False
        trust[fits.residual > np.quantile(fits.residual, 0.95)] = False
        error = residuals(model, fits, points_image, offsets)[..., :2] / fits.scale[:, None, None]  # (N, 68, 2) cm
        camera = fits.rotation[:, :2]  # (N, 2, 3)
        normal = np.einsum("nk,nci,ncj->kij", trust, camera, camera)  # (68, 3, 3)
        right = np.einsum("nk,nci,nkc->ki", trust, camera, error)  # (68, 3)
        normal = normal + normal[FLIP_PERMUTATION] * np.outer(_MIRROR, _MIRROR) + ridge
        right = right + right[FLIP_PERMUTATION] * _MIRROR
        offsets += np.linalg.solve(normal, right[..., None])[..., 0]
        offsets[REGIONS["jaw"], 2] += _absorbed_depth(model, fits)
    return offsets


def _absorbed_depth(model: FaceModel, fits: Fits) -> np.ndarray:
    """How much deeper the jaw of turned faces was fitted than that of frontal ones: (17,) cm, symmetric.

    Both show the same kind of people, so the difference belongs to the offsets and not to the coefficients.
    """
    depth = (fits.coefficients @ landmark_modes(model)[..., 2])[:, REGIONS["jaw"]]  # (N, 17)
    frontal = np.abs(fits.euler[:, 1]) < _FRONTAL_YAW[1]
    if frontal.all() or not frontal.any():
        return np.zeros(depth.shape[1])
    difference = depth[~frontal].mean(0) - depth[frontal].mean(0)
    return (difference + difference[::-1]) / 2


def residuals(model: FaceModel, fits: Fits, points_image: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Observed minus fitted points. Returns (N, 68, 3) pixels, y up, z = 0."""
    fitted = to_camera(fits, landmark_shapes(model, fits.coefficients, offsets))
    error = np.zeros_like(fitted)
    error[..., :2] = (points_image - fitted[..., :2]) * [1, -1]
    return error


def _fit_batch(model: FaceModel, points_image: np.ndarray, offsets: np.ndarray, outline: np.ndarray) -> Fits:
    extent = points_image.max(1) - points_image.min(1)
    box = np.sqrt(extent.prod(1))  # (N,)
    center = points_image.mean(1)
    observed = (points_image - center[:, None]) / box[:, None, None] * [1, -1]  # (N, 68, 2), y up
    neutral = model.neutral[model.landmarks].astype(np.float64) + offsets  # (N, 68, 3)
    modes = landmark_modes(model)  # (K, 68, 3)
    flat_modes = modes.reshape(len(modes), -1)
    count = len(observed)

    rotation = rotation_matrix(fit_pose(points_image))
    turned = neutral @ np.swapaxes(rotation, 1, 2)
    middle = turned[..., :2] - turned[..., :2].mean(1, keepdims=True)
    scale = (middle * observed).sum((1, 2)) / (middle**2).sum((1, 2))
    translation = -scale[:, None] * turned[..., :2].mean(1)
    coefficients = np.zeros((count, len(modes)))
    prior = np.repeat([_IDENTITY_PRIOR, _EXPRESSION_PRIOR], [len(model.identity), len(model.expression)])
    ridge = np.concatenate([np.full(6, 1e-9), (_POINT_NOISE / prior) ** 2])

    for _ in range(_STEPS):
        shape = neutral + (coefficients @ flat_modes).reshape(count, NUM_POINTS, 3)
        turned = scale[:, None, None] * shape @ np.swapaxes(rotation, 1, 2)  # (N, 68, 3)
        error = observed - turned[..., :2] - translation[:, None]  # (N, 68, 2)
        jacobian = _jacobian(turned, scale[:, None, None] * rotation[:, :2], modes)  # (N, 136, 6 + K)
        weights = np.repeat(_point_weights(euler_angles(rotation)[:, 1], outline), 2, axis=1)  # (N, 136)
        weighted = jacobian * weights[..., None]
        normal = np.swapaxes(weighted, 1, 2) @ jacobian
        normal[:, np.arange(len(ridge)), np.arange(len(ridge))] += ridge
        right = np.einsum("nrp,nr->np", weighted, error.reshape(count, -1))
        right[:, 6:] -= ridge[6:] * coefficients
        step = np.linalg.solve(normal, right[..., None])[..., 0]
        rotation = _small_rotation(step[:, :3]) @ rotation
        scale = scale * np.exp(step[:, 3])
        translation = translation + step[:, 4:6]
        coefficients = coefficients + step[:, 6:]
        expressions = coefficients[:, len(model.identity) :]
        np.clip(expressions, *_EXPRESSION_RANGE, out=expressions)

    fits = Fits(
        coefficients=coefficients,
        rotation=rotation,
        scale=scale * box,
        translation=translation * box[:, None] + center * [1, -1],
        residual=np.zeros(count),
    )
    inner = residuals(model, fits, points_image, offsets)[:, REGIONS["jaw"].stop :]
    fits.residual[:] = np.sqrt((inner**2).sum(-1).mean(1)) / box
    return fits


def _jacobian(turned: np.ndarray, camera: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """Derivatives of projected points by rotation vector, log scale, translation, coefficients: (N, 136, 6 + K)."""
    x, y, z = np.moveaxis(turned, -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    pose = np.stack(
        [np.stack([zero, z, -y, x, one, zero], axis=-1), np.stack([-z, zero, x, y, zero, one], axis=-1)], axis=2
    )  # (N, 68, 2, 6)
    shape = np.tensordot(camera, modes, axes=(2, 2)).transpose(0, 3, 1, 2)  # (N, 68, 2, K)
    return np.concatenate([pose, shape], axis=-1).reshape(len(x), 2 * NUM_POINTS, -1)


def _point_weights(yaw: np.ndarray, outline: np.ndarray | bool) -> np.ndarray:
    """Trust in each point of faces turned by yaw (N,) degrees; outline: as for `fit_faces`. Returns (N, 68)."""
    full, none = _FRONTAL_YAW
    frontal = np.clip((none - np.abs(yaw)) / (none - full), 0, 1)[:, None]  # (N, 1)
    by_outline = frontal * _JAW_WEIGHT + (1 - frontal) * ~hidden_jaw(yaw) * _JAW_WEIGHT_NEAR_SIDE
    weights = np.ones((len(yaw), NUM_POINTS))
    weights[:, REGIONS["jaw"]] = np.where(np.reshape(outline, (-1, 1)), by_outline, _JAW_WEIGHT)
    return weights


def hidden_jaw(yaw: np.ndarray) -> np.ndarray:
    """Which jaw points lie on the far side of faces turned by yaw (N,), (N, 17); yaw > 0 hides the picture's right."""
    return _JAW_SIDE * np.sign(yaw)[:, None] > 0


def _small_rotation(vector: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) of rotation vectors (N, 3) in radians (Rodrigues)."""
    angle = np.linalg.norm(vector, axis=1)[:, None, None] + 1e-12
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3) / angle
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
