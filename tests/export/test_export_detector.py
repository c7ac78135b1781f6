"""The detector's ONNX form says what its TFLite form says."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from src.errors import InputError
from src.export.detector import export_detector
from src.predict.detector_file import DETECTOR_PATH, open_detector
from src.synthesis.renderer.face import render_face


def test_both_forms_find_the_same(tmp_path: Path) -> None:
    if not DETECTOR_PATH.is_file():
        pytest.skip("needs the detector's file: make detector")
    assert export_detector(DETECTOR_PATH, tmp_path / "detector.onnx") < 0.01
    picture = render_face(np.random.default_rng(3), 300).picture
    first, second = (open_detector(path).detect(picture) for path in (DETECTOR_PATH, tmp_path / "detector.onnx"))
    assert len(first.boxes) == 1
    np.testing.assert_allclose(first.boxes, second.boxes, atol=0.1)
    np.testing.assert_allclose(first.score, second.score, atol=1e-3)
    for path, expected in ((DETECTOR_PATH, first), (tmp_path / "detector.onnx", second)):
        again = pickle.loads(pickle.dumps(open_detector(path)))  # for another process
        np.testing.assert_array_equal(again.detect(picture).boxes, expected.boxes)
    with pytest.raises(InputError, match=r"expected the detector's \.tflite file"):
        export_detector(tmp_path / "detector.onnx", tmp_path / "again.onnx")


def test_what_is_no_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make detector"):
        export_detector(tmp_path / "none.tflite", tmp_path / "detector.onnx")
    assert not (tmp_path / "detector.onnx").exists()
