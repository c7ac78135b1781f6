"""Repetitions within a data set: equal faces in several label files, pictures in two of its parts."""

import hashlib
from collections import defaultdict
from dataclasses import replace

import numpy as np

from src.datasets.faces import Faces
from src.datasets.names import part_words, spell_out

_TRAIN = "train"


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
        remarks.append(f"{len(faces) - len(kept)} faces are stated again, word for word, and count once")
        subsets = {}
        for name, mask in faces.subsets.items():
            merged = np.zeros(len(faces), bool)
            merged[kept_of[mask]] = True
            subsets[name] = merged
        faces = replace(faces, subsets=subsets).take(kept)
    shared = _shared_pictures(faces)
    if shared:
        remarks.append(f"{len(shared)} pictures are of two parts, train and another ({spell_out(shared)})")
    return replace(faces, remarks=tuple(remarks))


def _digest(name: str, points: np.ndarray) -> bytes:
    return hashlib.blake2b(name.encode(errors="surrogateescape") + b"\0" + points.tobytes(), digest_size=16).digest()


def _shared_pictures(faces: Faces) -> list[str]:
    """Pictures in subsets that are, by their names, both for training and for validation or test."""
    pictures: dict[bool, set[str]] = defaultdict(set)
    for name, mask in faces.subsets.items():
        for word in part_words(name):
            pictures[word == _TRAIN].update(faces.names[mask].tolist())
    return sorted(pictures[True] & pictures[False])
