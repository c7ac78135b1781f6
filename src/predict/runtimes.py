"""One interface to run a network from any of its files: .pth.tar (PyTorch), .onnx (ONNX Runtime), .tflite (LiteRT).

Every runtime has the network's `config` and `predict_unit`, which maps squares framed as the challenge's crops to
points in the unit square. Exported files do not need PyTorch: it is imported only when a checkpoint is opened.
"""

import os
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from src.config import ModelConfig
from src.errors import InputError
from src.geometry import apply_affine, crop_affine, invert_affine
from src.markup import NUM_POINTS
from src.predict.exported_files import onnx_metadata, open_onnx, open_tflite, run_onnx, tflite_metadata
from src.predict.looks import look, look_and_combine
from src.predict.resampling import crop_batch

EXPORTED = (".onnx", ".tflite")  # endings of files that need no PyTorch


class Runtime(Protocol):
    """An opened model file, or a network in memory (`src.predict.torch_runtime`)."""

    config: ModelConfig

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        """squares (B, S, S, 3) uint8 RGB -> points_unit (B, 68, 2) float64."""


def open_model(
    path: str | Path,
    *,
    threads: int | None = None,
    device: str = "cpu",
    points: int | None = NUM_POINTS,
    convention: str | None = None,
) -> Runtime:
    """Open a model file by its ending.

    threads: of the runtime; None is one for exported files, and the process's own setting for PyTorch. device: cpu, or
    for checkpoints anything that `src.network.devices.choose_device` takes. points: the number that the caller expects,
    None for any in an exported file. convention: one of the file's (`src.network.conventions`), None for its own.
    Raises InputError for another ending, a damaged file, one without this project's metadata, another number of points,
    a convention that the file lacks, and a missing device.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"expected the path of a model file, found {type(path).__name__}")
    path = Path(path)
    ending = path.suffix.lower()
    if ending in (".tar", ".pth", ".pt"):
        return _open_checkpoint(path, threads, device, convention)
    if ending not in EXPORTED:
        raise InputError(f"{path}: expected a model file that ends in .pth.tar, .onnx or .tflite")
    if device not in ("cpu", "auto"):
        raise InputError(f"{path}: expected the device cpu for an exported file, found {device}; give a .pth.tar file")
    model = (_OnnxModel if ending == ".onnx" else _TfliteModel)(path, threads or 1)
    if points not in (None, model.config.points):
        raise InputError(f"{path}: expected a model of {points} points, found one of {model.config.points}")
    if convention not in (None, model.config.convention):
        raise InputError(
            f"{path}: expected a file of the convention {convention}, found one of {model.config.convention}; "
            "export the model again with that convention"
        )
    return model


def _open_checkpoint(path: Path, threads: int | None, device: str, convention: str | None) -> Runtime:
    try:
        from src.predict.torch_runtime import open_checkpoint
    except ModuleNotFoundError as error:
        if error.name not in ("torch", f"{__package__}.torch_runtime"):  # the light package leaves the latter out
            raise
        raise InputError(f"{path}: this needs PyTorch, which is not installed; give an .onnx file") from None
    return open_checkpoint(path, threads=threads, device=device, convention=convention)


def look_repeatedly(runtime: Runtime, squares: np.ndarray, looks: int) -> np.ndarray:
    """points_unit (looks, B, 68, 2) of each look (`src.predict.looks`) at squares (B, S, S, 3) uint8."""
    config = runtime.config
    return look(runtime.predict_unit, squares, looks, second_look=config.second_look, crop=config.crop)


def predict_squares(runtime: Runtime, squares: np.ndarray, looks: int = 1, *, flip: bool = False) -> np.ndarray:
    """points_unit (B, K, 2) of squares (B, S, S, 3) uint8, with looks and flip as in `look_and_combine`."""
    own = {"second_look": runtime.config.second_look, "crop": runtime.config.crop}
    return look_and_combine(runtime.predict_unit, squares, looks, **own, flip=flip)


class _OnnxModel:
    """An .onnx file of either kind: the network alone, or with resizing and cropping built in."""

    def __init__(self, path: Path, threads: int) -> None:
        self.session = open_onnx(path, threads=threads)
        metadata = onnx_metadata(self.session, path)
        if metadata.looks > 1:
            raise InputError(f"{path} looks {metadata.looks} times by itself; export it with one look, or for crops")
        self.path, self.config, self.takes_pictures = path, metadata.config, metadata.input == "picture"
        self.input_name, self.threads = self.session.get_inputs()[0].name, threads

    def __reduce__(self) -> tuple:  # another process opens the file again
        return _OnnxModel, (self.path, self.threads)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """images (B, R, R, 3) in [0, 1] -> points_input (B, 68, 2)."""
        return self._run(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        if self.takes_pictures:
            return self._run(squares).astype(np.float64) / squares.shape[1]
        return _predict_unit(self, squares)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        found = run_onnx(self.session, None, {self.input_name: batch}, self.path)[0]
        return _checked(found, len(batch), self.config, self.path)


class _TfliteModel:
    """A .tflite file: one picture per call, channels last; a full-integer file takes and returns integers."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.config = path, tflite_metadata(path).config  # checks the digest before the runtime reads it
        self.interpreter, self.threads = open_tflite(path, threads=threads), threads
        self.lock = threading.Lock()  # an interpreter has a single input and output buffer
        self.input, self.output = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]
        expected, found = (1, *[self.config.input_size] * 2, 3), tuple(self.input["shape"].tolist())
        if found != expected:
            raise InputError(f"{path}: expected images {expected} as its metadata say, found {found}; export it again")

    def __reduce__(self) -> tuple:
        return _TfliteModel, (self.path, self.threads)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """images (B, R, R, 3) in [0, 1] -> points_input (B, 68, 2)."""
        return np.concatenate([self._run(image[None]) for image in images])

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        return _predict_unit(self, squares)

    def _run(self, image: np.ndarray) -> np.ndarray:
        """image (1, R, R, 3) -> points_input (1, 68, 2), both float32."""
        with self.lock:
            self.interpreter.set_tensor(self.input["index"], _quantize(image, self.input))
            self.interpreter.invoke()
            found = _dequantize(self.interpreter.get_tensor(self.output["index"]), self.output)
        return _checked(found, len(image), self.config, self.path)


def _checked(points: np.ndarray, count: int, config: ModelConfig, path: Path) -> np.ndarray:
    """The points (B, K, 2) that a file's network returned. Raises InputError for another shape, NaN and infinity."""
    if points.shape != (count, config.points, 2) or not np.isfinite(points).all():
        found = points.shape if points.shape != (count, config.points, 2) else "NaN or infinity"
        raise InputError(f"{path}: expected finite points ({count}, {config.points}, 2) from it, found {found}")
    return points


def _predict_unit(network: _OnnxModel | _TfliteModel, squares: np.ndarray) -> np.ndarray:
    config = network.config
    points_input = network.predict(crop_batch(squares, config.crop, config.input_size)).astype(np.float64)
    return apply_affine(invert_affine(crop_affine(config.crop)), points_input)


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
