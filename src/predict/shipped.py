"""Paths of the shipped model and the detector: in the repository, or inside the package that `src.light` builds."""

from pathlib import Path

_CODE = Path(__file__).resolve().parents[1]
PACKED_MODEL, PACKED_DETECTOR = "model.onnx", "detector.onnx"  # in the package's folder `models`
_PACKED = _CODE / "models"

if _PACKED.is_dir():
    MODEL_PATH, DETECTOR_PATH = _PACKED / PACKED_MODEL, _PACKED / PACKED_DETECTOR
else:
    MODEL_PATH = _CODE.parent / "best.pth.tar"
    DETECTOR_PATH = _CODE.parent / "data" / "detector" / "face_detection_back.tflite"
