"""The faces of a run: labeled, unlabeled, and held out to decide when to stop; the challenge's folders are refused."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.datasets.challenge import check_name, read_folder
from src.datasets.faces import Faces, fingerprint_of
from src.datasets.listing import list_pictures
from src.errors import InputError, about
from src.reading import read_bytes

FORBIDDEN = ("aflw_test", "aflw_val")  # the challenge's measure: never trained on, not even by pseudo-labels
_MOST_BYTES = 512_000_000  # of a picture: more than any readable one has
_NEIGHBORS = 10  # names drawn together, because frames of one video have neighboring names


@dataclass(frozen=True)
class Task:
    """A run's faces and how they are divided."""

    human: Faces  # to train on
    held_out: Faces  # labeled by people, never trained on
    is_held_out_from_labeled: bool  # or else from a validation folder
    root: Path  # of the unlabeled pictures
    names: np.ndarray  # (N,) of the unlabeled pictures
    truth: np.ndarray | None = None  # their hidden labels (N, 68, 2), in an experiment

    @property
    def unlabeled(self) -> list[Path]:
        """The N pictures without labels."""
        return [self.root / name for name in self.names]

    def pool(self, points_image: np.ndarray, rows: np.ndarray) -> Faces:
        """Some of the unlabeled pictures (rows: a mask or indices) with their labels from points_image (N, 68, 2)."""
        return Faces(self.root, self.names[rows], points_image[rows])

    def fingerprint(self) -> str:
        """A hash that changes with any name, folder, picture file or label."""
        unlabeled = self.pool(np.zeros((len(self.names), 1, 2)), slice(None))
        return fingerprint_of((self.human, self.held_out, unlabeled), "")


def open_task(unlabeled: Path, labeled: Path, *, val_dir: Path | None, held_out: float, seed: int) -> Task:
    """Read the folders. Without `val_dir`, some labels are held out: a share of `held_out`, or from 1 on that many.

    A human-labeled picture never counts as unlabeled, wherever its copy lies. Raises InputError for missing, empty or
    wrong folders, and if unlabeled pictures are the challenge's own or those of `val_dir`.
    """
    refuse_challenge(unlabeled, "unlabeled")
    refuse_challenge(labeled, "labeled")
    names = [check_name(name) for name in list_pictures(unlabeled)]
    human = _read_sorted(labeled)
    validation = _read_sorted(val_dir) if val_dir else None
    labeled_hashes = _hashes(picture_paths(human))
    if validation is not None:
        validation_hashes = _hashes(picture_paths(validation))
        _refuse_overlap(labeled_hashes, validation_hashes, f"{labeled}: the labeled folder")
    else:
        human, validation = split_off(human, held_out, seed=seed)
        validation_hashes = {}
    unlabeled_hashes = _hashes(unlabeled / name for name in names)
    _refuse_overlap(unlabeled_hashes, validation_hashes, f"{unlabeled}: the unlabeled folder")
    names = [path.name for content, path in unlabeled_hashes.items() if content not in labeled_hashes]
    if not names:
        raise InputError(f"{unlabeled}: expected pictures without labels, found only those of {labeled}")
    return Task(human, validation, val_dir is None, unlabeled, np.array(names))


def hide_labels(labeled: Path, count: int, *, val_dir: Path | None, held_out: float, seed: int) -> Task:
    """An experiment: `count` faces of an annotated folder keep their labels; the others' are hidden to measure by."""
    refuse_challenge(labeled, "labeled")
    faces = _read_sorted(labeled)
    if val_dir:
        validation = _read_sorted(val_dir)
        _refuse_overlap(
            _hashes(picture_paths(faces)), _hashes(picture_paths(validation)), f"{labeled}: the labeled folder"
        )
    else:
        faces, validation = split_off(faces, held_out, seed=seed)
    if not 0 < count < len(faces):
        raise InputError(f"labeled_count: expected 1 to {len(faces) - 1} of the {len(faces)} faces, found {count}")
    order = np.random.default_rng((seed, 1)).permutation(len(faces))
    human, pool = faces.take(np.sort(order[:count])), faces.take(np.sort(order[count:]))
    return Task(human, validation, val_dir is None, labeled, pool.names, pool.points_image)


def hide_pictures(labeled: Path, count: int, pictures: Path, *, held_out: float, seed: int) -> Task:
    """An experiment with a domain shift: `count` labels of one folder, and pictures of another with hidden labels.

    held_out: share (from 1 on: count) of these pictures that keep their labels and decide when to stop, as the question
    is what labels from elsewhere are worth *there*. Raises InputError as `hide_labels` does, and if the folders share a
    picture.
    """
    refuse_challenge(labeled, "labeled")
    refuse_challenge(pictures, "unlabeled")
    faces, others = _read_sorted(labeled), _read_sorted(pictures)
    _refuse_overlap(_hashes(picture_paths(faces)), _hashes(picture_paths(others)), f"{labeled}: the labeled folder")
    if not 0 < count <= len(faces):
        raise InputError(f"expected 1 to {len(faces)} labels of {labeled}, found {count}")
    chosen = np.sort(np.random.default_rng((seed, 1)).permutation(len(faces))[:count])
    pool, validation = split_off(others, held_out, seed=seed)
    return Task(faces.take(chosen), validation, False, pictures, pool.names, pool.points_image)


def split_off(faces: Faces, held_out: float, *, seed: int) -> tuple[Faces, Faces]:
    """Training and held-out faces. Neighbors by name are drawn together, so that few videos are divided."""
    count = round(held_out * len(faces)) if held_out < 1 else round(held_out)
    if not 0 < count < len(faces):
        raise InputError(f"held_out: expected 1 to {len(faces) - 1} of the {len(faces)} labeled faces, found {count}")
    blocks = np.array_split(np.arange(len(faces)), max(len(faces) // _NEIGHBORS, 2))
    order = np.random.default_rng((seed, 0)).permutation(len(blocks))
    drawn = np.sort(np.concatenate([blocks[i] for i in order])[:count])
    return faces.take(np.setdiff1d(np.arange(len(faces)), drawn)), faces.take(drawn)


def picture_paths(faces: Faces) -> list[Path]:
    """The path of every face's picture."""
    return [faces.path(row) for row in range(len(faces))]


def refuse_challenge(folder: Path, kind: str) -> None:
    """Raise InputError if a folder is, or lies in, one that the challenge measures by."""
    found = {part.lower() for path in (folder.absolute(), folder.resolve()) for part in path.parts}
    for name in FORBIDDEN:
        if name in found:
            raise InputError(
                f"{folder}: the {kind} folder must not be {name}, which measures and never trains; use other faces"
            )


def _read_sorted(folder: Path) -> Faces:
    faces = read_folder(folder)
    return faces.take(np.argsort(faces.names, kind="stable"))


def _hashes(paths: Iterable[Path]) -> dict[str, Path]:
    """The first picture with each content, by its hash."""
    found = {}
    for path in paths:
        try:
            with about(path):
                content = hashlib.sha256(read_bytes(path, most=_MOST_BYTES)).hexdigest()
        except FileNotFoundError:
            raise InputError(f"{path}: expected an annotated picture, found none; mend the folder") from None
        found.setdefault(content, path)
    return found


def _refuse_overlap(hashes: dict[str, Path], validation: dict[str, Path], where: str) -> None:
    shared = hashes.keys() & validation.keys()
    if shared:
        example = min(hashes[content].name for content in shared)
        raise InputError(
            f"{where} must not hold validation pictures, found {len(shared)} of them (first: {example}); take them out"
        )
