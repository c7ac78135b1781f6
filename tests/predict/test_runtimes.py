"""One interface to PyTorch, ONNX Runtime and LiteRT."""

import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from commands import ROOT
from PIL import Image

from src.config import ModelConfig
from src.errors import InputError
from src.export.properties import append_properties, properties, seal
from src.predict import runtimes
from src.predict.exported_files import read_metadata, tflite_metadata
from src.predict.inference import predict_unit
from src.predict.looks import combine
from src.predict.runtimes import Runtime, look_repeatedly, open_model

SHIPPED = ROOT / "best.pth.tar"


def _squares(count: int) -> np.ndarray:
    """Smooth random pictures (count, 192, 192, 3)."""
    coarse = np.random.default_rng(count).integers(0, 256, size=(count, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(each).resize((192, 192), Image.Resampling.BICUBIC)) for each in coarse])


def _write_onnx(path: Path, properties: dict[str, str]) -> Path:
    """A file whose every point is the picture's mean brightness."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    node, value, real = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    constants = {"axes": [1, 2, 3], "last": [3], "shape": [1, 68, 2]}
    graph = onnx.helper.make_graph(
        [
            node("ReduceMean", ["images", "axes"], ["mean"]),  # (B, 1, 1, 1)
            node("Squeeze", ["mean", "last"], ["flat"]),
            node("Expand", ["flat", "shape"], ["points_input"]),  # (B, 68, 2)
        ],
        "mean",
        [value("images", real, ["batch", 3, 112, 112])],
        [value("points_input", real, ["batch", 68, 2])],
        [onnx.numpy_helper.from_array(np.array(values), name) for name, values in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.helper.set_model_props(model, properties)
    onnx.save(model, path)
    return path


def _check_mean_brightness(model: Runtime, tolerance: float) -> None:
    squares = np.stack([np.full((192, 192, 3), value, np.uint8) for value in (51, 204)])
    center_x, center_y, side = model.config.crop
    expected = [[center_x + side * (value - 0.5), center_y + side * (value - 0.5)] for value in (0.2, 0.8)]
    found = model.predict_unit(squares)
    assert found.shape == (2, 68, 2)
    np.testing.assert_allclose(found, np.repeat(np.array(expected)[:, None], 68, axis=1), atol=tolerance)


def test_onnx_runtime_runs_a_file_with_metadata(tmp_path: Path) -> None:
    path = _write_onnx(tmp_path / "mean.onnx", properties(ModelConfig()))
    _check_mean_brightness(open_model(path), tolerance=1e-4)


def test_a_pickled_file_is_opened_again(tmp_path: Path) -> None:
    path = _write_onnx(tmp_path / "mean.onnx", properties(ModelConfig()))
    pickled = pickle.dumps(open_model(path, threads=2))
    again = pickle.loads(pickled)
    _check_mean_brightness(again, tolerance=1e-4)
    assert again.threads == 2
    path.unlink()
    with pytest.raises(InputError, match=r"mean\.onnx"):
        pickle.loads(pickled)


def test_two_views_are_two_looks() -> None:
    runtime, squares = open_model(SHIPPED), _squares(2)
    plain, closer = look_repeatedly(runtime, squares, 2)
    np.testing.assert_allclose(plain, runtime.predict_unit(squares), atol=1e-9)
    np.testing.assert_allclose(
        combine([plain, closer], runtime.config.second_look),
        predict_unit(runtime.model, torch.from_numpy(squares), looks=2),
        atol=1e-4,  # the view is resampled by NumPy here and by PyTorch there
    )


class _Interpreter:
    """LiteRT's calls for a file whose every point is the picture's mean brightness."""

    def __init__(self, dtype: type, scale: float, zero: int) -> None:
        shape = np.array([1, 112, 112, 3])
        self.tensor = {"index": 0, "shape": shape, "dtype": dtype, "quantization": (scale, zero)}

    def get_input_details(self) -> list[dict]:
        return [self.tensor]

    def get_output_details(self) -> list[dict]:
        return [self.tensor]

    def set_tensor(self, index: int, values: np.ndarray) -> None:
        assert values.shape == (1, 112, 112, 3)
        assert values.dtype == self.tensor["dtype"]
        self.values = values

    def invoke(self) -> None:
        mean = self.values.mean()
        self.values = np.full((1, 68, 2), mean if self.tensor["dtype"] == np.float32 else round(mean))
        self.values = self.values.astype(self.tensor["dtype"])

    def get_tensor(self, index: int) -> np.ndarray:
        return self.values


@pytest.mark.parametrize(
    ("dtype", "scale", "zero", "tolerance"),
    [(np.float32, 0.0, 0, 1e-3), (np.int8, 1 / 255, -128, 1 / 255), (np.uint8, 1 / 200, 10, 1 / 200)],
)
def test_tflite_takes_one_picture_a_call_in_its_own_type(
    monkeypatch: pytest.MonkeyPatch, dtype: type, scale: float, zero: int, tolerance: float
) -> None:
    config = ModelConfig()
    monkeypatch.setattr(runtimes, "open_tflite", lambda path, threads: _Interpreter(dtype, scale, zero))
    monkeypatch.setattr(runtimes, "tflite_metadata", lambda path: SimpleNamespace(config=config))
    _check_mean_brightness(open_model("any.tflite"), tolerance)
    _check_mean_brightness(pickle.loads(pickle.dumps(open_model("any.tflite"))), tolerance)
    config = ModelConfig(input_size=64)
    with pytest.raises(InputError, match=r"expected images \(1, 64, 64, 3\) .* found \(1, 112, 112, 3\)"):
        open_model("any.tflite")


def test_an_onnx_file_that_takes_whole_pictures_is_given_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(outputs: object, feed: dict) -> list[np.ndarray]:
        assert feed["pictures"].dtype == np.uint8
        return [np.full((len(feed["pictures"]), 68, 2), 48.0, np.float32)]

    session = SimpleNamespace(run=run, get_inputs=lambda: [SimpleNamespace(name="pictures")])
    metadata = SimpleNamespace(config=ModelConfig(), input="picture", looks=1)
    monkeypatch.setattr(runtimes, "open_onnx", lambda path, threads: session)
    monkeypatch.setattr(runtimes, "onnx_metadata", lambda session, path: metadata)
    np.testing.assert_allclose(open_model("any.onnx").predict_unit(_squares(2)), np.full((2, 68, 2), 0.25))


@pytest.mark.parametrize(
    ("name", "words"),
    [("model.bin", "ends in"), ("none.pth.tar", "no such"), ("none.onnx", "no such"), ("none.tflite", "no such")],
)
def test_files_that_are_no_models_are_refused(tmp_path: Path, name: str, words: str) -> None:
    if name.endswith("onnx"):
        pytest.importorskip("onnxruntime")
    if name.endswith("tflite"):
        pytest.importorskip("ai_edge_litert")
    with pytest.raises(InputError, match=words):
        open_model(tmp_path / name)


@pytest.mark.parametrize("missing", ["torch", "src.predict.torch_runtime"])  # the light package has neither
def test_a_checkpoint_without_pytorch_is_refused(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delitem(sys.modules, "src.predict.torch_runtime", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r"needs PyTorch, which is not installed; give an \.onnx file"):
        open_model(SHIPPED)


def test_other_failures_to_import_are_not_called_a_missing_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "src.predict.torch_runtime", raising=False)
    monkeypatch.setitem(sys.modules, "src.predict.inference", None)
    with pytest.raises(ModuleNotFoundError, match=r"src\.predict\.inference"):
        open_model(SHIPPED)
    monkeypatch.setitem(sys.modules, "src.predict.inference", SimpleNamespace())  # lacks what is imported from it
    with pytest.raises(ImportError, match="predict_unit"):
        open_model(SHIPPED)


def test_an_onnx_file_without_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="metadata"):
        open_model(_write_onnx(tmp_path / "bare.onnx", {}))


def test_a_file_of_fewer_points_is_refused_unless_expected(tmp_path: Path) -> None:
    path = _write_onnx(tmp_path / "few.onnx", properties(ModelConfig(points=51)))
    with pytest.raises(InputError, match="expected a model of 68 points, found one of 51"):
        open_model(path)
    assert open_model(path, points=None).config.points == 51


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_a_flipped_bit_of_a_sealed_onnx_file_is_found(tmp_path: Path) -> None:
    path = _write_onnx(tmp_path / "mean.onnx", properties(ModelConfig()))
    seal(path)
    open_model(path)
    _flip(path, path.read_bytes().index(b"code: MIT"))
    with pytest.raises(InputError, match="the file is damaged"):
        open_model(path)


def test_a_flipped_bit_of_a_tflite_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"model" * 100)
    append_properties(path, properties(ModelConfig()))
    assert tflite_metadata(path).config.input_size == 112
    for place, words in ((250, "the file is damaged"), (550, "found none or damaged ones")):
        content = path.read_bytes()
        _flip(path, place)
        with pytest.raises(InputError, match=words):
            tflite_metadata(path)
        path.write_bytes(content)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_config": "[" * 100_000},
        {"model_config": '{"input_size": 112.5}'},
        {"model_config": '{"input_size": 2147483648}'},
        {"model_config": '{"crop": [NaN, 0.5, 0.9]}'},
        {"mean_face": "[[1e999]]"},
        {"looks": "-5"},
        {"looks": "9" * 5000},
        {"nme": "good"},
        {"input": "x" * 1000},
        {"model_config": '{"crop": [0.4, 0.53, 0.9]}'},  # the property says otherwise
        {"crop": "[0.4, 0.53, 0.9]"},
        {"input_size": "128"},
        {"points": "points_unit"},
    ],
    ids=str,
)
def test_wrong_values_of_the_metadata_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InputError, match="expected the metadata"):
        read_metadata(properties(ModelConfig()) | changes, "model.onnx")


def test_a_tflite_model_serves_one_thread_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interpreter:
        """Keeps one input, as LiteRT's does; mixes answers where two threads are inside."""

        def get_input_details(self) -> list[dict]:
            return [{"index": 0, "shape": np.array([1, 112, 112, 3]), "dtype": np.float32}]

        get_output_details = get_input_details

        def set_tensor(self, _: int, values: np.ndarray) -> None:
            self.mean = float(values.mean())
            time.sleep(0.001)

        def invoke(self) -> None:
            pass

        def get_tensor(self, _: int) -> np.ndarray:
            return np.full((1, 68, 2), self.mean, np.float32)

    path = tmp_path / "model.tflite"
    path.write_bytes(b"model")
    append_properties(path, properties(ModelConfig()))
    monkeypatch.setattr(runtimes, "open_tflite", lambda *_, **__: Interpreter())
    model = open_model(path)
    images = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[:, None, None, None], (64, 8, 8, 3))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda image: model.predict(image[None])[0, 0, 0].item(), images))
    np.testing.assert_allclose(found, np.linspace(0, 1, 64), atol=1e-6)


@pytest.mark.slow
def test_a_forked_process_opens_a_checkpoint_of_its_own() -> None:
    """PyTorch's threads do not survive a fork: a process that waits for them hangs."""
    code = """
import os, signal, sys
import numpy as np
from src.predict.runtimes import open_model

def predict():
    open_model("best.pth.tar", threads=1).predict_unit(np.zeros((1, 192, 192, 3), np.uint8))

predict()
if (child := os.fork()) == 0:
    signal.alarm(60)
    predict()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1] != 0)
"""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=200, check=False)
    assert done.returncode == 0
