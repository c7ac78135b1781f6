"""The faces that a run has written so far, saved now and then, so that an interrupted run goes on where it was."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.datasets.challenge import ANNOTATIONS, load_annotations, write_annotations


class WrittenFaces:
    """Names and points_image (68, 2) of the faces in each folder of `out`.

    The first folder has exactly one face of each photograph. A face's file is named `KIND_STEM.jpg`, where STEM is that
    of its photograph.
    """

    def __init__(self, out: Path, folders: Sequence[str]) -> None:
        self._out, self._first = out, folders[0]
        self._faces: dict[str, tuple[list[str], list[np.ndarray]]] = {folder: ([], []) for folder in folders}

    def add(self, folder: str, name: str, points_image: np.ndarray) -> None:
        names, points = self._faces[folder]
        names.append(name)
        points.append(points_image)

    def counts(self) -> dict[str, int]:
        """The number of faces by folder."""
        return {folder: len(names) for folder, (names, _) in self._faces.items()}

    def save(self) -> None:
        """Write the folders' annotations; the first folder's come last, so the photographs they list are complete."""
        for folder, (names, points) in reversed(self._faces.items()):
            if names:
                write_annotations(self._out / folder, names, np.array(points))

    def restore(self) -> set[str]:
        """Take up the faces of complete photographs that an earlier run saved. Returns the photographs' stems.

        Raises InputError if the annotations are damaged.
        """
        paths = {folder: self._out / folder / ANNOTATIONS for folder in self._faces}
        saved = {folder: load_annotations(path) for folder, path in paths.items() if path.is_file()}
        complete = {_stem(name) for name in saved[self._first][0]} if self._first in saved else set()
        for folder, faces in saved.items():
            for name, points in zip(*faces, strict=True):
                if _stem(name) in complete:
                    self.add(folder, name, points)
        return complete


def _stem(name: str) -> str:
    """That of the photograph which a face's file was made of."""
    return Path(name.partition("_")[2]).stem
