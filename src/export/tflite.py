"""A network as a TFLite file: python3 -m src.export.tflite --form int8, in the environment of `make export-env`.

The forms: float32; float16 (only weights, computed in float32: half the size); int8 (weights and activations, with
ranges from real crops: the network itself is integer, its decoding to coordinates stays float32, because TFLite's int8
softmax rounds probabilities to 1/256). All take images (1, R, R, 3) in [0, 1], int8 by its input's scale and zero
point, and return points_input (1, K, 2) in float32, for K = 68 points unless the model has fewer.
"""

import argparse
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.command_line import run_command
from src.errors import InputError, needed
from src.export.calibration import add_calibration_arguments, calibration_crops
from src.export.networks import CropNetwork
from src.export.properties import append_properties, properties
from src.files import atomic_path, check_target
from src.network.checkpoint import load_model
from src.network.model import LandmarkNet
from src.parser import Parser, add_convention, add_model_path
from src.predict.runtimes import open_model

FORMS = ("float32", "float16", "int8")
ENVIRONMENT = "run make export-env, then .venv-export/bin/python -m src.export.tflite"
TOLERANCE = 1e-4  # of the input's side, for float32
_CONVOLUTIONS = (3, 4, 67)  # TFLite's codes of CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV
_CHECKED = 16  # crops on which the written file is compared


