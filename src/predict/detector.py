"""Faces in whole pictures by BlazeFace (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs", 2019): its back-camera network's decoding, non-maximum suppression, and tiles for small faces.

A detector is anything with `detect` and a `kind`; `BlazeFace` takes the network as a function, so that it works with
every runtime (`src.predict.detector_file`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from PIL import Image

from src.boxes import BoxKind, crop_of_picture, cut_crop

_INPUT = 256  # pixels
_GRIDS = ((16, 2), (8, 6))  # cells per side and anchors per cell of the network's two maps: 896 anchors
LEAST_SCORE, OVERLAP = 0.5, 0.3  # minimum score of a detection; maximum IoU of two faces' boxes
LEAST_IN_TILES = 0.65  # minimum score in tiles, where nearly all faces score higher, and most false ones lower
TRACE = 0.2  # score: nearly all pictures in which a face is missed show one, and a third of the others
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3  # the person's, among the six points of a detection
TILTED = 30.0  # degrees: smaller rolls are left to the landmark network
SMALLEST_TILE = 256  # pixels: the network's input, so smaller tiles would be enlarged
LEVELS = 3  # how closely to look: at the whole picture, at tiles with half of its longer side, and with a quarter
SURE = 0.75  # score: few faces score lower while upright, and nearly all things that are none
SMALL_FACE = 0.15  # of the side of what the network saw: one of ten faces that are a little smaller is missed
LARGE_PICTURE = 1000  # pixels of the longer side, in which the network may miss even faces of 150 pixels

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # (256, 256, 3) in [-1, 1] -> (896, 16), (896,)


@dataclass(frozen=True)
class Detections:
    """boxes (N, 4) left, top, right, bottom in pixels; score (N,) in [0, 1]; roll (N,) degrees, 0 where it is small.

    has_traces: whether something scored a little too low for a face; True also where that is not known.
    """

    boxes: np.ndarray
    score: np.ndarray
    roll: np.ndarray
    has_traces: bool = True


class Detector(Protocol):
    """The interface that `Predictor` needs to find the faces of a picture. kind: what its boxes enclose."""

    kind: BoxKind

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        """The faces of an RGB picture, highest score first. level: 0 looks at the whole picture, 1 and 2 (`LEVELS`)
        look for small faces from closer by."""


def detect_upside_down(detector: Detector, picture: Image.Image, *, level: int) -> Detections:
    """The upside-down faces of a picture, found by turning it: detectors miss faces turned by more than 100 degrees."""
    found = detector.detect(picture.transpose(Image.Transpose.ROTATE_180), level=level)
    boxes = (np.array(picture.size * 2) - found.boxes)[:, [2, 3, 0, 1]]
    return replace(found, boxes=boxes, roll=found.roll + 180)


def needs_closer_look(
    found: Detections, picture: Image.Image, level: int, *, tiles: bool | None, is_sure: bool = False
) -> bool:
    """Whether the next level may show more than this one: if one of the faces found is small, or if none is sure; after
    a large picture as a whole, also if it shows traces, as small ones may stand beside a sure one. tiles: the answer,
    unless it is None. is_sure: there is one for sure, by other means than the detector's score."""
    if tiles is not None:
        return tiles
    if level == 0 and max(picture.size) >= LARGE_PICTURE and found.has_traces:
        return True
    is_small = (found.boxes[:, 2:] - found.boxes[:, :2] < SMALL_FACE * max(picture.size) / 2**level).all(axis=1)
    return bool(is_small.any() or not (is_sure or (found.score >= SURE).any()))


def only_small(found: Detections, side: float) -> Detections:
    """The detections in a square part of a picture, side pixels long, that may be small faces: as sure as in tiles, and
    less than half as long. What is larger would be seen in the whole picture, too, unless it is no face."""
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    rows = (found.score >= LEAST_IN_TILES) & (sides < side / 2)
    return replace(found, boxes=found.boxes[rows], score=found.score[rows], roll=found.roll[rows])


class BlazeFace:
    """network: the back-camera model."""

    kind = BoxKind(0.556, (0.50, 0.541))

    def __init__(self, network: Network) -> None:
        self.network = network

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        least = LEAST_SCORE if level == 0 else LEAST_IN_TILES
        parts = [self._detect_in(picture, crop, TRACE) for crop in _tiles(*picture.size, level)]
        points = np.concatenate([np.empty((0, 8, 2)), *(points for points, _ in parts)])  # (N, 8, 2)
        score = np.concatenate([np.empty(0), *(score for _, score in parts)])
        seen = non_maximum_suppression(points[:, :2].reshape(-1, 4), score, OVERLAP)
        kept = seen[score[seen] >= least]
        boxes, roll = points[kept, :2].reshape(-1, 4), _roll(points[kept, 2:])
        return Detections(boxes, score[kept], roll, has_traces=len(kept) < len(seen))

    def _detect_in(self, picture: Image.Image, crop: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 8, 2) in pixels of the picture (left top, right bottom, six points) and scores (N,), of at least
        `least`, of the candidates in a crop (3,)."""
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


def _tiles(width: int, height: int, level: int) -> list[np.ndarray]:
    """Square crops (3,) that overlap by half; at level 0, the whole picture.

    Crops smaller than the network's input are left out.
    """
    if level == 0:
        return [crop_of_picture(width, height)]
    side = max(width, height) / 2**level
    if side < SMALLEST_TILE:
        return []
    lefts, tops = (tile_starts(length, side, side / 2) for length in (width, height))
    return [np.array([left, top, side]) for top in tops for left in lefts]


def tile_starts(length: int, side: float, step: float) -> np.ndarray:
    """Where tiles begin along one axis, at most `step` apart; a tile longer than the picture is centered."""
    if side >= length:
        return np.array([(length - side) / 2])
    return np.linspace(0, length - side, int(np.ceil((length - side) / step)) + 1)
