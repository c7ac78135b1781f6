"""Checks of a prepared folder's arrays, their shapes, types and ranges, before anything trains on them."""

import hashlib
from collections.abc import Mapping

import numpy as np

from src.errors import InputError
from src.markup import INNER_51, NUM_POINTS

# Shapes, with N faces of K points from M sources, and NumPy's kinds of types.
_FORMS = {
    "points_unit": (("N", "K", 2), "f"),
    "affine": (("N", 2, 3), "f"),
    "size": (("N", 2), "fiu"),
    "euler": (("N", 3), "f"),
    "names": (("N",), "U"),
    "source": (("N",), "iu"),
    "source_names": (("M",), "U"),
}
_FARTHEST = 100.0  # sides of the square, and turns of an angle: larger values mean a damaged file
_LARGEST = 1e6  # pixels of a picture or crop
_SAMPLED = 32  # squares, of gigabytes of them


def check_prepared(images: np.ndarray, arrays: Mapping[str, np.ndarray], meta: Mapping[str, object]) -> None:
    """Raise InputError, naming the array, for arrays that `prepare` cannot have written, or not together."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise InputError(f"expected images.npy as (N, S, S, 3) uint8, found {images.shape} of {images.dtype}")
    if not arrays.keys() - {"shares"} == _FORMS.keys():
        raise InputError(f"expected the arrays {', '.join(_FORMS)} in labels.npz, found {', '.join(arrays)[:200]}")
    sizes = {"N": len(images), "K": _length(arrays["points_unit"], 1), "M": _length(arrays["source_names"], 0)}
    for name, (form, kinds) in _FORMS.items():
        shape, values = tuple(sizes.get(length, length) for length in form), arrays[name]
        if values.shape != shape or values.dtype.kind not in kinds:
            raise InputError(f"expected {name} of shape {shape} in labels.npz, found {values.shape} of {values.dtype}")
    if sizes["K"] not in (NUM_POINTS, len(INNER_51)):
        raise InputError(f"expected 68 or 51 points per face, found {sizes['K']}")
    _check_ranges(arrays)
    for name, words, count in (
        ("faces", "faces", len(images)),
        ("points", "points per face", sizes["K"]),
        ("image_size", "pixels per side", images.shape[1]),
    ):
        stated = meta.get(name, None if name == "faces" else count)  # older folders state their faces alone
        if stated != count or isinstance(stated, bool):
            raise InputError(f"expected {stated!r:.40} {words}, as meta.json states, found {count}")
    if not isinstance(meta.get("fingerprint", ""), str):
        raise InputError("expected the fingerprint in meta.json as text")
    if "content" in meta and meta["content"] != content_digest(images, arrays):  # older folders do not state it
        raise InputError("expected images.npy, labels.npz and meta.json of one preparation, found another's")


def content_digest(images: np.ndarray, arrays: Mapping[str, np.ndarray]) -> str:
    """A digest of all labels and of some squares, by which a file of another preparation is noticed."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]))
    for row in np.linspace(0, len(images) - 1, min(_SAMPLED, len(images))).astype(int):
        digest.update(np.ascontiguousarray(images[row]))
    return digest.hexdigest()


def _length(array: np.ndarray, axis: int) -> int | None:
    return array.shape[axis] if array.ndim > axis else None


def _check_ranges(arrays: Mapping[str, np.ndarray]) -> None:
    for name, most in (
        ("points_unit", _FARTHEST),
        ("euler", 360 * _FARTHEST),
        ("affine", _LARGEST),
        ("size", _LARGEST),
    ):
        if not (np.abs(arrays[name]) <= most).all():  # NaN is not
            raise InputError(f"expected {name} within {most:g} in labels.npz, found NaN or a larger number")
    if not (arrays["size"] > 0).all():
        raise InputError("expected sizes above 0 in labels.npz")
    if not (np.abs(np.linalg.det(arrays["affine"][:, :, :2].astype(np.float64))) > 0).all():
        raise InputError("expected affine maps that can be inverted in labels.npz")
    count, source = len(arrays["source_names"]), arrays["source"]
    if not ((source >= 0) & (source < count)).all():
        raise InputError(f"expected sources from 0 to {count - 1} in labels.npz")
    shares = arrays.get("shares", np.empty(0))
    if shares.shape not in ((0,), (count,)) or shares.dtype.kind != "f" or not (shares >= 0).all():
        raise InputError(f"expected no shares in labels.npz, or one of at least 0 for each of {count} sources")
