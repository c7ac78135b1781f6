"""The face detector's TFLite file as ONNX, for the web page and for ONNX Runtime: python3 -m src.export.detector.

BlazeFace uses only nine operations, so they are translated here one by one; inputs and outputs stay the same.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from src.command_line import run_command
from src.errors import InputError, needed
from src.files import atomic_path, check_target
from src.parser import Parser, title
from src.predict.detector_file import open_detector
from src.predict.shipped import DETECTOR_PATH

OPSET = 18
TOLERANCE = 0.01  # pixels of the input, and log-odds
_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def export_detector(source: Path, target: Path) -> float:
    """Write a .tflite detector as ONNX. Returns the largest difference of any output on random pictures.

    Raises InputError for another network or form, and if the difference exceeds TOLERANCE.
    """
    onnx = needed("onnx")
    expected = open_detector(source).network
    if source.suffix != ".tflite":
        raise InputError(f"{source}: expected the detector's .tflite file, found its ONNX form; use that as it is")
    model = _Translation(onnx, source).model()
    difference = _difference(expected, model.SerializeToString())
    if not difference <= TOLERANCE:
        raise InputError(f"{target}: expected LiteRT's outputs to within {TOLERANCE:g}, found {difference:.2g}")
    with atomic_path(target) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return difference


class _Translation:
    """Translation of one TFLite graph to ONNX, with channels first inside."""

    def __init__(self, onnx: ModuleType, path: Path) -> None:
        schema = needed("ai_edge_litert.schema_py_generated")
        self.helper, self.numpy_helper, self.onnx = onnx.helper, onnx.numpy_helper, onnx
        self.tflite = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        self.graph = self.tflite.subgraphs[0]
        self.names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        self.constants: dict[int, np.ndarray] = {}
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def model(self) -> Any:
        (source,), outputs = self.graph.inputs, list(self.graph.outputs)
        self._node("Transpose", ["input"], source, perm=_TO_CHANNELS_FIRST)
        for operator in self.graph.operators:
            code = self.tflite.operatorCodes[operator.opcodeIndex]
            name = self.names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            translate = getattr(self, f"_{name.lower()}", None)
            if translate is None:
                raise InputError(f"expected BlazeFace's operations, found {name}")
            translate(operator, [int(i) for i in operator.inputs], int(operator.outputs[0]))
        value = self.helper.make_tensor_value_info
        kind = self.onnx.TensorProto.FLOAT
        graph = self.helper.make_graph(
            self.nodes,
            "blazeface_back",
            [value("input", kind, self._shape(source))],
            [value(f"t{i}", kind, self._shape(i)) for i in outputs],
            self.weights,
        )
        model = self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", OPSET)], ir_version=8)
        self.onnx.checker.check_model(model)
        return model

    def _dequantize(self, operator: Any, inputs: list[int], output: int) -> None:
        self.constants[output] = self._constant(inputs[0])

    def _conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        self._convolve(operator, inputs, output, self._constant(inputs[1]).transpose(0, 3, 1, 2), group=1)

    def _depthwise_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        weight = self._constant(inputs[1]).transpose(3, 0, 1, 2)
        self._convolve(operator, inputs, output, weight, group=len(weight))

    def _convolve(self, operator: Any, inputs: list[int], output: int, weight: np.ndarray, *, group: int) -> None:
        options = operator.builtinOptions
        names = [self._weight(f"w{output}", weight), self._weight(f"b{output}", self._constant(inputs[2]))]
        self._node(
            "Conv",
            [f"t{inputs[0]}", *names],
            output,
            group=group,
            strides=[options.strideH, options.strideW],
            auto_pad=_padding(options),
        )

    def _max_pool_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = operator.builtinOptions
        kernel, strides = [options.filterHeight, options.filterWidth], [options.strideH, options.strideW]
        self._node(
            "MaxPool", [f"t{inputs[0]}"], output, kernel_shape=kernel, strides=strides, auto_pad=_padding(options)
        )

    def _pad(self, operator: Any, inputs: list[int], output: int) -> None:
        """Channels of zeros, by a convolution: ONNX Runtime keeps its blocked layout there, but converts it for Pad."""
        identity = np.eye(self._shape(output)[-1], self._shape(inputs[0])[-1], dtype=np.float32)
        self._node("Conv", [f"t{inputs[0]}", self._weight(f"w{output}", identity[..., None, None])], output)

    def _add(self, operator: Any, inputs: list[int], output: int) -> None:
        self._node("Add", [f"t{i}" for i in inputs], output)

    def _relu(self, operator: Any, inputs: list[int], output: int) -> None:
        self._node("Relu", [f"t{inputs[0]}"], output)

    def _reshape(self, operator: Any, inputs: list[int], output: int) -> None:
        self.nodes.append(
            self.helper.make_node("Transpose", [f"t{inputs[0]}"], [f"last{output}"], perm=_TO_CHANNELS_LAST)
        )
        shape = self._weight(f"s{output}", np.array(self._shape(output), np.int64))
        self._node("Reshape", [f"last{output}", shape], output)

    def _concatenation(self, operator: Any, inputs: list[int], output: int) -> None:
        self._node("Concat", [f"t{i}" for i in inputs], output, axis=operator.builtinOptions.axis)

    def _node(self, kind: str, inputs: list[str], output: int, **attributes: Any) -> None:
        self.nodes.append(self.helper.make_node(kind, inputs, [f"t{output}"], **attributes))

    def _weight(self, name: str, values: np.ndarray) -> str:
        self.weights.append(self.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _shape(self, tensor: int) -> list[int]:
        return [int(length) for length in self.graph.tensors[tensor].shape]

    def _constant(self, tensor: int) -> np.ndarray:
        """A constant tensor; float16 is returned as float32."""
        if tensor in self.constants:
            return self.constants[tensor]
        kinds = {0: np.float32, 1: np.float16, 2: np.int32}  # of TFLite's TensorType
        data = self.tflite.buffers[self.graph.tensors[tensor].buffer].data
        values = np.frombuffer(bytes(data), kinds[self.graph.tensors[tensor].type]).reshape(self._shape(tensor))
        return values.astype(np.float32) if values.dtype == np.float16 else values


def _padding(options: Any) -> str:
    return "VALID" if options.padding == 1 else "SAME_UPPER"


def _difference(expected: Any, model: bytes) -> float:
    session = needed("onnxruntime").InferenceSession(model, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    largest = 0.0
    for _ in range(4):
        image = generator.uniform(-1, 1, (256, 256, 3)).astype(np.float32)
        raw, logits = expected(image)
        found = {output.shape[-1]: output[0] for output in session.run(None, {"input": image[None]})}
        largest = max(largest, np.abs(found[16] - raw).max(), np.abs(found[1][:, 0] - logits).max())
    return float(largest)


def main() -> None:
    parser = Parser(description=title(__doc__))
    parser.add_argument("--detector", type=Path, default=DETECTOR_PATH, help="the .tflite file of make detector")
    parser.add_argument("--out", type=Path, default="output/detector.onnx", help="where the ONNX file goes")
    arguments = parser.parse_args()
    check_target(arguments.out, ending=".onnx")  # before the work, not after it
    difference = export_detector(arguments.detector, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB; within {difference:.2g} of LiteRT")


if __name__ == "__main__":
    run_command(main)
