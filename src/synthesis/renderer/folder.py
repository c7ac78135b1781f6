"""Folders of rendered faces in the challenge's own format, and the whole data root of a demo."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from src.command_line import progress
from src.datasets.challenge import ANNOTATIONS, write_annotations
from src.errors import InputError
from src.files import alone_in, atomic_path, naming
from src.parallel import count_cores
from src.synthesis.owned_folder import claim, finished_counts, is_owned, mark_finished
from src.synthesis.renderer.face import Face, render_face

POSES = "pose.npz"
TEST_ANNOTATIONS = "aflw_test_annotations.pkl"
_MADE_BY = "src.synthesis.demo"  # as in every folder so far, whatever this module is called
_IMAGE_SIZE = 384  # pixels, as the challenge's crops have
_LEAST_HELD_OUT = 64  # faces; fewer measure nothing
_VERSION = 2  # raise it when the same seed gives another picture


def render_faces(
    folder: Path,
    count: int,
    *,
    seed: int,
    image_size: int = _IMAGE_SIZE,
    workers: int | None = None,
    description: str = "faces",
) -> None:
    """Render `count` faces into `folder`: 000000.jpg ..., annot.pkl, pose.npz and made_by.json.

    Face i depends on (seed, i) only. pose.npz holds euler (count, 3): pitch, yaw, roll in degrees, as in `src.pose`.
    A finished folder with the same marker stays as it is; an unfinished one, or one with other settings, is made again.
    workers: threads, all cores by default. Raises InputError if the folder holds anything that we did not make,
    another run is writing there, or count is not positive.
    """
    if count < 1:
        raise InputError(f"expected at least one face to render, found {count}")
    marker = _marker(count, seed, image_size)
    if finished_counts([folder], marker) and (folder / ANNOTATIONS).is_file():
        return
    with alone_in(folder):
        claim(folder, marker)
        _render(folder, count, seed, image_size, workers=workers or count_cores(), description=description)
        mark_finished(folder, marker, {"faces": count})


def _render(folder: Path, count: int, seed: int, image_size: int, *, workers: int, description: str) -> None:
    names = [f"{i:06d}.jpg" for i in range(count)]
    points_image, euler = np.empty((count, 68, 2)), np.empty((count, 3))

    def make(i: int) -> None:
        face = _make_face(folder / names[i], seed, i, image_size)
        points_image[i], euler[i] = face.points_image, face.euler

    make(0)  # compiles the kernels before threads need them
    with ThreadPoolExecutor(workers) as pool:
        made = pool.map(make, range(1, count))
        list(progress(made, total=count, initial=1, desc=description, unit="face"))
    with atomic_path(folder / POSES) as path, open(path, "wb") as file:
        np.savez(file, euler=euler)
    write_annotations(folder, names, points_image)


def render_demo(data_root: Path, count: int) -> None:
    """Make the challenge's layout under `data_root`: synthetics_train (`count` faces), aflw_val and aflw_test.

    The last two hold max(64, count // 10) faces of other seeds. aflw_test has pictures only; its labels are kept next
    to it, in aflw_test_annotations.pkl, to score a submission. Raises InputError as `render_faces` does.
    """
    held_out = max(_LEAST_HELD_OUT, count // 10)
    with alone_in(data_root):
        render_faces(data_root / "synthetics_train", count, seed=0, description="synthetics_train")
        render_faces(data_root / "aflw_val", held_out, seed=1, description="aflw_val")
        _render_test(data_root, held_out, seed=2)


def _render_test(data_root: Path, count: int, *, seed: int) -> None:
    """Render aflw_test, then move its annotations out of the folder."""
    folder, answers = data_root / "aflw_test", data_root / TEST_ANNOTATIONS
    marker = _marker(count, seed, _IMAGE_SIZE)
    if answers.exists() and not is_owned(folder, marker):
        raise InputError(f"{answers}: this command did not make the file; name another folder or move it away")
    if finished_counts([folder], marker) and answers.is_file() and not (folder / ANNOTATIONS).exists():
        return
    render_faces(folder, count, seed=seed, description="aflw_test")
    (folder / POSES).unlink(missing_ok=True)
    os.replace(folder / ANNOTATIONS, answers)


def _marker(count: int, seed: int, image_size: int) -> dict:
    return {"made_by": _MADE_BY, "version": _VERSION, "seed": seed, "count": count, "image_size": image_size}


def _make_face(path: Path, seed: int, i: int, image_size: int) -> Face:
    rng = np.random.default_rng([seed, i])
    face = render_face(rng, image_size)
    with naming(path):
        face.picture.save(path, quality=int(rng.integers(70, 96)))
    return face
