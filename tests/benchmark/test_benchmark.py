"""make bench: the table's arithmetic, and every measurement once at the smallest size."""

import csv
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import pytest
from PIL import Image

from src.benchmark import measurements
from src.benchmark.baselines import predict_one_by_one
from src.benchmark.measurements import (
    augmentation_rows,
    make_faces,
    onnx_milliseconds,
    onnx_rows,
    prediction_rows,
    preparation_rows,
    training_rows,
)
from src.benchmark.table import HEADER, Row, as_csv, as_text
from src.config import ModelConfig
from src.datasets.challenge import read_annotations, write_annotations
from src.datasets.prepared import PreparedFaces, load_prepared
from src.network.model import build_model
from src.predict.submission import read_solution

pytestmark = pytest.mark.slow

CONFIG = ModelConfig(backbone="shufflenet_v2_x0_5", input_size=64)
RATE = Row("rate", "pictures/s", [100.0, 300.0, 200.0], [10.0, 10.0, 20.0], least_ratio=20)
TIME = Row("time", "s", [2.0], [11.0], least_ratio=5)


@pytest.fixture
def faces(prepared: Path) -> PreparedFaces:
    return load_prepared(prepared / "AFLW_train_data")


def test_a_ratio_above_one_is_faster_for_rates_and_times() -> None:
    assert RATE.ratio == 20
    assert TIME.ratio == 5.5


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (RATE, True),
        (Row("", "s", [2.0], [9.0], least_ratio=5), False),
        (Row("", "pictures/s", [599.0], least=600), False),
        (Row("", "pictures/s", [600.0], least=600), True),
        (Row("", "%", [15.1, 15.0, 3.0], most=15), True),
        (Row("", "%", [16.0], most=15), False),
        (Row("", "ms", [1.0], [2.0]), None),
    ],
)
def test_bars(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_the_table_shows_median_and_spread() -> None:
    rows = list(csv.DictReader(as_csv([RATE, Row("alone", "ms", [1.0])]).splitlines()))
    assert tuple(rows[0]) == HEADER
    assert [rows[0][name] for name in ("ours", "min", "max", "ratio", "met")] == ["200", "100", "300", "20.0", "yes"]
    assert [rows[1][name] for name in ("ours", "baseline", "ratio", "bar", "met")] == ["1", "", "", "", ""]
    assert len(as_text([RATE, TIME]).splitlines()) == 3


def test_faces_are_made_once_and_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.benchmark.measurements._RENDERED", 2)
    folder = make_faces(tmp_path, 3)
    names, points_image = read_annotations(folder)
    assert names == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert Image.open(folder / names[2]).size == (384, 384)
    assert (folder / names[2]).read_bytes() == (folder / names[0]).read_bytes()
    assert (points_image[2] == points_image[0]).all()
    changed = (folder / names[0]).stat().st_mtime_ns
    assert make_faces(tmp_path, 3) == folder
    assert (folder / names[0]).stat().st_mtime_ns == changed


def test_augmentation_is_measured(challenge: Path, faces: PreparedFaces) -> None:
    (row,) = augmentation_rows(
        CONFIG, faces, challenge / "synthetics_train", repeats=2, baseline_pictures=4, batch_size=8
    )
    assert len(row.ours) == len(row.baseline) == 2
    assert row.ratio > 0


def test_a_training_step_is_measured(faces: PreparedFaces) -> None:
    step, share = training_rows(CONFIG, faces, repeats=1, steps=1, batch_size=8)
    assert min(step.ours[0], step.baseline[0]) > 0
    assert share.unit == "%"


def test_preparation_is_measured(challenge: Path, tmp_path: Path) -> None:
    rows = preparation_rows(challenge / "synthetics_train", tmp_path, repeats=1)
    assert [len(row.ours) for row in rows] == [1, 1]
    assert not list(tmp_path.iterdir())


def test_whole_processes_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    Image.new("RGB", (96, 96), (120, 90, 80)).save(folder / "face.jpg")
    write_annotations(folder, ["face.jpg"], np.full((1, 68, 2), 48.0))
    (row,) = prediction_rows(build_model(CONFIG), folder, tmp_path, repeats=1)
    assert row.ours[0] > 0.1
    assert len(read_solution(tmp_path / "solution.txt")[0]) == len(read_solution(tmp_path / "baseline.txt")[0]) == 1


def test_the_baseline_writes_a_solution(challenge: Path, tmp_path: Path) -> None:
    assert predict_one_by_one(challenge / "aflw_test", tmp_path / "solution.txt") == 10
    names, points_image = read_solution(tmp_path / "solution.txt")
    assert names == sorted(names)
    assert points_image.shape == (10, 68, 2)


def test_an_onnx_file_is_timed(tmp_path: Path) -> None:
    tensor = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 3, 8, 8]) for name in ("x", "y")
    ]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "graph", tensor[:1], tensor[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "relu.onnx")
    assert 0 < onnx_milliseconds(tmp_path / "relu.onnx", repeats=3) < 1000


def test_one_picture_is_held_to_eight_times_the_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("export_onnx", "onnx_program", "mobilenet_v3_large"):
        monkeypatch.setattr(measurements, name, mock.MagicMock())
    for baseline, is_met in ((9.0, True), (7.0, False)):
        monkeypatch.setattr(measurements, "onnx_milliseconds", lambda path, b=baseline: 1 if "ours" in path.name else b)
        (row,) = onnx_rows(build_model(CONFIG), tmp_path, repeats=1)
        assert row.met is is_met
