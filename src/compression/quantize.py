"""A smaller ONNX file of a network, int8 or float16: python3 -m src.compression.quantize --model_path best.pth.tar.

- int8: weights in int8 with one scale per output channel, activations in uint8 with ranges from real crops; the last
  layer and the decoding stay float32. Post-training static quantization as in Krishnamoorthi, "Quantizing deep
  convolutional networks for efficient inference", 2018. Weights use seven of the eight bits, so that processors with
  and without VNNI give the same points.
- float16: only the weights, computed in float32; half the size, no speed-up.

Both have the float32 file's inputs and outputs: images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2).
"""

import argparse
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from src.command_line import run_command
from src.errors import InputError, needed
from src.export.calibration import add_calibration_arguments, calibration_crops
from src.export.onnx_file import export_onnx
from src.export.properties import seal
from src.files import atomic_path, check_target
from src.network.checkpoint import load_model
from src.parser import Parser, add_convention, add_model_path, title
from src.predict.exported_files import NO_DIGEST, open_onnx

if TYPE_CHECKING:
    from onnx import ModelProto

FORMS = ("int8", "float16")
_LAYERS = ("Conv", "Gemm", "MatMul")
_BATCH = 32  # crops per calibration step
_COMPARED = 16  # crops on which the written file is compared
_LEAST_HALVED = 64  # values; for smaller tensors the conversion costs as much as it saves


def quantize(source: str | Path, path: str | Path, *, form: str, crops: Tensor) -> float:
    """Write another form of a float32 ONNX file from `src.export.onnx_file`, with the NME in its metadata left empty.

    form: one of FORMS. crops: real ones, (N, 3, R, R) in [0, 1]; the ranges of int8 come from them. Returns the mean
    difference from the float32 file's points on the first of them, as a share of the input's side. Raises InputError
    without crops and for a source that cannot be run.
    """
    if len(crops) == 0:
        raise InputError("quantization needs calibration crops to take its ranges from: expected some, found none")
    onnx, session = needed("onnx"), open_onnx(source)
    model = _int8(source, crops.numpy()) if form == "int8" else _float16(source)
    _strip(model)
    model.metadata_props.clear()
    for key, value in (session.get_modelmeta().custom_metadata_map | {"nme": "", "digest": NO_DIGEST}).items():
        model.metadata_props.add(key=key, value=value)
    feed = {session.get_inputs()[0].name: crops[:_COMPARED].numpy()}
    with atomic_path(path) as temporary:
        onnx.save(model, temporary)
        seal(temporary)
        (found,), (expected,) = open_onnx(temporary).run(None, feed), session.run(None, feed)
    return float(np.abs(found - expected).mean())


def _last_layer(kinds: list[str]) -> int:
    """The index of a network's last layer in the list of its nodes' kinds; what decodes the maps comes after it."""
    last_convolution = max((place for place, kind in enumerate(kinds) if kind == "Conv"), default=0)
    decoding = next((place for place in range(last_convolution, len(kinds)) if kinds[place] == "Softmax"), len(kinds))
    return max(place for place in range(decoding) if kinds[place] in _LAYERS)


def _int8(source: str | Path, crops: np.ndarray) -> "ModelProto":
    """The graph with a quantize-dequantize pair (QDQ) around every tensor up to the last layer."""
    onnx, quantization = needed("onnx"), needed("onnxruntime.quantization")
    preprocess = needed("onnxruntime.quantization.shape_inference").quant_pre_process
    batches = iter([{"images": crops[start : start + _BATCH]} for start in range(0, len(crops), _BATCH)])

    class Crops(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(batches, None)

    with tempfile.TemporaryDirectory() as folder:
        fused, quantized = Path(folder) / "fused.onnx", Path(folder) / "quantized.onnx"
        preprocess(source, fused, skip_symbolic_shape=True)
        nodes = onnx.load(fused).graph.node
        last = _last_layer([node.op_type for node in nodes])
        logging.disable(logging.WARNING)  # the quantizer would ask for preprocessing, which has just been done
        try:
            quantization.quantize_static(
                fused,
                quantized,
                Crops(),
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                # Without VNNI a processor adds two products in 16 bits, where eight bits by eight would overflow.
                reduce_range=True,
                # A softmax in 256 steps costs more accuracy than all the layers before it.
                nodes_to_exclude=[node.name for node in nodes[last:]],
            )
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(quantized)


def _float16(source: str | Path) -> "ModelProto":
    """The graph with float16 weights, each converted to float32 by a node that the runtime evaluates on loading."""
    onnx = needed("onnx")
    model, conversions = onnx.load(source), []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= _LEAST_HALVED:
            half = f"{tensor.name}_float16"
            conversions.append(onnx.helper.make_node("Cast", [half], [tensor.name], to=onnx.TensorProto.FLOAT))
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), half))
    nodes = [*conversions, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    return model


def _strip(model: "ModelProto") -> None:
    """Remove the shapes of inner tensors and the nodes' source locations: a quarter of an int8 file."""
    del model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    add_model_path(parser, "a model file or a snapshot")
    add_convention(parser)
    parser.add_argument("--form", choices=FORMS, default="int8", help="of the weights")
    add_calibration_arguments(parser, faces=128)
    parser.add_argument("--out", type=Path, default="output/best_int8.onnx", help="where the ONNX file goes")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out, ending=".onnx")  # before the work, not after it
    model, _ = load_model(arguments.model_path, convention=arguments.convention)
    crops = calibration_crops(model, arguments.calibration, arguments.calibration_faces)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float32.onnx"
        export_onnx(model, source)
        difference = quantize(source, arguments.out, form=arguments.form, crops=crops)
    ranges = f", calibrated on {len(crops)} faces of {arguments.calibration.name}" if arguments.form == "int8" else ""
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {arguments.form}{ranges}; "
        f"{difference:.1g} from float32 on average, as a share of the side"
    )


if __name__ == "__main__":
    run_command(main)
