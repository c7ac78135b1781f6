"""A linear 3D face model: neutral head, identity modes, named expressions.

ICT-FaceKit's light model (Li et al., "Learning Formation of Physically-Based Face Attributes", 2020; MIT license), read
from one packed `ict_face_model.npz` or from a clone of its repository, whose shapes are OBJ files.

Model frame: centimeters, x to the picture's right, y up, z towards the viewer.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.markup import NUM_POINTS
from src.reading import open_zip, read_json, read_text

PACKED = "ict_face_model.npz"
_INDICES = "vertex_indices.json"
_NEUTRAL = "generic_neutral_mesh.obj"
# Kinds of NumPy dtypes.
_KINDS = {"neutral": "f", "identity": "f", "expression": "f", "quads": "iu", "landmark68": "iu"}
_ARRAYS = (*_KINDS, "expression_names")

# ICT-FaceKit lists face, head and neck first; eyeballs, teeth, tongue, lashes and the like follow.
_HEAD_VERTICES = 11248
_MOST_BYTES = 500_000_000  # of the packed model


@dataclass(frozen=True)
class FaceModel:
    """V vertices, I identity modes of unit variance, E expressions in [0, 1].

    neutral: (V, 3) cm. identity: (I, V, 3) and expression: (E, V, 3), offsets in cm. expression_names: (E,).
    quads: (Q, 4) vertex indices. landmarks: (68,) vertex indices of the mark-up. head_vertices: how many leading
    vertices make the head's skin.
    """

    neutral: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    expression_names: tuple[str, ...]
    quads: np.ndarray
    landmarks: np.ndarray
    head_vertices: int

    def shape(self, coefficients: np.ndarray, count: int) -> np.ndarray:
        """The first `count` vertices (count, 3) of the face with coefficients (I + E,), cm."""
        weights = np.split(coefficients.astype(np.float32), [len(self.identity)])
        shape = self.neutral[:count].copy()
        for each, modes in zip(weights, (self.identity, self.expression), strict=True):
            shape += (each @ modes.reshape(len(modes), -1)[:, : 3 * count]).reshape(-1, 3)
        return shape

    def head_triangles(self) -> np.ndarray:
        """Triangles of the head's skin. Returns (T, 3) int32 indices below `head_vertices`."""
        quads = self.quads[(self.quads < self.head_vertices).all(1)]
        return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def load_face_model(folder: str | Path, *, max_identities: int = 40) -> FaceModel:
    """Read the face model in `folder` with its first `max_identities` identity modes.

    Raises InputError if the folder holds neither form of the model, or a damaged one.
    """
    folder = Path(folder)
    if (folder / PACKED).is_file():
        arrays = _read_packed(folder / PACKED)
    else:
        clone = next((path for path in (folder, folder / "FaceXModel") if (path / _INDICES).is_file()), None)
        if clone is None:
            raise InputError(
                f"{folder}: no face model; expected {PACKED} or a clone of ICT-FaceKit with {_INDICES} there"
            )
        arrays = _read_clone(clone, max_identities)
    return _check(folder, arrays, max_identities)


def _read_packed(path: Path) -> dict[str, np.ndarray]:
    try:
        with open_zip(path, most=_MOST_BYTES), np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in _ARRAYS}
    except KeyError as error:
        raise InputError(
            f"{path}: not a face model; expected the arrays {', '.join(_ARRAYS)} ({error.args[0]})"
        ) from error
    except Exception as error:  # a damaged zip raises BadZipFile, ValueError, zlib.error and others
        raise InputError(f"{path}: not a readable npz file ({error}); fetch it again") from error


def _read_clone(folder: Path, max_identities: int) -> dict[str, np.ndarray]:
    try:
        indices = read_json(folder / _INDICES)
        names, landmarks = indices["expressions"], np.array(indices["idx_to_landmark_verts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / _INDICES}: not ICT-FaceKit's list of vertices ({error})") from error
    neutral, quads = _read_obj(folder / _NEUTRAL)
    identities = [f"identity{i:03d}" for i in range(max_identities)]
    try:
        modes = {
            kind: np.stack([_read_obj(folder / f"{name}.obj")[0] - neutral for name in files])
            for kind, files in (("identity", identities), ("expression", names))
        }
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder}: the face model's shapes do not fit each other ({error})") from None
    return {"neutral": neutral, "quads": quads, "landmark68": landmarks, "expression_names": np.array(names), **modes}


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and quads (Q, 4), counted from 0, of a Wavefront OBJ file."""
    vertices, quads = [], []
    try:
        for line in read_text(path).splitlines():
            if line.startswith("v "):
                vertices.append([float(word) for word in line.split()[1:4]])
            elif line.startswith("f "):
                quads.append([int(word.split("/")[0]) - 1 for word in line.split()[1:5]])
        return np.array(vertices, np.float32).reshape(-1, 3), np.array(quads, np.int32).reshape(-1, 4)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; expected a complete clone of ICT-FaceKit there") from None
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"{path}: not a readable OBJ file of quads ({error})") from error


def _check(folder: Path, arrays: dict[str, np.ndarray], max_identities: int) -> FaceModel:
    neutral, identity, expression = (arrays[name] for name in ("neutral", "identity", "expression"))
    quads, landmarks = arrays["quads"], arrays["landmark68"]
    count = len(neutral) if neutral.ndim else 0
    shapes_fit = (
        neutral.shape == (count, 3)
        and identity.shape[1:] == expression.shape[1:] == (count, 3)
        and arrays["expression_names"].shape == expression.shape[:1]
        and quads.shape[1:] == (4,)
        and len(quads) > 0
        and landmarks.shape == (NUM_POINTS,)
    )
    fits = shapes_fit and all(arrays[name].dtype.kind in kinds for name, kinds in _KINDS.items())
    if not fits or min(quads.min(), landmarks.min()) < 0 or max(quads.max(), landmarks.max()) >= count:
        found = ", ".join(f"{name} {arrays[name].shape} of {arrays[name].dtype}" for name in _ARRAYS)
        raise InputError(f"{folder}: the face model's arrays do not fit each other; found {found}")
    if not all(np.isfinite(values).all() for values in (neutral, identity, expression)):
        raise InputError(f"{folder}: expected finite coordinates in the face model, found NaN or infinity")
    return FaceModel(
        neutral=neutral.astype(np.float32),
        identity=identity[:max_identities].astype(np.float32),
        expression=expression.astype(np.float32),
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        quads=quads.astype(np.int32),
        landmarks=landmarks.astype(np.int64),
        head_vertices=min(count, _HEAD_VERTICES),
    )
