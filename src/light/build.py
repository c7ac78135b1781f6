"""Build the light package as a wheel, with its model exported to ONNX: python3 -m src.light.build, or make wheel.

It predicts with NumPy, Pillow and ONNX Runtime: 0.2 GB, while PyTorch takes several. Its code is the repository's, file
by file (`src.light.modules`); its name is light_landmarks.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from src.command_line import run_command
from src.errors import InputError
from src.export.detector import export_detector
from src.export.onnx_file import export_onnx
from src.export.properties import LICENSE
from src.files import atomic_path, check_writable
from src.light import __version__
from src.light.modules import needed_modules, renamed
from src.network.checkpoint import load_model
from src.parser import Parser, add_convention, add_model_path
from src.predict.shipped import DETECTOR_PATH, MODEL_PATH, PACKED_DETECTOR, PACKED_MODEL

PACKAGE = "light_landmarks"
_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = _ROOT / "src"
_OWN = ("__init__.py", "__main__.py")  # of this folder: the package's interface and command
_REQUIREMENTS = {"requirements.txt": ("numpy", "pillow"), "requirements-export.txt": ("onnxruntime",)}
_NOTICE = f"""{PACKED_MODEL}: {LICENSE}

{PACKED_DETECTOR}, if included: the back-camera network of BlazeFace, from MediaPipe, copyright The MediaPipe
Authors, Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0), translated from TFLite to ONNX.
"""
_PROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
description = "68 facial landmarks in any picture, with NumPy, Pillow and ONNX Runtime"
requires-python = ">=3.11"
dependencies = {requirements}
license-files = ["LICENSE", "NOTICE"]

[project.optional-dependencies]
video = ["av>=14", "tqdm>=4.66"]

[project.scripts]
{name} = "{package}.__main__:run"

[tool.setuptools.packages.find]
include = ["{package}*"]

[tool.setuptools.package-data]
{package} = ["models/*.onnx"]
"""


def build_wheel(model_path: Path, out: Path, *, detector: Path | None, convention: str | None = None) -> Path:
    """Write the wheel of a model into the folder `out`, and return its path.

    detector: a .tflite file, or None for a package limited to crops and boxes. convention: one of the model's, None for
    its own. Raises InputError for a model that cannot be exported, and if the wheel cannot be built.
    """
    with tempfile.TemporaryDirectory() as folder:
        staged, built = Path(folder) / "staged", Path(folder) / "built"
        _stage_code(staged / PACKAGE)
        models = staged / PACKAGE / "models"
        models.mkdir()
        model, content = load_model(model_path, convention=convention)
        export_onnx(model, models / PACKED_MODEL, nme=content["nme"])
        if detector is not None:
            export_detector(detector, models / PACKED_DETECTOR)
        name = PACKAGE.replace("_", "-")
        project = _PROJECT.format(name=name, package=PACKAGE, version=__version__, requirements=_requirements())
        (staged / "pyproject.toml").write_text(project, encoding="utf-8")
        (staged / "NOTICE").write_text(_NOTICE, encoding="utf-8")
        shutil.copyfile(_ROOT / "LICENSE", staged / "LICENSE")
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
        result = subprocess.run([*command, "--wheel-dir", built, staged], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise InputError(f"expected pip and setuptools to build a wheel, found: {result.stderr.strip()[-200:]}")
        (wheel,) = built.iterdir()
        with atomic_path(out / wheel.name) as temporary:
            temporary.write_bytes(wheel.read_bytes())
    return out / wheel.name


def _stage_code(package: Path) -> None:
    """Fill the package's folder: its own two modules, and everything that they import, in its place below src."""
    own = [_SOURCE / "light" / name for name in _OWN]
    files = {file: package / file.relative_to(_SOURCE) for file in needed_modules(own, _SOURCE)}
    files |= {file: package / file.name for file in own}
    for file, target in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        text = renamed(file.read_text(encoding="utf-8"), PACKAGE)
        target.write_text(text.replace("python3 -m src.demo", PACKAGE.replace("_", "-")), encoding="utf-8")


def _requirements() -> list[str]:
    """The repository's requirements, as far as prediction needs them."""
    found = []
    for file, names in _REQUIREMENTS.items():
        text = (_ROOT / file).read_text(encoding="utf-8")
        found += [re.search(rf"^{name}[^ #\n]*", text, re.MULTILINE).group() for name in names]
    return found


def main() -> None:
    parser = Parser(description=__doc__)
    add_model_path(parser, "a model file or a snapshot", default=MODEL_PATH)
    add_convention(parser)
    parser.add_argument("--detector", type=Path, default=DETECTOR_PATH, help="the .tflite file of make detector")
    parser.add_argument("--out", type=Path, default="output", help="folder of the wheel")
    arguments = parser.parse_args()
    check_writable(arguments.out)
    if arguments.detector != DETECTOR_PATH and not arguments.detector.is_file():
        raise InputError(f"{arguments.detector}: no such detector file")
    detector = arguments.detector if arguments.detector.is_file() else None
    wheel = build_wheel(arguments.model_path, arguments.out, detector=detector, convention=arguments.convention)
    print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB; install it with python3 -m pip install {wheel}")
    if detector is None:
        print("it takes only crops and face boxes: for whole pictures run make detector, then make wheel again")


if __name__ == "__main__":
    run_command(main)
