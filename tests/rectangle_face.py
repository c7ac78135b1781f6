"""A "face" that is found exactly, without a network: a white rectangle, whose points are the mean face inside it."""

import numpy as np
from PIL import Image
from scipy import ndimage

from src.boxes import KINDS
from src.config import ModelConfig
from src.markup import MEAN_SHAPE
from src.predict.detector import Detections

_FLAT = MEAN_SHAPE[:, :2] * [1, -1]
# (68, 2) that span [-0.5, 0.5] on both axes.
LAYOUT = (_FLAT - _FLAT.min(0)) / np.ptp(_FLAT, axis=0) - 0.5
_NOWHERE = np.random.default_rng(0).uniform(0.2, 0.8, size=(68, 2))  # two views of nothing disagree


class RectangleFinder:
    """A runtime (src.predict.runtimes): finds the white rectangle, or nonsense if there is none or a part of one."""

    config = ModelConfig(crop=(0.5, 0.5, 1.0))  # it sees the whole square

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        return np.stack([self._find(square[..., 0] / 255) for square in squares])

    @staticmethod
    def _find(white: np.ndarray) -> np.ndarray:
        """white: (S, S) in [0, 1]."""
        at_border = max(white[0].max(), white[-1].max(), white[:, 0].max(), white[:, -1].max())
        if white.sum() < 4 or at_border > 0.5:
            return _NOWHERE
        columns, rows = white.max(axis=0), white.max(axis=1)
        ticks = (np.arange(len(white)) + 0.5) / len(white)
        center = np.array([columns @ ticks / columns.sum(), rows @ ticks / rows.sum()])
        return center + LAYOUT * np.array([columns.sum(), rows.sum()]) / len(white)


class RectangleDetector:
    """Boxes of the white rectangles of a picture that do not touch each other."""

    kind = KINDS["landmarks"]

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        labels, count = ndimage.label(np.asarray(picture)[..., 0] > 250)
        slices = ndimage.find_objects(labels)
        boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in slices], float).reshape(-1, 4)
        return Detections(boxes, np.ones(count), np.zeros(count))


def rectangle_picture(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> Image.Image:
    """A black picture (width, height) with white boxes of left, top, right, bottom."""
    picture = Image.new("RGB", size)
    for box in boxes:
        picture.paste((255, 255, 255), box)
    return picture


def rectangle_points(box: tuple[float, float, float, float]) -> np.ndarray:
    """The points (68, 2) of a white box."""
    left, top, right, bottom = box
    return np.array([left + right, top + bottom]) / 2 + LAYOUT * [right - left, bottom - top]
