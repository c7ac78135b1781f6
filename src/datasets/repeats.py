"""Repetitions within a data set: faces stated or labeled twice, points copied to another picture, shared pictures."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from src.boxes import box_of_points
from src.datasets.faces import Faces
from src.datasets.names import counted, counted_names, part_words

_TRAIN = "train"
_COPIED = 0.1  # share of a face's points that are, to the last digit, those of the face before it
_ONE_PLACE = 0.25  # of a face's size: mean distance of points on the same place in a picture, at most
_AGREED = 0.06  # of a face's size: mean distance of two annotators' points of one face, at most


def without_repeats(faces: Faces) -> Faces:
    """Each face once, in all subsets it is listed in: data sets often list their parts next to the whole.

    Equal faces have the same picture and the same points. The number of repetitions is remarked, and so are pictures
    that belong both to training and to another part, or have faces of different subsets. Different faces of two subsets
    in one place of a picture get a fault.
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
    if several := [name for name in _in_several_subsets(faces) if name not in shared]:
        remarks.append(counted_names(several, "pictures whose faces are of different subsets"))
    return replace(faces, remarks=tuple(remarks), faults=_faults_of_namesakes(faces))


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
    return [str(names[row]) for row, _, _ in _on_others(names, points_image)]


def _on_others(names: np.ndarray, points_image: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Of each face that lies on earlier ones of its picture: its row, theirs (M,) and their distances (M,), as shares
    of its size."""
    centers = points_image.mean(axis=1)
    for rows in _rows_of_pictures(names):
        for place, row in enumerate(rows[1:], start=1):
            face, others = points_image[row], rows[:place]
            left, top, right, bottom = box_of_points(face[None])[0]
            size = np.sqrt((right - left) * (bottom - top))
            # Centers are no farther apart than points are on average, so that a crowd takes no time.
            others = others[np.linalg.norm(centers[others] - centers[row], axis=1) < _ONE_PLACE * size]
            distances = np.linalg.norm(points_image[others] - face, axis=2).mean(axis=1) / size
            is_near = (distances > 0) & (distances < _ONE_PLACE)
            if is_near.any():
                yield int(row), others[is_near], distances[is_near]


def _faults_of_namesakes(faces: Faces) -> np.ndarray:
    """The faults (N,), with one for faces in one place of a picture that are of two subsets and not alike: each may be
    of a 1.jpg of its own."""
    faults = faces.faults.astype(object)
    for row, others, distances in _on_others(faces.names, faces.points_image):
        for other in others[distances > _AGREED]:
            parts, its = (_subsets_of(faces, place) for place in (row, other))
            if parts and its and not parts & its and not faults[row] and not faults[other]:
                faults[[row, other]] = (
                    f"{min(its)} and {min(parts)} have different faces in one place of it; if they mean two pictures "
                    "of that name, put the folders into their paths"
                )
    return faults.astype(str)


def _subsets_of(faces: Faces, row: int) -> set[str]:
    return {name for name, mask in faces.subsets.items() if mask[row]}


def _in_several_subsets(faces: Faces) -> list[str]:
    """Pictures with faces of several subsets, none of which has two of them."""
    found = []
    for rows in _rows_of_pictures(faces.names):
        subsets = [_subsets_of(faces, row) for row in rows]
        if all(subsets) and sum(map(len, subsets)) == len(set.union(*subsets)):
            found.append(str(faces.names[rows[0]]))
    return found


def _rows_of_pictures(names: np.ndarray) -> list[np.ndarray]:
    """The rows (M,) of each picture that has several."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names.tolist()):
        rows_of[name].append(row)
    return [np.array(rows) for rows in rows_of.values() if len(rows) > 1]


def _digest(name: str, points: np.ndarray) -> bytes:
    return hashlib.blake2b(name.encode(errors="surrogateescape") + b"\0" + points.tobytes(), digest_size=16).digest()


def _shared_pictures(faces: Faces) -> list[str]:
    """Pictures in subsets that are, by their names, both for training and for validation or test."""
    pictures: dict[bool, set[str]] = defaultdict(set)
    for name, mask in faces.subsets.items():
        for word in part_words(name):
            pictures[word == _TRAIN].update(faces.names[mask].tolist())
    return sorted(pictures[True] & pictures[False])
