"""The annotated photographs that new training faces are made of."""

from pathlib import Path

from src.datasets.challenge import read_folder
from src.datasets.decoding import sound_faces
from src.datasets.faces import Faces


def read_photographs(folder: Path, *, skip_broken: bool) -> Faces:
    """The sound faces of a folder in the challenge's format; prints what was left out and how labels were read.

    A broken face is found before anything is made of it: turned faces are cropped by their labels, so a label in shares
    or far outside of its picture would give black pictures with points that look right.
    Raises InputError as `read_folder` does and, unless skip_broken, for broken faces.
    """
    faces = sound_faces(read_folder(folder), skip_broken=skip_broken)
    for note in faces.notes:
        print(f"{folder}: {note}")
    return faces
