"""Exported files: what they carry comes back, and a bad file is refused in one line."""

import importlib
import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from src.config import ModelConfig
from src.errors import InputError
from src.export.properties import LICENSE, append_properties, properties
from src.predict import exported_files
from src.predict.exported_files import onnx_metadata, open_onnx, open_tflite, read_metadata, tflite_metadata

CONFIG = ModelConfig(backbone="mobilenet_v3_small", input_size=96, crop=(0.5, 0.5, 0.8))


def write_onnx(path: Path, *, opset: int) -> None:
    """The smallest ONNX file there is, without metadata."""
    onnx = pytest.importorskip("onnx")
    tensors = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "graph", tensors[:1], tensors[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def test_properties_are_text_and_come_back() -> None:
    values = properties(CONFIG, nme=1.25, takes="picture")
    assert all(isinstance(value, str) for value in values.values())
    metadata = read_metadata(values, "file")
    assert metadata.config == ModelConfig(**{**CONFIG.__dict__, "auxiliary": False})
    assert (metadata.nme, metadata.license, metadata.input) == (1.25, LICENSE, "picture")
    assert values["points"] == "points_image"
    assert 0 < metadata.mean_face.min() < metadata.mean_face.max() < 1


def test_an_unknown_nme_stays_unknown() -> None:
    assert np.isnan(read_metadata(properties(CONFIG), "file").nme)


@pytest.mark.parametrize("damage", [{"model_config": "{"}, {"input": "sound"}, {"mean_face": "null"}, {"nme": "good"}])
def test_damaged_metadata_are_refused(damage: dict[str, str]) -> None:
    with pytest.raises(InputError, match="file: expected the metadata"):
        read_metadata(properties(CONFIG) | damage, "file")


def test_a_tflite_file_carries_its_properties_behind_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"a model's bytes")
    append_properties(path, properties(CONFIG, nme=2.0))
    assert path.read_bytes().startswith(b"a model's bytes")
    assert tflite_metadata(path).nme == 2.0
    with zipfile.ZipFile(path) as archive:  # any program can read them
        assert json.loads(archive.read("metadata.json"))["input_size"] == "96"


def test_an_onnx_file_without_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(path, opset=18)
    with pytest.raises(InputError, match="expected the metadata"):
        onnx_metadata(open_onnx(path), path)


def test_an_onnx_file_with_odd_letters_is_refused_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    pytest.importorskip("onnxruntime")
    write_onnx(tmp_path / "model.onnx", opset=13)
    content = (tmp_path / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(content.replace(b"Relu", b"\xffelu"))
    with pytest.raises(InputError, match=r"model\.onnx: expected an ONNX file"):
        open_onnx(tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")


def test_a_tflite_file_without_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"a model's bytes")
    with pytest.raises(InputError, match="expected the metadata"):
        tflite_metadata(path)


def test_an_opset_from_the_future_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(path, opset=999)
    with pytest.raises(InputError, match=r"model\.onnx: expected an ONNX file that this runtime can run .*opset"):
        open_onnx(path)


@pytest.mark.parametrize("content", [b"", b"no model at all", "truncated"])
def test_a_damaged_onnx_file_is_refused(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(path, opset=18)
    path.write_bytes(path.read_bytes()[:-20] if content == "truncated" else content)
    with pytest.raises(InputError, match="expected an ONNX file"):
        open_onnx(path)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x1c\x00\x00\x00TFL3" + bytes(40)])
def test_a_damaged_tflite_file_is_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs requirements-export.txt")
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected a TFLite file"):
        open_tflite(path)


@pytest.mark.parametrize("opens", [open_onnx, open_tflite])
def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, opens: object) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(InputError, match=r"not installed; run python3 -m pip install -r requirements-export\.txt"):
        opens("model")


def test_a_runtimes_notes_do_not_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    class Interpreter:
        def __init__(self, **_: object) -> None:
            os.write(2, b"INFO: created a delegate")

        def allocate_tensors(self) -> None:
            os.write(2, b"INFO: allocated")

    (tmp_path / "model.tflite").write_bytes(b"a model's bytes")
    monkeypatch.setattr(exported_files, "needed", lambda _: SimpleNamespace(Interpreter=Interpreter))
    open_tflite(tmp_path / "model.tflite")
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"
