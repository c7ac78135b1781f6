"""Smaller files and models: what they keep of the points, and what is refused."""

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from commands import assert_refused, run
from conftest import Run

from src.compression.quantize import quantize
from src.compression.table import _plot
from src.config import ModelConfig
from src.errors import InputError
from src.export.calibration import calibration_crops
from src.export.onnx_file import export_onnx
from src.network import checkpoint, conventions
from src.network.checkpoint import load_model
from src.network.model import LandmarkNet, build_model
from src.predict.exported_files import onnx_metadata, open_onnx
from src.predict.runtimes import open_model

pytestmark = pytest.mark.slow

SMALL = ModelConfig(backbone="shufflenet_v2_x0_5", head="heatmap", input_size=64)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "float32.onnx"
    export_onnx(_settled(build_model(SMALL, seed=1)), path, nme=2.5)
    return path


def _settled(model: LandmarkNet) -> LandmarkNet:
    """A network whose normalization fits its activations and whose points depend on the picture."""
    generator = torch.Generator().manual_seed(0)
    model.train()
    with torch.no_grad():
        for _ in range(20):
            model(torch.rand(8, 3, 64, 64, generator=generator))
        model.head.maps.weight.normal_(std=0.3, generator=generator)
    return model.eval()


def _crops(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("form", "share", "tolerance"), [("int8", 0.6, 0.02), ("float16", 0.7, 1e-3)])
def test_a_smaller_file_gives_nearly_the_same_points(
    exported: Path, tmp_path: Path, form: str, share: float, tolerance: float
) -> None:
    path, crops = tmp_path / f"{form}.onnx", _crops(48)
    difference = quantize(exported, path, form=form, crops=crops)
    assert 0 < difference < tolerance
    assert path.stat().st_size < share * exported.stat().st_size
    metadata = onnx_metadata(open_onnx(path), path)
    assert metadata.config.backbone == SMALL.backbone
    assert np.isnan(metadata.nme)  # the float32 file's is not this one's
    (points,) = open_onnx(path).run(None, {"images": crops[:3].numpy()})
    assert points.shape == (3, 68, 2)


@pytest.fixture(scope="module")
def int8_graph(exported: Path) -> onnx.GraphProto:
    path = exported.with_name("int8.onnx")
    quantize(exported, path, form="int8", crops=_crops(32))
    return onnx.load(path).graph


def test_int8_has_a_scale_for_each_output_channel_and_a_float_decoding(int8_graph: onnx.GraphProto) -> None:
    tensors = {tensor.name: tensor for tensor in int8_graph.initializer}
    assert tensors["model.head.hidden.0.weight_scale"].dims == [128]
    assert tensors["model.head.maps.weight"].data_type == onnx.TensorProto.FLOAT
    makers = {name: node for node in int8_graph.node for name in node.output}
    (softmax,) = (node for node in int8_graph.node if node.op_type == "Softmax")
    assert makers[softmax.input[0]].op_type != "DequantizeLinear"
    assert not any(node.metadata_props for node in int8_graph.node)


def test_sums_of_two_int8_products_fit_16_bits(int8_graph: onnx.GraphProto) -> None:
    tensors = [onnx.numpy_helper.to_array(tensor) for tensor in int8_graph.initializer]
    weights = [tensor.astype(int) for tensor in tensors if tensor.dtype == np.int8 and tensor.ndim == 4]
    largest = max(np.abs(tensor).max() for tensor in weights)
    assert largest > 48  # all seven bits are used
    assert 2 * largest * 255 <= 32_767  # two products with uint8 activations, as processors without VNNI add them


def test_ranges_come_from_the_crops(exported: Path, tmp_path: Path) -> None:
    bright, dark = tmp_path / "bright.onnx", tmp_path / "dark.onnx"
    crops = _crops(32)
    near = quantize(exported, bright, form="int8", crops=crops)
    quantize(exported, dark, form="int8", crops=crops * 0.1)
    feed = {"images": crops[:16].numpy()}
    (expected,), (found,) = open_onnx(exported).run(None, feed), open_onnx(dark).run(None, feed)
    assert np.abs(found - expected).mean() > 2 * near


