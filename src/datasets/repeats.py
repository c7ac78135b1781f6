"""Repetitions within a data set: faces stated or labeled twice, points copied to another picture, shared pictures."""

import hashlib
from collections import defaultdict
from dataclasses import replace

import numpy as np

from src.boxes import box_of_points
from src.datasets.faces import Faces
from src.datasets.names import counted, counted_names, part_words

_TRAIN = "train"
_COPIED = 0.1  # share of a face's points that are, to the last digit, those of the face before it
_ONE_FACE = 0.25  # of a face's size: mean distance of two annotators' points, at most


def without_repeats(faces: Faces) -> Faces:
    """Each face once, in all subsets it is listed in: data sets often list their parts next to the whole.

    Equal faces have the same picture and the same points. The number of repetitions is remarked, and so are pictures
    that belong both to training and to another part.
    """
    first: dict[bytes, int] = {}
    keys = map(_digest, faces.names.tolist(), faces.points_image)
    kept_of = np.array([first.setdefault(key, row) for row, key in enumerate(keys)])
    kept = np.unique(kept_of)
    remarks = list(faces.remarks)
    if len(kept) < len(faces):
        remarks.append(counted(len(faces) - len(kept), "faces stated again, word for word, and counted once"))
        subsets = {}
        for name, mask in faces.subsets.items():
            merged = np.zeros(len(faces), bool)
            merged[kept_of[mask]] = True
            subsets[name] = merged
        faces = replace(faces, subsets=subsets).take(kept)
    shared = _shared_pictures(faces)
    if shared:
        remarks.append(counted_names(shared, "pictures of two parts, train and another"))
    return replace(faces, remarks=tuple(remarks))


def repeat_remarks(names: np.ndarray, points_image: np.ndarray) -> list[str]:
    """Remarks on faces (N, K, 2) that have points of another picture's face, as tools write that keep the annotations
    of the picture before, and on faces that lie on another one of their picture, as two annotators make them."""
    remarks = []
    if copied := _copied(names, points_image):
        remarks.append(counted_names(copied, "faces with points of a face in another picture: copied?"))
    if twice := _labeled_twice(names, points_image):
        remarks.append(counted_names(twice, "faces on another face of the same picture: labeled twice?"))
    return remarks


def _copied(names: np.ndarray, points_image: np.ndarray) -> list[str]:
    first: dict[bytes, int] = {}
    rows = {
        row for row, face in enumerate(points_image) if names[first.setdefault(_digest("", face), row)] != names[row]
    }
    shared = (points_image[1:] == points_image[:-1]).all(axis=2).mean(axis=1)
    rows.update((1 + np.flatnonzero((shared > _COPIED) & (names[1:] != names[:-1]))).tolist())
    return [str(names[row]) for row in sorted(rows)]


def _labeled_twice(names: np.ndarray, points_image: np.ndarray) -> list[str]:
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names.tolist()):
        rows_of[name].append(row)
    found, centers = [], points_image.mean(axis=1)
    for name, rows in rows_of.items():
        for place, row in enumerate(rows[1:], start=1):
            face = points_image[row]
            left, top, right, bottom = box_of_points(face[None])[0]
            limit = _ONE_FACE * np.sqrt((right - left) * (bottom - top))
            # Centers are no farther apart than points are on average, so that a crowd takes no time.
            is_near = np.linalg.norm(centers[rows[:place]] - centers[row], axis=1) < limit
            others = points_image[np.array(rows[:place])[is_near]]
            distance = np.linalg.norm(others - face, axis=2).mean(axis=1)
            if ((distance > 0) & (distance < limit)).any():
                found.append(name)
    return found


def _digest(name: str, points: np.ndarray) -> bytes:
    return hashlib.blake2b(name.encode(errors="surrogateescape") + b"\0" + points.tobytes(), digest_size=16).digest()


def _shared_pictures(faces: Faces) -> list[str]:
    """Pictures in subsets that are, by their names, both for training and for validation or test."""
    pictures: dict[bool, set[str]] = defaultdict(set)
    for name, mask in faces.subsets.items():
        for word in part_words(name):
            pictures[word == _TRAIN].update(faces.names[mask].tolist())
    return sorted(pictures[True] & pictures[False])
