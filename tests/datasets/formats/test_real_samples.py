"""Original files of two data sets, where they are at hand: read, and in agreement with the crops made from them."""

from pathlib import Path

import numpy as np
import pytest

from src.datasets.challenge import read_annotations
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.datasets.picture_files import picture_sizes


@pytest.fixture
def samples(real_data: Path) -> Path:
    folder = real_data.parent.parent
    if not (folder / "300W_sample").is_dir() or not (folder / "facesynthetics_sample").is_dir():
        pytest.skip("needs 300W_sample and facesynthetics_sample next to AFLW/data")
    return folder


def _read(folder: Path, name: str) -> Faces:
    assert detect_format(Folder(folder)) == name
    return read_faces(Folder(folder), name)


def test_300w_without_header(samples: Path) -> None:
    faces = _read(samples / "300W_sample", "pts")
    assert faces.subsets["train"].all()
    sizes = picture_sizes([faces.path(row) for row in range(len(faces))])
    assert (faces.points_image > 0).all()
    assert (faces.points_image < sizes[:, None]).all()


def test_facesynthetics_originals_and_the_challenges_crops_of_them_differ_by_scale_and_shift(samples: Path) -> None:
    faces = _read(samples / "facesynthetics_sample", "facesynthetics")
    names, points_crop = read_annotations(samples / "AFLW" / "data" / "synthetics_train")
    rows = {Path(name).stem: points for name, points in zip(names, points_crop, strict=True)}
    pairs = [(points, rows[Path(name).stem]) for name, points in zip(faces.names, faces.points_image, strict=True)
             if Path(name).stem in rows]  # fmt: skip
    assert pairs
    for original, crop in pairs:
        centered, target = original - original.mean(axis=0), crop - crop.mean(axis=0)
        scale = (centered * target).sum() / (centered**2).sum()
        np.testing.assert_allclose(scale * centered, target, atol=0.05)
