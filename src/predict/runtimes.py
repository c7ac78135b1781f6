"""One way to run a network from any of its files: .pth.tar (PyTorch), .onnx (ONNX Runtime), .tflite (LiteRT).

Every runtime has the network's `config` and `predict_unit`, from challenge-like squares to points of the unit square.
"""

import threading
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from src.config import ModelConfig
from src.errors import InputError
from src.network.checkpoint import load_model
from src.network.model import LandmarkNet
from src.predict.exported_files import onnx_metadata, open_onnx, open_tflite, tflite_metadata
from src.predict.inference import predict_unit
from src.predict.looks import look


class Runtime(Protocol):
    """What `open_model` returns."""

    config: ModelConfig

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        """squares (B, S, S, 3) uint8 RGB -> points_unit (B, 68, 2) float64."""


def open_model(path: str | Path, *, threads: int = 1, device: torch.device | str = "cpu") -> Runtime:
    """Open a model file by its ending.

    threads: of ONNX Runtime and LiteRT; PyTorch keeps the process's own setting. device: of PyTorch alone.
    Raises InputError for another ending, a damaged file, or one without this project's metadata.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return _OnnxModel(path, threads)
    if path.suffix == ".tflite":
        return _TfliteModel(path, threads)
    if path.suffix in (".tar", ".pth", ".pt"):
        return TorchRuntime(load_model(path, device)[0])
    raise InputError(f"{path}: expected a model file that ends in .pth.tar, .onnx or .tflite")


def look_repeatedly(runtime: Runtime, squares: np.ndarray, looks: int) -> np.ndarray:
    """points_unit (looks, B, 68, 2) of each look (`src.predict.looks`) at squares (B, S, S, 3) uint8."""

    def predict(seen: Tensor) -> np.ndarray:
        return runtime.predict_unit(seen.numpy())

    return look(predict, torch.from_numpy(squares), looks, second_look=runtime.config.second_look)


class TorchRuntime:
    """A network in memory, which it sets to evaluation mode."""

    def __init__(self, model: LandmarkNet) -> None:
        self.model = model.eval()
        self.config, self.device = model.config, next(model.parameters()).device

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        return predict_unit(self.model, torch.from_numpy(squares).to(self.device))


class _OnnxModel:
    """Takes either kind of file: the network alone, or with the picture's resizing and cropping inside."""

    def __init__(self, path: Path, threads: int) -> None:
        self.session = open_onnx(path, threads=threads)
        metadata = onnx_metadata(self.session, path)
        if metadata.looks > 1:
            raise InputError(f"{path} looks {metadata.looks} times by itself; export it with --looks 1 or --input crop")
        self.config, self.takes_pictures = metadata.config, metadata.input == "picture"
        self.input_name = self.session.get_inputs()[0].name

    def predict(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)."""
        return torch.from_numpy(self._run(images.contiguous().numpy()))

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        if self.takes_pictures:
            return self._run(squares).astype(np.float64) / squares.shape[1]
        return predict_unit(self, torch.from_numpy(squares))

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input_name: batch})[0]


class _TfliteModel:
    """One picture a call, channels last; a full-integer file speaks integers, the others speak float32."""

    def __init__(self, path: Path, threads: int) -> None:
        self.interpreter = open_tflite(path, threads=threads)
        self.lock = threading.Lock()  # an interpreter keeps one input and one output
        self.config = tflite_metadata(path).config
        self.input, self.output = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]

    def predict(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)."""
        channels_last = images.permute(0, 2, 3, 1).contiguous().numpy()  # (B, R, R, 3)
        return torch.from_numpy(np.concatenate([self._run(image[None]) for image in channels_last]))

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        return predict_unit(self, torch.from_numpy(squares))

    def _run(self, image: np.ndarray) -> np.ndarray:
        """image (1, R, R, 3) -> points_input (1, 68, 2), both float32."""
        with self.lock:
            self.interpreter.set_tensor(self.input["index"], _quantize(image, self.input))
            self.interpreter.invoke()
            return _dequantize(self.interpreter.get_tensor(self.output["index"]), self.output)


def _quantize(values: np.ndarray, tensor: dict) -> np.ndarray:
    dtype = np.dtype(tensor["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype)
    scale, zero = tensor["quantization"]
    limits = np.iinfo(dtype)
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(dtype)


def _dequantize(values: np.ndarray, tensor: dict) -> np.ndarray:
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale)
