"""The light package: its wheel, installed where PyTorch is not, finds the points that the Predictor finds."""

import ast
import errno
import importlib.util
import json
import os
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from PIL import Image
from turned_pictures import turned_pictures

from src.light.build import build_wheel
from src.light.modules import needed_modules, renamed
from src.predict.predictor import Predictor
from src.predict.shipped import DETECTOR_PATH, PACKED_DETECTOR

BUILDS = ("pip", "setuptools", "onnx", "onnxscript", "onnxruntime")
NEEDED = ("numpy", "PIL", "onnxruntime")
SHEET = ROOT / "docs/preview.png"  # rendered faces
SCRIPT = """
import importlib.util, json, sys
from light_landmarks import Face, Predictor, Tracker

assert not any(importlib.util.find_spec(name) for name in ("torch", "scipy", "tqdm", "src"))
crops, pictures = sys.argv[1:5], sys.argv[5:]
predictor = Predictor()
points_image, score = predictor(crops)
faces = [[face.to_dict() for face in its_faces] for its_faces in predictor.faces(pictures)]
print(json.dumps([points_image.tolist(), score.tolist(), faces]))
"""


@dataclass(frozen=True)
class Installed:
    """An environment of its own. python: its interpreter; command: the package's."""

    python: Path
    command: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment that holds NumPy, Pillow and ONNX Runtime besides it, and nothing else."""
    missing = [name for name in BUILDS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"building the wheel needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("light")
    wheel = build_wheel(ROOT / "best.pth.tar", folder, detector=DETECTOR_PATH if DETECTOR_PATH.is_file() else None)
    venv.create(folder / "env", symlinks=True)
    python = folder / "env/bin/python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", "--quiet", wheel]
    subprocess.run(command, check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    for name in NEEDED:
        place = Path(importlib.util.find_spec(name).origin).parent
        (site / name).symlink_to(place)  # its shared libraries are found from where it really lies
    return Installed(python, folder / "env/bin/light-landmarks")


def test_a_full_disk_leaves_no_half_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(command: list, **_: object) -> subprocess.CompletedProcess:
        folder = command[command.index("--wheel-dir") + 1]
        folder.mkdir()
        (folder / "a.whl").touch()
        return subprocess.CompletedProcess(command, 0)

    def fill(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("src.light.build.export_onnx", lambda *_, **__: None)
    monkeypatch.setattr(subprocess, "run", build)
    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(OSError, match="No space left"):
        build_wheel(ROOT / "best.pth.tar", tmp_path / "out", detector=None)
    assert not list((tmp_path / "out").iterdir())


def _run(command: list[str | Path], folder: Path) -> str:
    """The output of a command that sees nothing of this process's environment."""
    result = subprocess.run(command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_it_finds_the_points_of_the_predictor(installed: Installed, tmp_path: Path) -> None:
    sheet = Image.open(SHEET).convert("RGB")
    side = sheet.width // 4
    crops = [tmp_path / f"{column}.png" for column in range(4)]
    for column, path in enumerate(crops):
        sheet.crop((side * column, 0, side * (column + 1), side)).save(path)
    has_detector = DETECTOR_PATH.is_file()
    pictures = [SHEET, *turned_pictures(tmp_path)] if has_detector else []
    output = _run([installed.python, "-c", SCRIPT, *crops, *pictures], tmp_path)
    found, score, faces = json.loads(output)
    packed = next(installed.python.parents[1].rglob(PACKED_DETECTOR), None)  # another file's boxes differ a little
    predictor = Predictor(ROOT / "best.pth.tar", detector=packed)
    expected, expected_score = predictor(crops)
    assert expected_score.mean() > 0.5
    assert np.linalg.norm(np.array(found) - expected, axis=-1).max() < 0.1
    np.testing.assert_allclose(score, expected_score, atol=0.01)
    if not has_detector:
        pytest.skip("the detector is missing; run make detector: only crops were compared")
    told = [[face.to_dict() for face in its_faces] for its_faces in predictor.faces(pictures)]
    assert [len(its_faces) for its_faces in faces] == [len(its_faces) for its_faces in told]
    assert min(len(its_faces) for its_faces in told) > 2
    for face, same in zip(chain(*faces), chain(*told), strict=True):
        assert face.keys() == same.keys()
        assert np.linalg.norm(np.subtract(face["points"], same["points"]), axis=-1).max() < 0.1


@pytest.mark.slow
def test_its_command_draws_and_tells(installed: Installed, tmp_path: Path) -> None:
    Image.open(SHEET).convert("RGB").crop((0, 0, 256, 256)).save(tmp_path / "face.png")
    output = _run([installed.command, "face.png", "--crops", "--out", "drawn"], tmp_path)
    assert "1 face found" in output
    (entry,) = json.loads((tmp_path / "drawn/faces.json").read_text())
    assert np.shape(entry["faces"][0]["points"]) == (68, 2)
    assert (tmp_path / "drawn/face.png.png").is_file()
    assert not re.search(r"-m src|src/", _run([installed.command, "--help"], tmp_path))


@pytest.mark.slow
def test_it_tells_its_version_and_its_errors_can_be_caught(installed: Installed, tmp_path: Path) -> None:
    script = """
import importlib.metadata
import light_landmarks
assert light_landmarks.__version__ == importlib.metadata.version("light-landmarks")
try:
    light_landmarks.Predictor("none.onnx")
except light_landmarks.InputError as error:
    print(error)
"""
    assert "none.onnx" in _run([installed.python, "-c", script], tmp_path)


def test_the_package_imports_what_it_asks_for_and_no_more() -> None:
    source = ROOT / "src"
    own = [source / "light" / name for name in ("__init__.py", "__main__.py")]
    for module in (*own, *needed_modules(own, source)):
        nodes = ast.parse(module.read_text(encoding="utf-8")).body
        imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        imported += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
        roots = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
        assert roots <= {"numpy", "PIL", "src"}, module


def test_modules_are_found_by_what_runs_on_import(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    for name, text in {
        "__init__.py": "",
        "start.py": "from src.room import one\nfrom src.two import Thing\n",
        "room/__init__.py": "",
        "room/one.py": "def late():\n    import src.heavy\n",
        "two.py": "import src.three\n",
        "three.py": "import numpy\n",
        "heavy.py": "import torch\n",
    }.items():
        (tmp_path / name).write_text(text)
    found = [str(file.relative_to(tmp_path)) for file in needed_modules([tmp_path / "start.py"], tmp_path)]
    assert found == ["room/__init__.py", "room/one.py", "three.py", "two.py"]


def test_imports_are_renamed_and_words_are_not() -> None:
    text = '"""About `src.room`."""\nimport src.two\n    from src.room import one\nfrom srcs import x\n'
    expected = '"""About `src.room`."""\nimport new.two\n    from new.room import one\nfrom srcs import x\n'
    assert renamed(text, "new") == expected
