"""The detector's file: a TFLite or an ONNX form of BlazeFace's back-camera network; `make detector` fetches it."""

import threading
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.predict.detector import BlazeFace, Network
from src.predict.exported_files import open_onnx, open_tflite, run_onnx
from src.predict.shipped import DETECTOR_PATH

_INPUT, _RAW, _LOGITS = (1, 256, 256, 3), (1, 896, 16), (1, 896, 1)  # shapes of the network


def open_detector(path: str | Path | None = None, *, threads: int = 1) -> BlazeFace:
    """Open the detector. path: .tflite or .onnx; None is where `make detector` puts it.

    threads: of the runtime. Raises InputError for a missing file, another ending, and another network.
    """
    path = DETECTOR_PATH if path is None else Path(path)
    if not path.is_file():
        remedy = "run make detector (and make wheel for the light package), or give face boxes or crops"
        raise InputError(f"{path}: the face detector is missing; {remedy}")
    open_network = {".onnx": _onnx_network, ".tflite": _tflite_network}.get(path.suffix.lower())
    if open_network is None:
        raise InputError(f"{path}: expected a detector that ends in .tflite or .onnx")
    return BlazeFace(open_network(path, threads))


def _tflite_network(path: Path, threads: int) -> Network:
    interpreter = open_tflite(path, threads=threads)
    source = interpreter.get_input_details()[0]
    outputs = {tuple(map(int, output["shape"])): output["index"] for output in interpreter.get_output_details()}
    _check_shapes(path, tuple(map(int, source["shape"])), outputs)
    lock = threading.Lock()  # an interpreter has a single input and output buffer

    def run(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with lock:
            interpreter.set_tensor(source["index"], image[None])
            interpreter.invoke()
            return interpreter.get_tensor(outputs[_RAW])[0], interpreter.get_tensor(outputs[_LOGITS])[0, :, 0]

    return run


def _onnx_network(path: Path, threads: int) -> Network:
    session = open_onnx(path, threads=threads)
    source = session.get_inputs()[0]
    outputs = {tuple(output.shape): output.name for output in session.get_outputs()}
    _check_shapes(path, tuple(source.shape), outputs)

    def run(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raw, logits = run_onnx(session, [outputs[_RAW], outputs[_LOGITS]], {source.name: image[None]}, path)
        return raw[0], logits[0, :, 0]

    return run


def _check_shapes(path: Path, source: tuple, outputs: dict[tuple, object]) -> None:
    if source != _INPUT or not {_RAW, _LOGITS} <= outputs.keys():
        found = f"an input {source} and outputs {', '.join(map(str, outputs))}"
        raise InputError(f"{path}: expected BlazeFace's back-camera network, found {found}")