def test_quantization_without_calibration_data_is_refused(trained: Run, exported: Path, tmp_path: Path) -> None:
    out, nowhere = tmp_path / "int8.onnx", tmp_path / "nowhere"
    flags = ("--model_path", trained.best, "--calibration", nowhere, "--out", out)
    assert_refused(run("src/compression/quantize.py", *flags), str(nowhere), "preparation.py")
    with pytest.raises(InputError, match="calibration crops"):
        quantize(exported, out, form="int8", crops=_crops(0))
    assert not out.exists()


def test_a_truncated_source_is_refused(exported: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(exported.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cut\.onnx"):
        quantize(cut, tmp_path / "int8.onnx", form="int8", crops=_crops(8))
    assert [path.name for path in tmp_path.iterdir()] == ["cut.onnx"]


def test_the_commands_file_has_nearly_the_models_points(trained: Run, tmp_path: Path) -> None:
    out = tmp_path / "half.onnx"
    flags = ("--calibration", trained.prepared / "AFLW_train_data", "--form", "float16", "--out", out)
    outcome = run("src/compression/quantize.py", "--model_path", trained.best, *flags)
    assert outcome.code == 0, outcome
    model, _ = load_model(trained.best)
    crops = calibration_crops(model, trained.prepared / "AFLW_train_data", 4)
    (points,) = open_onnx(out).run(None, {"images": crops.numpy()})
    with torch.inference_mode():
        assert np.abs(points - model.predict(crops).numpy()).max() < 1e-2


def test_the_file_holds_the_convention_that_was_asked_for(trained: Run, tmp_path: Path) -> None:
    path, out, faces = tmp_path / "both.pth.tar", tmp_path / "half.onnx", trained.prepared / "AFLW_train_data"
    network, content = load_model(trained.best)
    key = next(name for name in content["weights"] if name.startswith("head.") and name.endswith(".bias"))
    other = {key: content["weights"][key].flip(0) + torch.arange(len(content["weights"][key]))}
    checkpoint.save(path, conventions.add(content, "300w", other, nme=1.5))
    flags = ("--model_path", path, "--calibration", faces, "--form", "float16", "--out", out)
    assert_refused(run("src/compression/quantize.py", *flags, "--convention", "wflw"), "aflw, 300w, found 'wflw'")
    outcome = run("src/compression/quantize.py", *flags, "--convention", "300w")
    assert outcome.code == 0, outcome
    runtime = open_model(out, convention="300w")
    expected, _ = load_model(path, convention="300w")
    crops = calibration_crops(network, faces, 4)
    (points,) = open_onnx(out).run(None, {"images": crops.numpy()})
    with torch.inference_mode():
        assert np.abs(points - expected.predict(crops).numpy()).max() < 1e-2
        assert np.abs(points - network.predict(crops).numpy()).max() > 5e-2
    assert runtime.config.convention == "300w"


def test_the_plot_takes_rows_without_times_or_intervals() -> None:
    ours = {"model": "a", "form": "int8", "nme": 2.0, "nme_low": 1.9, "nme_high": 2.2, "megabytes": 1.0, "ms_1": 1.0}
    others = {"model": "published", "form": "", "nme": 2.5, "megabytes": 4.0}
    baseline = {"model": "baseline", "form": "float32", "megabytes": 17.0, "ms_1": 30.0, "ms_2": 20.0}
    drawing = _plot(pd.DataFrame([ours | {"ms_2": 0.8}, others, baseline]), 10)
    _, labels = drawing.axes[-1].get_legend_handles_labels()
    assert labels == ["Pareto front", "a int8", "published"]