def export_tflite(
    model: LandmarkNet,
    path: str | Path,
    *,
    form: str,
    crops: Tensor | None = None,
    nme: float = float("nan"),
) -> float:
    """Write a TFLite file. Returns its mean difference from PyTorch's points, as a share of the input's side.

    crops: real ones, (N, 3, R, R) in [0, 1]: int8 takes its ranges from them, and the difference is measured on the
    first of them; without crops, on noise. nme: percent, for the metadata. Raises InputError for int8 without crops and
    for a float32 file that differs by more than TOLERANCE; the old file then stays.
    """
    if form == "int8" and (crops is None or len(crops) == 0):
        raise InputError("int8 needs calibration crops to take its ranges from: expected some, found none")
    size = model.config.input_size
    network = CropNetwork(model, rearranged=False)
    if crops is None:
        crops = torch.rand(_CHECKED, 3, size, size, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        _convert(network, size, file)
        if form != "float32":
            _quantize(file, form, crops)
        append_properties(file, properties(model.config, nme=nme))
        with torch.inference_mode():
            expected = network(crops[:_CHECKED]).numpy()
        found = open_model(file, points=None).predict(crops[:_CHECKED].permute(0, 2, 3, 1).numpy())
        difference = float(np.abs(found - expected).mean())
        if form == "float32" and not difference <= TOLERANCE:
            raise InputError(f"{path}: expected PyTorch's points to within {TOLERANCE:g}, found {difference:.2g}")
        with atomic_path(path) as temporary:
            shutil.copyfile(file, temporary)
    return difference


def _convert(network: nn.Module, size: int, file: Path) -> None:
    """Write a float32 TFLite file whose input has its channels last."""
    litert_torch = needed("litert_torch", remedy=ENVIRONMENT)
    decompositions = {
        torch.ops.aten.upsample_nearest2d.vec: _enlarge,
        torch.ops.aten.pad.default: _repeat_border,
    }
    program = torch.export.export(network, (torch.rand(1, 3, size, size),)).run_decompositions(decompositions)
    channels_last = litert_torch.to_channel_last_io(program.module(), args=[0])
    litert_torch.convert(channels_last, (torch.rand(1, size, size, 3),)).export(str(file))


def _enlarge(features: Tensor, size: list[int] | None, factors: list[float] | None) -> Tensor:
    """Nearest-neighbor enlargement of (B, C, s, s) to 2 s - 1 cells, as a doubling and a cut.

    The converter picks wrong cells if the factor is not whole; whole factors are left to it.
    """
    side = features.shape[-1]
    if size is None or list(size) != [2 * side - 1] * 2:
        return NotImplemented
    return F.interpolate(features, scale_factor=2, mode="nearest")[..., : size[0], : size[1]]


def _repeat_border(features: Tensor, border: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Replication padding from slices; the converter would turn it into gathers and transpositions."""
    if mode != "replicate":
        return NotImplemented
    left, right, top, bottom = border
    rows = [features[:, :, :1]] * top + [features] + [features[:, :, -1:]] * bottom
    features = torch.cat(rows, dim=2)
    return torch.cat([features[..., :1]] * left + [features] + [features[..., -1:]] * right, dim=3)


def _quantize(file: Path, form: str, crops: Tensor) -> None:
    """Rewrite a float32 TFLite file in another form."""
    quantizer = needed("ai_edge_quantizer.quantizer", remedy=ENVIRONMENT)
    names = needed("ai_edge_quantizer.qtyping", remedy=ENVIRONMENT).TFLOperationName
    algorithms = needed("ai_edge_quantizer.algorithm_manager", remedy=ENVIRONMENT).AlgorithmName
    work, ranges = quantizer.Quantizer(str(file)), None
    if form == "float16":
        work.add_weight_only_config(".*", names.ALL_SUPPORTED, num_bits=16, algorithm_key=algorithms.FLOAT_CASTING)
    else:
        work.add_static_config(".*", names.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
        for scope in _decoding_scopes(file):
            work.update_quantization_recipe(scope, names.ALL_SUPPORTED, algorithm_key=algorithms.NO_QUANTIZE)
        signature, (name,) = _signature(file)
        pictures = crops.permute(0, 2, 3, 1).numpy()  # (N, R, R, 3)
        ranges = work.calibrate({signature: [{name: picture[None]} for picture in pictures]})
    work.quantize(ranges).export_model(str(file), overwrite=True)


def _decoding_scopes(file: Path) -> list[str]:
    """Patterns of the operations after the last convolution, which turn maps into coordinates."""
    flatbuffers = needed("ai_edge_quantizer.utils.tfl_flatbuffer_utils", remedy=ENVIRONMENT)
    content = flatbuffers.read_model(str(file))
    (graph,) = content.subgraphs
    convolutions = [
        position
        for position, operation in enumerate(graph.operators)
        if content.operatorCodes[operation.opcodeIndex].builtinCode in _CONVOLUTIONS
    ]
    behind = graph.operators[convolutions[-1] + 1 :]
    return [f"^{re.escape(flatbuffers.get_op_scope(operation, graph.tensors))}$" for operation in behind]


def _signature(file: Path) -> tuple[str, list[str]]:
    """The name of the file's only signature, and those of its inputs."""
    interpreter = needed("ai_edge_litert.interpreter").Interpreter(str(file))
    ((name, tensors),) = interpreter.get_signature_list().items()
    return name, tensors["inputs"]


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_model_path(parser, "a model file or a snapshot")
    add_convention(parser)
    parser.add_argument("--form", choices=FORMS, default="float32", help="of the weights")
    add_calibration_arguments(parser, faces=200)
    parser.add_argument("--out", type=Path, default="output/best.tflite", help="where the TFLite file goes")
    arguments = parser.parse_args()
    if arguments.form != "int8":
        parser.refuse(["calibration", "calibration_faces"], "goes with --form int8")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    # Before the work, not after it. The runtimes go by the ending; and a model file must not be replaced.
    check_target(arguments.out, ending=".tflite")
    model, content = load_model(arguments.model_path, convention=arguments.convention)
    crops = None
    if arguments.form == "int8":
        crops = calibration_crops(model, arguments.calibration, arguments.calibration_faces)
    difference = export_tflite(model, arguments.out, form=arguments.form, crops=crops, nme=content["nme"])
    size, points = model.config.input_size, model.config.points
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {arguments.form}, images (1, {size}, {size}, 3)"
        f" -> points_input (1, {points}, 2); {difference:.1g} from PyTorch on average, as a share of the side"
    )


if __name__ == "__main__":
    run_command(main)
