"""The TFLite file: what can be told without the converter, and with it the points of each form."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from commands import assert_refused, run
from conftest import Run

from src.errors import InputError
from src.export.calibration import calibration_crops
from src.export.tflite import _enlarge, _repeat_border, export_tflite
from src.network.checkpoint import load_model
from src.predict.exported_files import tflite_metadata
from src.predict.runtimes import open_model

HAS_CONVERTER = importlib.util.find_spec("litert_torch") is not None
needs_converter = pytest.mark.skipif(
    not HAS_CONVERTER, reason="needs the converter: make export-env, then .venv-export/bin/python -m pytest"
)


@pytest.mark.parametrize("side", [2, 4, 7])
def test_enlargement_by_no_whole_factor_is_the_nearest_neighbors(side: int) -> None:
    features, target = torch.rand(2, 3, side, side), [2 * side - 1] * 2
    assert torch.equal(_enlarge(features, target, None), F.interpolate(features, size=target, mode="nearest"))
    assert _enlarge(features, [2 * side] * 2, None) is NotImplemented


def test_the_border_is_repeated() -> None:
    features, border = torch.rand(2, 3, 5, 4), [1, 2, 3, 0]
    assert torch.equal(_repeat_border(features, border, "replicate"), F.pad(features, border, mode="replicate"))
    assert _repeat_border(features, border) is NotImplemented


def test_int8_without_calibration_faces_is_refused(trained: Run, tmp_path: Path) -> None:
    out, nowhere = tmp_path / "best.tflite", tmp_path / "nowhere"
    flags = ("--model_path", trained.best, "--form", "int8", "--calibration", nowhere, "--out", out)
    assert_refused(run("src/export/tflite.py", *flags), str(nowhere), "preparation.py")
    assert not out.exists()
    with pytest.raises(InputError, match="calibration crops"):
        export_tflite(load_model(trained.best)[0], out, form="int8")


def test_calibration_crops_are_spread_over_the_folder(trained: Run) -> None:
    model, _ = load_model(trained.best)
    crops = calibration_crops(model, trained.prepared / "AFLW_train_data", 7)
    assert crops.shape == (7, 3, 64, 64)
    assert 0.1 < crops.max() <= 1
    assert len(calibration_crops(model, trained.prepared / "AFLW_train_data", 1000)) == 40


@pytest.mark.skipif(HAS_CONVERTER, reason="the converter is here")
def test_a_missing_converter_is_named_with_its_command(trained: Run, tmp_path: Path) -> None:
    outcome = run("src/export/tflite.py", "--model_path", trained.best, "--out", tmp_path / "best.tflite")
    assert_refused(outcome, "litert_torch", "make export-env")
    assert list(tmp_path.iterdir()) == []


@needs_converter
@pytest.mark.timeout(1200)  # a conversion takes a minute on an idle machine
@pytest.mark.parametrize(("form", "tolerance"), [("float32", 1e-5), ("float16", 1e-3), ("int8", 0.02)])
def test_the_file_gives_pytorchs_points(trained: Run, tmp_path: Path, form: str, tolerance: float) -> None:
    model, content = load_model(trained.best)
    crops = calibration_crops(model, trained.prepared / "AFLW_train_data", 20)
    path = tmp_path / "best.tflite"
    assert export_tflite(model, path, form=form, crops=crops, nme=content["nme"]) < tolerance
    found = open_model(path).predict(crops.permute(0, 2, 3, 1).numpy())
    with torch.inference_mode():
        assert (torch.from_numpy(found) - model.predict(crops)).abs().mean() < tolerance
    assert tflite_metadata(path).nme == pytest.approx(content["nme"], abs=1e-3)
