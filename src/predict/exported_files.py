"""Exported files: opening them, and the properties they carry so that another program can prepare a picture.

The properties are text: `model_config` (JSON of the ModelConfig), `input_size` (pixels), `crop` (JSON: center x, center
y and side of the part of the letterboxed square that the network sees), `mean_face` (JSON: 68 x 2 of points_input),
`nme` (percent, on the faces that the training was validated on; empty where unknown), `license`, `input` (crop: the
network alone; picture: letterbox, resizing and crop inside), `looks` (`src.predict.looks`) and `points` (the output's
frame). An .onnx file holds them as its metadata; a .tflite file as `metadata.json` in a zip appended to the model,
where TensorFlow Lite keeps associated files. An .onnx file for crops also has `rules` (JSON: `src.export.rules`).
`digest` is the SHA-256 of an .onnx file with 64 zeros in the digest's place, and in a .tflite file that of the model
before the zip, so that a flipped bit is noticed.
"""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.config import ModelConfig
from src.errors import InputError, about, needed
from src.markup import NUM_POINTS
from src.network.stored import read_config
from src.reading import open_zip, read_bytes

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter
    from onnxruntime import InferenceSession

_ONE_AT_A_TIME = threading.Lock()
FRAMES = {"crop": "points_input", "picture": "points_image"}  # input -> frame of the output
ASSOCIATED = "metadata.json"  # in the zip at the end of a .tflite file
NO_DIGEST = "0" * 64  # in a file that is not sealed
_MOST_BYTES = 16_000_000  # of metadata
_MOST_OF_A_MODEL = 512_000_000  # bytes


@dataclass(frozen=True)
class Metadata:
    """An exported file's properties. nme: percent, NaN if unknown; input: a key of FRAMES; looks: number built in."""

    config: ModelConfig
    mean_face: np.ndarray  # (68, 2) points_input
    nme: float
    license: str
    input: str
    looks: int


def read_metadata(values: Mapping[str, str], path: str | Path) -> Metadata:
    """Parse a file's properties. Raises InputError if they are missing or damaged."""
    try:
        config = read_config(ModelConfig, json.loads(values["model_config"]))
        metadata = Metadata(
            config=config,
            mean_face=np.array(json.loads(values["mean_face"]), np.float64).reshape(NUM_POINTS, 2),
            nme=float(values["nme"] or "nan"),
            license=values["license"],
            input=values["input"],
            looks=int(values.get("looks", "1")),
        )
        if metadata.input not in FRAMES:
            raise ValueError(f"input {metadata.input!r:.40}")
        if not np.isfinite(metadata.mean_face).all() or metadata.looks not in (1, 2):
            raise ValueError(f"mean_face or looks {metadata.looks}")
        repeated = {"input_size": config.input_size, "crop": list(config.crop), "points": FRAMES[metadata.input]}
        for name in repeated.keys() & values.keys():
            stated = values[name] if name == "points" else json.loads(values[name])
            if stated != repeated[name]:  # edited by hand in one place
                raise ValueError(f"{name} {values[name]!r:.40}, and elsewhere {repeated[name]}")
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path}: expected the metadata of a file that this project exported, found none or damaged ones ({error});"
            " export the model again"
        ) from None
    return metadata


def open_onnx(path: str | Path, *, threads: int = 1) -> "InferenceSession":
    """ONNX Runtime's session for a file, on the CPU. Raises InputError for a file that it cannot run."""
    onnxruntime, content = needed("onnxruntime"), _read(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors are raised; they need not be logged, or printed by a fallback
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # ONNX Runtime has one exception type per error code
        raise InputError(_unusable(path, "an ONNX file", error)) from None


def open_tflite(path: str | Path, *, threads: int = 1) -> "Interpreter":
    """LiteRT's interpreter for a file, ready to run. Raises InputError for a file that it cannot run."""
    interpreter_module, content = needed("ai_edge_litert.interpreter"), _read(path)
    try:
        with _quiet_stderr():
            interpreter = interpreter_module.Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise InputError(_unusable(path, "a TFLite file", error)) from None
    return interpreter


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep off the terminal what LiteRT writes there without asking Python: that it has a delegate."""
    with _ONE_AT_A_TIME, open(os.devnull, "w") as null:  # the descriptor is the whole process's
        try:
            kept = os.dup(2)
        except OSError:  # closed
            yield
            return
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def run_onnx(session: "InferenceSession", outputs: list[str] | None, inputs: dict, path: str | Path) -> list:
    """What an opened file's network computes. Raises InputError if its parts do not fit each other or the input."""
    try:
        return session.run(outputs, inputs)
    except Exception as error:  # as above
        raise InputError(_unusable(path, "an ONNX file", error)) from None


def onnx_metadata(session: "InferenceSession", path: str | Path) -> Metadata:
    """The properties of an opened .onnx file. Raises InputError if they are missing or damaged."""
    try:
        values = dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError:
        values = {}
    digest = values.get("digest", NO_DIGEST)
    if digest != NO_DIGEST:
        content = Path(path).read_bytes().replace(digest.encode(), NO_DIGEST.encode(), 1)
        _check_digest(content, digest, path)
    return read_metadata(values, path)


def tflite_metadata(path: str | Path) -> Metadata:
    """The properties of a .tflite file. Raises InputError if they are missing or damaged."""
    _check_file(path)
    values: dict[str, str] = {}
    with (
        contextlib.suppress(InputError, KeyError, ValueError, RecursionError),
        open_zip(path, most=_MOST_BYTES) as archive,
    ):
        start = archive.getinfo(ASSOCIATED).header_offset
        values = json.loads(archive.read(ASSOCIATED))
    metadata = read_metadata(values, path)
    digest = values.get("digest", NO_DIGEST)
    if digest != NO_DIGEST:
        _check_digest(Path(path).read_bytes()[:start], digest, path)
    return metadata


def _check_digest(content: bytes, digest: str, path: str | Path) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError(
            f"{path}: expected the content that its digest was taken of; the file is damaged, export it again"
        )


def _check_file(path: str | Path) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such model file; python3 -m src.export or src.export.tflite writes one")


def _read(path: str | Path) -> bytes:
    """A model file's content, read here because the runtimes can only open paths in UTF-8."""
    _check_file(path)
    with about(path):
        return read_bytes(path, most=_MOST_OF_A_MODEL)


def _unusable(path: str | Path, kind: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{path}: expected {kind} that this runtime can run ({reason}); export it again"
