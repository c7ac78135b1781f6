"""The detector's file: a TFLite or an ONNX form of BlazeFace's back-camera network; `make detector` fetches it."""

import threading
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.predict.detector import BlazeFace
from src.predict.exported_files import open_onnx, open_tflite, run_onnx
from src.predict.shipped import DETECTOR_PATH

_INPUT, _RAW, _LOGITS = (1, 256, 256, 3), (1, 896, 16), (1, 896, 1)  # shapes of the network


def open_detector(path: str | Path | None = None, *, threads: int = 1) -> BlazeFace:
    """Open the detector. path: .tflite or .onnx; None is where `make detector` puts it, the faster ONNX form if both
    are there.

    threads: of the runtime. Raises InputError for a missing file, another ending, and another network.
    """
    path = _made() if path is None else Path(path)
    if not path.is_file():
        remedy = "run make detector (and make wheel for the light package), or give face boxes or crops"
        raise InputError(f"{path}: the face detector is missing; {remedy}")
    open_network = {".onnx": _OnnxNetwork, ".tflite": _TfliteNetwork}.get(path.suffix.lower())
    if open_network is None:
        raise InputError(f"{path}: expected a detector that ends in .tflite or .onnx")
    return BlazeFace(open_network(path, threads))


def _made() -> Path:
    """The file of `make detector`: the ONNX form takes 0.7 of the TFLite file's time."""
    translated = DETECTOR_PATH.with_suffix(".onnx")
    return translated if translated.is_file() else DETECTOR_PATH


class _TfliteNetwork:
    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads, self.interpreter = path, threads, open_tflite(path, threads=threads)
        self.source = self.interpreter.get_input_details()[0]
        outputs = self.interpreter.get_output_details()
        self.outputs = {tuple(map(int, output["shape"])): output["index"] for output in outputs}
        _check_shapes(path, tuple(map(int, self.source["shape"])), self.outputs)
        self.lock = threading.Lock()  # an interpreter has a single input and output buffer

    def __reduce__(self) -> tuple:  # another process opens the file again
        return _TfliteNetwork, (self.path, self.threads)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with self.lock:
            self.interpreter.set_tensor(self.source["index"], image[None])
            self.interpreter.invoke()
            raw, logits = (self.interpreter.get_tensor(self.outputs[shape]) for shape in (_RAW, _LOGITS))
        return raw[0], logits[0, :, 0]


class _OnnxNetwork:
    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads, self.session = path, threads, open_onnx(path, threads=threads)
        self.source = self.session.get_inputs()[0]
        self.outputs = {tuple(output.shape): output.name for output in self.session.get_outputs()}
        _check_shapes(path, tuple(self.source.shape), self.outputs)

    def __reduce__(self) -> tuple:
        return _OnnxNetwork, (self.path, self.threads)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs, inputs = [self.outputs[_RAW], self.outputs[_LOGITS]], {self.source.name: image[None]}
        raw, logits = run_onnx(self.session, outputs, inputs, self.path)
        return raw[0], logits[0, :, 0]


def _check_shapes(path: Path, source: tuple, outputs: dict[tuple, object]) -> None:
    if source != _INPUT or not {_RAW, _LOGITS} <= outputs.keys():
        found = f"an input {source} and outputs {', '.join(map(str, outputs))}"
        raise InputError(f"{path}: expected BlazeFace's back-camera network, found {found}")
