"""Faces followed through a video from their own last landmarks, without a detector, and smoothed.

The filter is the one-euro filter (Casiez et al., "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input
in Interactive Systems", 2012): strong smoothing while a point rests, little while it moves.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from src.boxes import KINDS, box_of_points, check_boxes, crop_of_box, crop_of_picture
from src.devices import thread_limit
from src.errors import InputError
from src.predict.predictor import Predictor
from src.predict.search import crop_region

# From the last place to the places around it where a lost face is looked for, in shares of the crop's side.
_STEPS = 0.2 * np.array([(x, y, 0) for y in (-1, 0, 1) for x in (-1, 0, 1)])


@dataclass(frozen=True)
class Smoothing:
    """Settings of the one-euro filter for points in shares of the crop's side."""

    min_cutoff: float = 1.0  # Hz, of a resting point: lower rests more quietly
    speed_factor: float = 30.0  # Hz per (crop side / s), the paper's beta: higher lags less behind movement
    speed_cutoff: float = 1.0  # Hz, of the speed's own low-pass; the paper's value


class OneEuroFilter:
    """Smooths an array of coordinates, each by itself. The first value passes unchanged."""

    def __init__(self, smoothing: Smoothing) -> None:
        self.smoothing = smoothing
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def __call__(self, value: np.ndarray, seconds: float) -> np.ndarray:
        """The smoothed value, `seconds` (> 0) after the one before. All calls take the same shape."""
        if self._value is None:
            self._value, self._speed = value, np.zeros_like(value)
            return value
        if not seconds > 0:
            raise ValueError(f"expected time to go on between two values, found {seconds} s")
        speed = (value - self._value) / seconds
        self._speed = _low_pass(self._speed, speed, self.smoothing.speed_cutoff, seconds)
        cutoff = self.smoothing.min_cutoff + self.smoothing.speed_factor * np.abs(self._speed)
        self._value = _low_pass(self._value, value, cutoff, seconds)
        return self._value


@dataclass(frozen=True)
class Track:
    """A face in one frame. points_image (68, 2), in pixels, is None while the face is lost."""

    points_image: np.ndarray | None
    score: float

    @property
    def is_lost(self) -> bool:
        return self.points_image is None


class Tracker:
    """Follows the face that `box` (left, top, right, bottom in pixels) shows in the first frame; None: the whole frame.

    The face is lost in a frame where its score is below `lost_below` or its points leave the picture. It is then looked
    for around its last place and at the first frame's box until a score of `found_above` finds it again.
    """

    def __init__(
        self,
        predictor: Predictor,
        box: np.ndarray | None = None,
        *,
        smoothing: Smoothing | None = Smoothing(),
        lost_below: float = 0.1,
        found_above: float = 0.5,
    ) -> None:
        if not 0 <= lost_below <= found_above <= 1:
            raise InputError(f"expected 0 <= lost_below <= found_above <= 1, found {lost_below} and {found_above}")
        self.predictor, self.box, self.smoothing = predictor, box, smoothing
        self.lost_below, self.found_above = lost_below, found_above
        self._crop: np.ndarray | None = None  # (3,) around the last landmarks; None before the first
        self._filter: OneEuroFilter | None = None  # None while there is nothing to go on from
        self._is_lost = True

    def update(self, picture: Image.Image, seconds: float) -> Track:
        """The face in the next RGB frame, `seconds` after the one before (of no meaning in the first frame)."""
        crops = self._places(picture) if self._is_lost else self._crop[None]
        with thread_limit(self.predictor.threads):
            found = self.predictor.search.at_roll([crop_region(picture, crop) for crop in crops])
        best = int(found.score.argmax())
        points_image, score = found.points_image[best], float(found.score[best])
        needed = self.found_above if self._is_lost else self.lost_below
        if score < needed or not _is_inside(points_image, picture):
            self._is_lost = True
            return Track(None, score)
        self._crop = crop_of_box(box_of_points(points_image), KINDS["landmarks"])
        if self._is_lost:
            self._is_lost, self._unit = False, self._crop[2]
            self._filter = OneEuroFilter(self.smoothing) if self.smoothing is not None else None
        if self._filter is not None:
            points_image = self._filter(points_image / self._unit, seconds) * self._unit
        return Track(points_image, score)

    def _places(self, picture: Image.Image) -> np.ndarray:
        """Crops (N, 3) in which a lost face may be."""
        if self.box is None:
            first = crop_of_picture(*picture.size)
        else:
            first = crop_of_box(check_boxes(self.box, *picture.size)[0], self.predictor.box_kind)
        if self._crop is None:
            return first[None]
        return np.concatenate([first[None], self._crop + self._crop[2] * _STEPS])


def _low_pass(old: np.ndarray, new: np.ndarray, cutoff: float | np.ndarray, seconds: float) -> np.ndarray:
    """Exponential smoothing of a first-order low-pass filter with its cutoff in Hz."""
    weight = 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))
    return old + weight * (new - old)


def _is_inside(points_image: np.ndarray, picture: Image.Image) -> bool:
    """Whether the points' center lies in the picture and they spread over some pixels."""
    left, top, right, bottom = box_of_points(points_image)
    spread = min(right - left, bottom - top)
    return 0 < left + right < 2 * picture.width and 0 < top + bottom < 2 * picture.height and spread >= 4
