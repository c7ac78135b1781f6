"""The properties of exported files, written: what `src.predict.exported_files` describes and reads."""

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from src.config import ModelConfig, to_dict
from src.network.heads.regression import mean_face
from src.predict.exported_files import ASSOCIATED, FRAMES, NO_DIGEST

LICENSE = "code: MIT; shipped weights: research use, see README"


def properties(config: ModelConfig, *, nme: float = math.nan, takes: str = "crop", looks: int = 1) -> dict[str, str]:
    """The properties of a file to be written. nme: percent; takes: a key of FRAMES; looks: number built in."""
    return {
        "model_config": json.dumps(to_dict(replace(config, auxiliary=False))),
        "input_size": str(config.input_size),
        "crop": json.dumps(config.crop),
        "mean_face": json.dumps(mean_face().numpy().round(5).tolist()),
        "nme": "" if math.isnan(nme) else f"{nme:.4f}",
        "license": LICENSE,
        "input": takes,
        "looks": str(looks),
        "points": FRAMES[takes],
        "digest": NO_DIGEST,
    }


def seal(path: str | Path) -> None:
    """Write an .onnx file's digest into the place that `properties` reserved for it."""
    content = Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    Path(path).write_bytes(content.replace(NO_DIGEST.encode(), digest.encode(), 1))


def append_properties(path: str | Path, values: Mapping[str, str]) -> None:
    """Append the properties and the digest to a .tflite model."""
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(ASSOCIATED, json.dumps(dict(values) | {"digest": digest}, indent=2))
