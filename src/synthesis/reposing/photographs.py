"""The annotated photographs that new training faces are made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from src.datasets.challenge import read_folder
from src.datasets.cropping import WHOLE
from src.datasets.decoding import decode_faces, sound_faces
from src.datasets.faces import Faces
from src.datasets.picture_files import MIN_SIDE, open_picture, upright
from src.errors import InputError


class PhotographError(InputError):
    """A photograph that was damaged after it had been looked at."""


def read_photographs(folder: Path, *, skip_broken: bool) -> Faces:
    """The sound faces of a folder in the challenge's format; prints what was left out and how labels were read.

    A broken face is found before anything is made of it: turned faces are cropped by their labels, so a label in shares
    or far outside of its picture would give black pictures with points that look right. Pictures are not decoded.
    Raises InputError as `read_folder` does and, unless skip_broken, for broken faces.
    """
    faces = sound_faces(read_folder(folder), skip_broken=skip_broken)
    for note in faces.notes:
        print(f"{folder}: {note}")
    return faces


def decodable(faces: Faces, *, skip_broken: bool) -> Faces:
    """The faces whose photographs can be decoded; prints which others were left out.

    All are decoded once, at a small scale, which is little next to turning them: a damaged one is told of before hours
    of work, not after them. Raises InputError if there are others, unless skip_broken, and if there are no sound ones.
    """
    squares = decode_faces([faces], MIN_SIDE, crop_rule=WHOLE, description="looking")
    faults = [str(square) if isinstance(square, InputError) else "" for square in squares]
    sound = sound_faces(replace(faces, faults=faults, left_out={}, remarks=()), skip_broken=skip_broken)
    for note in sound.notes:
        print(f"{faces.root}: {note}")
    return sound


def read_photo(path: Path) -> np.ndarray:
    """(S, S, 3) uint8 RGB of a picture as people see it; what is not square is filled with black, right or below.

    Raises PhotographError if it cannot be read.
    """
    try:
        with open_picture(path) as image:
            pixels = np.asarray(upright(image))
    except InputError as error:
        raise PhotographError(f"{path.name}: {error}") from None
    side = max(pixels.shape[:2])
    return np.pad(pixels, ((0, side - pixels.shape[0]), (0, side - pixels.shape[1]), (0, 0)))
