"""What is known of a face that is followed through a video: its last points, where it moves, where it should be."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from src.boxes import KINDS, box_of_points
from src.demo.appearance import appearance
from src.demo.smoothing import OneEuroFilter, Smoothing
from src.pose import in_plane_rotation
from src.predict.detector import overlaps
from src.predict.face import Face, make_face, pose_of_points
from src.predict.search import Region, crop_region
from src.predict.turns import view_of_points

SAME_FACE = 0.4  # IoU of boxes: two tracks that landed on one face, or a detection of a followed one
_COASTING = 25  # frames for which a lost face is expected to move on
_KEPT = 0.7  # of the old velocity in the new one
_BLANK = 2.0  # gray levels: the standard deviation within a face's box below which there is none
_TILTED = 30.0  # degrees between a head and its view: then the view turns after it


@dataclass
class Followed:
    """start: where it was given; points (68, 2): its last, unsmoothed, in pixels, None before any."""

    number: int
    start: Region | None = None
    points: np.ndarray | None = None
    before: np.ndarray | None = None  # the points of the frame before
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))  # pixels per frame
    surprise: float = 0.0  # pixels between the last points and where they were expected
    roll: float = 0.0  # degrees, of its view
    head_roll: float = 0.0  # degrees, of the head itself
    score: float = 0.0
    lost_for: int = 1  # frames, 0 while it is seen
    looks: np.ndarray | None = None  # its appearance in the frame before
    smooth: OneEuroFilter | None = None
    unit: float = 1.0  # pixels of the filter's unit

    @property
    def is_seen(self) -> bool:
        return self.lost_for == 0

    @property
    def expected(self) -> np.ndarray:
        """(68, 2) where its points should be now."""
        return self.points + self.velocity * (1 + min(self.lost_for, _COASTING))

    @property
    def size(self) -> float:
        """The longer side of its points' box, in pixels."""
        return float(np.ptp(self.points, axis=0).max())

    def begin(self, points: np.ndarray, score: float, roll: float, smoothing: Smoothing | None) -> None:
        """Take the points (68, 2) of a face that was not seen in the frame before."""
        self.points, self.velocity, self.looks = None, np.zeros(2), None
        self.smooth = OneEuroFilter(smoothing) if smoothing is not None else None
        self.unit = float(np.sqrt(np.ptp(points, axis=0).prod())) / KINDS["landmarks"].share
        self.go_on(points, score, roll)

    def go_on(self, points: np.ndarray, score: float, roll: float) -> None:
        """Take the points (68, 2) of the next frame."""
        if self.points is not None:
            self.surprise = float(np.linalg.norm((points - self.expected).mean(axis=0)))
            step = (points - self.points).mean(axis=0)
            self.velocity = _KEPT * self.velocity + (1 - _KEPT) * step
        self.before, self.points, self.score, self.lost_for = self.points, points, score, 0
        self.head_roll = whole = float(in_plane_rotation(pose_of_points(points, roll)))
        is_off = abs((whole - roll + 180) % 360 - 180) > _TILTED
        self.roll = (whole if abs(whole) > _TILTED else 0.0) if is_off else roll

    def likeness(self, picture: Image.Image) -> float:
        """The correlation of how it looks in this frame and in the frame before; NaN if either shows only a part of it,
        and in the frame after it was found."""
        is_whole = ((self.points >= 0) & (self.points <= picture.size)).all()
        before, self.looks = self.looks, appearance(picture, self.points, self.head_roll) if is_whole else None
        return np.nan if before is None or self.looks is None else float((before * self.looks).sum())

    def region(self, picture: Image.Image) -> Region:
        """The crop around its place: the expected one while it is seen, the last one afterwards."""
        place = self.expected if self.is_seen else self.points
        x, y, side, roll = view_of_points(place, KINDS["landmarks"], self.roll)
        return crop_region(picture, np.array([x - side / 2, y - side / 2, side]), float(roll))

    def face(self, picture: Image.Image, seconds: float) -> Face:
        """The face as it is drawn, with smoothed points, `seconds` after the frame before."""
        points = self.points
        if self.smooth is not None:
            points = self.smooth(points / self.unit, seconds) * self.unit
        return make_face(points, self.score, self.roll, self.region(picture))


def is_same(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether points (68, 2) and (68, 2) lie on one face."""
    return bool(overlaps(box_of_points(first), box_of_points(second)[None])[0] > SAME_FACE)


def distance(expected: np.ndarray, points: np.ndarray) -> float:
    """Between two faces' centers, in sizes of the larger one; infinite if one is more than twice as large."""
    sizes = [np.sqrt(np.ptp(each, axis=0).prod()) for each in (expected, points)]
    if max(sizes) > 2 * min(sizes):
        return np.inf
    return float(np.linalg.norm((points - expected).mean(axis=0)) / max(sizes))


def is_inside(points: np.ndarray, picture: Image.Image) -> bool:
    """Whether the points' center lies in the picture and they spread over some pixels."""
    left, top, right, bottom = box_of_points(points)
    spread = min(right - left, bottom - top)
    return 0 < left + right < 2 * picture.width and 0 < top + bottom < 2 * picture.height and spread >= 4


def is_blank(points: np.ndarray, picture: Image.Image) -> bool:
    """Whether the box of points (68, 2), which are inside a picture, holds nothing but one shade, as after a fade to
    black: there the network's looks agree, so that what they see scores 0.14."""
    low, high = np.split(box_of_points(points), 2)
    low, high = np.floor(low.clip(0)), np.ceil(high.clip(max=picture.size))
    return float(np.asarray(picture.crop((*low, *high)).convert("L")).std()) < _BLANK
