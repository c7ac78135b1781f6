"""What notebooks share: data by name, tables as CSV, mean and spread."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.datasets.challenge import read_folder
from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.geometry import turn_matrix
from src.notebook import data as notebook
from src.notebook.data import describe_machine, mean_and_spread, mean_face_nme, open_data, save_table


def test_the_machine_is_described_with_every_seed() -> None:
    assert describe_machine([3, 5]).endswith("seed: 3, 5")
    assert describe_machine(7).endswith("seed: 7")


def test_named_data_is_found_from_the_root() -> None:
    folders = open_data("data/a", "data/b", faces=4)
    assert folders == (notebook.ROOT / "data" / "a", notebook.ROOT / "data" / "b")


@pytest.mark.parametrize("names", [("data/a", ""), ("", "data/b")])
def test_one_named_folder_alone_is_refused(names: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="expected training_data and validation_data, or neither"):
        open_data(*names, faces=4)


def test_no_faces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "DATA", tmp_path)
    with pytest.raises(InputError, match="at least one face"):
        open_data("", "", faces=0)


def test_a_saved_table_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "TABLES", tmp_path / "tables")
    plain = pd.DataFrame({"name": ["a", "b"], "nme": [1.5, 2.25]})
    assert save_table(plain, "plain") is plain
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "tables" / "plain.csv"), plain)
    save_table(plain.set_index("name"), "indexed")
    assert pd.read_csv(tmp_path / "tables" / "indexed.csv").columns.tolist() == ["name", "nme"]


def test_mean_and_spread_keep_the_order_and_count_the_rows() -> None:
    rows = pd.DataFrame({"head": ["pip", "pip", "heatmap"], "nme": [1.0, 3.0, 5.0]})
    table = mean_and_spread(rows, "head")
    assert table["head"].tolist() == ["pip", "heatmap"]
    assert table["nme"].tolist() == [2.0, 5.0]
    assert table["nme_std"].tolist() == [pytest.approx(2**0.5), 0.0]
    assert table["n"].tolist() == [2, 1]


def test_the_mean_face_is_that_of_the_training_faces(prepared: Path) -> None:
    training, validation = prepared / "AFLW_train_data", prepared / "AFLW_validation_data"
    mean, faces = load_prepared(training).points_unit.mean(axis=0), load_prepared(validation)
    apart = np.linalg.norm(mean - faces.points_unit, axis=-1).mean()  # of the square's side
    assert mean_face_nme(training, validation) == pytest.approx(100 * apart, rel=1e-4)


def test_a_mean_face_of_other_points_is_refused(challenge: Path, prepared: Path, tmp_path: Path) -> None:
    faces = read_folder(challenge / "aflw_val")
    prepare([replace(faces, points_image=faces.points_image[:, 17:])], tmp_path / "inner", image_size=64)
    with pytest.raises(InputError, match="found 68 and 51"):
        mean_face_nme(prepared / "AFLW_train_data", tmp_path / "inner")


def test_the_mean_face_on_turned_faces_is_that_of_both_directions(prepared: Path) -> None:
    training, validation = prepared / "AFLW_train_data", prepared / "AFLW_validation_data"
    mean, faces, center = load_prepared(training).points_unit.mean(axis=0), load_prepared(validation), (0.5, 0.6)
    turned = [(faces.points_unit - center) @ turn_matrix(degrees).T + center for degrees in (30.0, -30.0)]
    apart = np.mean([np.linalg.norm(mean - points, axis=-1).mean() for points in turned])
    assert mean_face_nme(training, validation, turned=30.0, center=center) == pytest.approx(100 * apart, rel=1e-4)
