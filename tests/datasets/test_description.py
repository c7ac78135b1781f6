"""What a set of faces holds, face by face, and which source each face came from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.datasets.description import describe_faces, split_sources
from src.datasets.prepared import load_prepared
from src.errors import InputError


def test_a_set_is_described_face_by_face(prepared: Path) -> None:
    faces = load_prepared(prepared / "AFLW_validation_data")
    images = np.zeros_like(faces.images)
    images[3] = 51  # a fifth of the range
    table = describe_faces(replace(faces, images=images), np.array([3, 0]))
    assert table["brightness"].tolist() == pytest.approx([20, 0])
    assert table["contrast"].tolist() == pytest.approx([0, 0])
    assert table["picture"].tolist() == [96, 96]
    assert table["yaw"].iloc[0] == pytest.approx(faces.euler[3, 1])
    box = np.ptp(faces.points_unit[3], axis=0)
    assert table["face"].iloc[0] == pytest.approx(100 * np.sqrt(box[0] * box[1]), rel=1e-5)


def test_sources_are_told_apart_by_name(prepared: Path) -> None:
    folders = [load_prepared(prepared / name) for name in ("AFLW_train_data", "AFLW_validation_data")]
    sources = split_sources(folders)
    assert {name: len(rows) for name, (_, rows) in sources.items()} == {"synthetics_train": 40, "aflw_val": 12}
    twice = replace(folders[1], source=np.arange(12) % 2, source_names=np.array(["turned", "turned"]))
    assert split_sources([twice])["turned"][1].tolist() == list(range(12))
    with pytest.raises(InputError, match="aflw_val twice"):
        split_sources([folders[1], folders[1]])
