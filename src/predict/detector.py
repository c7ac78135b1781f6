"""Faces in whole pictures by BlazeFace (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs", 2019): its back-camera network's decoding, non-maximum suppression, and tiles for small faces.

A detector is anything with `detect` and a `kind`; `BlazeFace` takes the network as a function, so that it works with
every runtime (`src.predict.detector_file`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from src.boxes import BoxKind, crop_of_picture, cut_crop

_INPUT = 256  # pixels
_GRIDS = ((16, 2), (8, 6))  # cells per side and anchors per cell of the network's two maps: 896 anchors
LEAST_SCORE, OVERLAP = 0.5, 0.3  # minimum score of a detection; maximum IoU of two faces' boxes
LEAST_IN_TILES = 0.65  # minimum score in tiles, where nearly all faces score higher, and most false ones lower
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3  # the person's, among the six points of a detection
TILTED = 30.0  # degrees: smaller rolls are left to the landmark network
SMALLEST_TILE = 256  # pixels: the network's input, so smaller tiles would be enlarged
SURE = 0.75  # score in the whole picture: few faces score lower while upright, and nearly all things that are none
SMALL_FACE = 0.15  # of the side of what the network saw: one of ten faces that are a little smaller is missed

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # (256, 256, 3) in [-1, 1] -> (896, 16), (896,)


@dataclass(frozen=True)
class Detections:
    """boxes (N, 4) left, top, right, bottom in pixels; score (N,) in [0, 1]; roll (N,) degrees, 0 where it is small."""

    boxes: np.ndarray
    score: np.ndarray
    roll: np.ndarray


class Detector(Protocol):
    """The interface that `Predictor` needs to find the faces of a picture. kind: what its boxes enclose."""

    kind: BoxKind

    def detect(self, picture: Image.Image, *, tiles: bool | None = False) -> Detections:
        """The faces of an RGB picture, highest score first. tiles: also look for small ones; None: only if there may
        be some."""


def detect_upside_down(detector: Detector, picture: Image.Image, *, tiles: bool | None = False) -> Detections:
    """The upside-down faces of a picture, found by turning it: detectors miss faces turned by more than 100 degrees."""
    found = detector.detect(picture.transpose(Image.Transpose.ROTATE_180), tiles=tiles)
    boxes = (np.array(picture.size * 2) - found.boxes)[:, [2, 3, 0, 1]]
    return Detections(boxes, found.score, found.roll + 180)


class BlazeFace:
    """network: the back-camera model."""

    kind = BoxKind(0.556, (0.50, 0.541))

    def __init__(self, network: Network) -> None:
        self.network = network

    def detect(self, picture: Image.Image, *, tiles: bool | None = False) -> Detections:
        points, score = np.empty((0, 8, 2)), np.empty(0)  # (N, 8, 2): left top, right bottom, six points
        for crops in ([crop_of_picture(*picture.size)], *_tiles(*picture.size)):
            least = LEAST_SCORE if len(crops) == 1 else LEAST_IN_TILES
            parts = [self._detect_in(picture, crop, least) for crop in crops]
            points = np.concatenate([points, *(points for points, _ in parts)])
            score = np.concatenate([score, *(score for _, score in parts)])
            if not (_may_be_smaller(points, score, crops) if tiles is None else tiles):
                break
        kept = non_maximum_suppression(points[:, :2].reshape(-1, 4), score, OVERLAP)
        return Detections(points[kept, :2].reshape(-1, 4), score[kept], _roll(points[kept, 2:]))

    def _detect_in(self, picture: Image.Image, crop: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 8, 2) in pixels of the picture and scores (N,), of at least `least`, of the candidates in a crop
        (3,)."""
        square = cut_crop(picture, crop, _INPUT)
        raw, logits = self.network(square.astype(np.float32) / 127.5 - 1)
        score = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
        sure = score >= least
        numbers = raw[sure].reshape(-1, 8, 2).astype(np.float64) / _INPUT  # center, size, six points
        center, size = numbers[:, 0], numbers[:, 1]
        offsets = np.concatenate([(center - size / 2)[:, None], (center + size / 2)[:, None], numbers[:, 2:]], axis=1)
        return (offsets + _ANCHORS[sure, None]) * crop[2] + crop[:2], score[sure]


def non_maximum_suppression(boxes: np.ndarray, score: np.ndarray, overlap: float) -> np.ndarray:
    """Indices of the boxes (N, 4) to keep, best score first: each overlaps every better one by at most this IoU."""
    kept: list[int] = []
    for i in np.argsort(-score, kind="stable"):
        if not kept or overlaps(boxes[i], boxes[kept]).max() <= overlap:
            kept.append(int(i))
    return np.array(kept, int)


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of a box (4,) with boxes (N, 4)."""
    shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(shared, 0).prod(axis=-1)
    area, areas = (box[2:] - box[:2]).prod(), (boxes[:, 2:] - boxes[:, :2]).prod(axis=-1)
    return shared / np.maximum(area + areas - shared, 1e-9)


def _anchors() -> np.ndarray:
    """Centers (896, 2) of the anchors in the unit square, row by row."""
    centers = []
    for cells, count in _GRIDS:
        ticks = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        centers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(centers)


_ANCHORS = _anchors()


def _roll(points: np.ndarray) -> np.ndarray:
    """Counterclockwise roll (N,) in degrees from a detection's points (N, 6, 2), 0 where it is small.

    It is the direction from the midpoint of the eyes to the mouth, which stays reliable in profile.
    """
    down = points[:, _MOUTH] - points[:, [_RIGHT_EYE, _LEFT_EYE]].mean(axis=1)
    roll = np.degrees(np.arctan2(down[:, 0], down[:, 1]))
    return np.where(np.abs(roll) < TILTED, 0.0, roll)


def _may_be_smaller(points: np.ndarray, score: np.ndarray, crops: list[np.ndarray]) -> bool:
    """Whether to look closer than in crops (each (3,), of one size) in which these points (N, 8, 2) were found: if one
    of the faces is small, or if the whole picture shows none for sure."""
    is_small = (points[:, 1] - points[:, 0] < SMALL_FACE * crops[0][2]).all(axis=1)
    return bool(is_small.any() or (len(crops) == 1 and not (score >= SURE).any()))


def _tiles(width: int, height: int) -> Iterator[list[np.ndarray]]:
    """Square crops (3,) that overlap by half: those with half of the picture's longer side, then those with a quarter.

    Crops smaller than the network's input are left out.
    """
    for side in (max(width, height) / 2, max(width, height) / 4):
        if side >= SMALLEST_TILE:
            lefts, tops = (tile_starts(length, side, side / 2) for length in (width, height))
            yield [np.array([left, top, side]) for top in tops for left in lefts]


def tile_starts(length: int, side: float, step: float) -> np.ndarray:
    """Where tiles begin along one axis, at most `step` apart; a tile longer than the picture is centered."""
    if side >= length:
        return np.array([(length - side) / 2])
    return np.linspace(0, length - side, int(np.ceil((length - side) / step)) + 1)
