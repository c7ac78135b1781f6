"""Some of the prepared faces, and several tables from one folder."""

from pathlib import Path

import numpy as np
import pytest
from stand_in import write_faces

from src.datasets.challenge import read_folder
from src.datasets.prepare import prepare
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedFaces:
    write_faces(tmp_path / "one", 3)
    write_faces(tmp_path / "two", 4)
    prepare([tmp_path / "one", tmp_path / "two"], tmp_path / "out", image_size=32, shares=(0.4, 0.6))
    return load_prepared(tmp_path / "out")


@pytest.mark.parametrize("rows", [np.array([1, 4]), np.isin(np.arange(7), [1, 4])])
def test_some_faces_keep_what_belongs_to_each_and_to_all(prepared: PreparedFaces, rows: np.ndarray) -> None:
    part = prepared.take(rows)
    assert len(part) == 2
    assert part.names.tolist() == ["one/face001.png", "two/face001.png"]
    assert part.source.tolist() == [0, 1]
    assert part.source_names.tolist() == ["one", "two"]
    np.testing.assert_array_equal(part.shares, prepared.shares)
    np.testing.assert_array_equal(part.images, prepared.images[[1, 4]])
    np.testing.assert_allclose(part.points_image, prepared.points_image[[1, 4]])
    assert not isinstance(part.images, np.memmap)


def test_parts_of_one_folder_are_sources_of_their_own(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 5)
    faces = read_folder(tmp_path / "faces")
    prepare([faces.take(np.array([0, 1])), faces.take(np.array([2, 3, 4]))], tmp_path / "out", image_size=32)
    assert load_prepared(tmp_path / "out").source.tolist() == [0, 0, 1, 1, 1]


def test_a_folder_given_twice_is_refused(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 2)
    with pytest.raises(InputError, match="found this one twice"):
        prepare([tmp_path / "faces", tmp_path / "." / "faces"], tmp_path / "out", image_size=32)
