"""Faces tracked through a video: from their own last landmarks, and by a detector where they appear.

A face keeps its number while it can be tracked, and when it comes back near the place where it should be. After a cut
landmarks alone cannot say who is who: with a detector, every face gets a new number there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from src.boxes import KINDS, box_of_points, check_boxes, crop_of_picture
from src.demo.smoothing import OneEuroFilter, Smoothing
from src.errors import InputError
from src.pose import in_plane_rotation
from src.predict.detector import SMALL_FACE, overlaps
from src.predict.face import Face, make_face, pose_of_points
from src.predict.predictor import Predictor
from src.predict.search import Region, crop_region
from src.predict.turns import view_of_points

# From the last place to the places around it where a lost face is looked for without a detector, in crop sides.
_STEPS = 0.2 * np.array([(x, y, 0) for y in (-1, 0, 1) for x in (-1, 0, 1)])
_CUT = 0.15  # of the brightness range: the mean change of a small copy of the frame between two shots
_SMALL = (32, 32)  # pixels of that copy
_SAME_FACE = 0.4  # IoU of boxes: two tracks that landed on one face, or a detection of a followed one
_NEAR = 1.5  # face sizes: a face that comes back this close to where it should be is the same
_COASTING = 25  # frames for which a lost face is expected to move on
_KEPT = 0.7  # of the old velocity in the new one
_TILTED = 30.0  # degrees between a head and its view: then the view turns after it
_HURRY = 50  # frames after a loss in which the detector runs every time: a face passes behind another in two seconds
_CLOSER = 2  # of so many regular detections, one looks for small faces, too, which may take up to sixty times as long
_AROUND = 2.5  # face sizes from the place of a small lost face to the ends of the square in which it is looked for
_FORGOTTEN = 250  # frames after which a lost face that was detected is given up
_SMOOTHING = Smoothing()


@dataclass(frozen=True)
class Track:
    """A face in one frame, by its number; face is None while it is lost."""

    number: int
    face: Face | None
    score: float

    @property
    def is_lost(self) -> bool:
        return self.face is None


@dataclass
class _Followed:
    """What is known of a face. start: where it was given; points (68, 2): its last, unsmoothed, None before any."""

    number: int
    start: Region | None = None
    points: np.ndarray | None = None
    before: np.ndarray | None = None  # the points of the frame before
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))  # pixels a frame
    surprise: float = 0.0  # pixels between the last points and where they were expected
    roll: float = 0.0  # degrees, of its view
    score: float = 0.0
    lost_for: int = 1  # frames, 0 while it is seen
    smooth: OneEuroFilter | None = None
    unit: float = 1.0  # pixels of the filter's unit

    @property
    def expected(self) -> np.ndarray:
        """(68, 2) where its points should be now."""
        return self.points + self.velocity * (1 + min(self.lost_for, _COASTING))


class Tracker:
    """Follows the faces of a video.

    starts: what is known of the first frame: boxes (N, 4) in pixels; "crop" where the frame shows one face and nothing
    else; None to detect. detect: faces are also detected in the first frame, every `every` frames, after a cut, after
    a loss and while none is seen; without it a lost face is looked for around its last place and at its start. tiles:
    look for small faces in all of these frames, or in none; None looks closer as `Predictor.faces` does, but only in
    the first frame, after a cut and in every second of the regular detections. A face is lost in a frame where its
    score is below `lost_below`, or its points leave the picture or land on another face; a score of `found_above` finds
    it again. Raises InputError for boxes that do not fit, and where the detector is missing.
    """

    def __init__(
        self,
        predictor: Predictor,
        starts: np.ndarray | Sequence | str | None = None,
        *,
        detect: bool = True,
        every: int = 12,
        tiles: bool | None = None,
        smoothing: Smoothing | None = _SMOOTHING,
        lost_below: float = 0.1,
        found_above: float = 0.5,
    ) -> None:
        if not 0 <= lost_below <= found_above <= 1:
            raise InputError(f"expected 0 <= lost_below <= found_above <= 1, found {lost_below} and {found_above}")
        if every < 1:
            raise InputError(f"expected a detection every 1 frames or more, found {every}")
        self.predictor, self.starts, self.smoothing = predictor, starts, smoothing
        self.every, self.tiles = every, tiles
        self.lost_below, self.found_above = lost_below, found_above
        self.detector = predictor.detector if detect else None
        self.cuts: list[int] = []  # frames that begin another shot
        self._frame, self._numbers = -1, 0
        self._faces: list[_Followed] = []
        self._small: np.ndarray | None = None

    def update(self, picture: Image.Image, seconds: float) -> list[Track]:
        """The faces of the next RGB frame, `seconds` after the one before (of no meaning in the first frame)."""
        self._frame += 1
        is_first, is_cut = self._frame == 0, self._is_cut(picture)
        if is_first:
            self._faces = [_Followed(self._next_number(), region) for region in self._given(picture)]
        if is_cut:
            self.cuts.append(self._frame)
            self._end_shot()
        self._follow(picture)
        if self.detector is None or is_first:
            self._look_around(picture)
        lost_for = [face.lost_for for face in self._faces]
        is_missing = all(lost_for) or any(1 <= frames <= _HURRY for frames in lost_for)
        if self.detector is not None and (is_cut or self._frame % self.every == 0):
            is_closer = is_cut or self._frame % (_CLOSER * self.every) == 0
            self._detect(picture, tiles=self.tiles if is_closer else bool(self.tiles))
        elif self.detector is not None and is_missing:
            self._detect(picture, tiles=bool(self.tiles), part=self._part_of_lost(picture))
        self._faces = [face for face in self._faces if face.start is not None or face.lost_for < _FORGOTTEN]
        return [self._track(face, picture, seconds) for face in self._faces]

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers - 1

    def _given(self, picture: Image.Image) -> list[Region]:
        if self.starts is None:
            return []
        if isinstance(self.starts, str):
            return [crop_region(picture, crop_of_picture(*picture.size))]
        return [Region(picture, box, self.predictor.box_kind) for box in check_boxes(self.starts, *picture.size)]

    def _is_cut(self, picture: Image.Image) -> bool:
        small = np.asarray(picture.resize(_SMALL, Image.Resampling.BOX, reducing_gap=2.0), np.float32) / 255
        before, self._small = self._small, small
        return before is not None and bool(np.abs(small - before).mean() > _CUT)

    def _end_shot(self) -> None:
        if self.detector is not None:
            self._faces = []
        for face in self._faces:
            face.lost_for = max(face.lost_for, 1)

    def _follow(self, picture: Image.Image) -> None:
        """Find the seen faces where they should be now; of two that land on one face, the less expected one is lost."""
        seen = [face for face in self._faces if face.lost_for == 0]
        regions = [_region_around(picture, face) for face in seen]
        found = self.predictor.search.at_roll(regions) if seen else None
        for face in self._faces:
            face.lost_for += face.lost_for > 0
        for i, face in enumerate(seen):
            points, face.score = found.points_image[i], float(found.score[i])
            if face.score < self.lost_below or not _is_inside(points, picture):
                face.lost_for = 1
            else:
                self._accept(face, points, face.score, face.roll)
        for i, first in enumerate(seen):
            for second in seen[i + 1 :]:
                if first.lost_for == second.lost_for == 0 and _is_same(first.points, second.points):
                    loser = max(first, second, key=lambda face: face.surprise)
                    loser.points, loser.lost_for = loser.before, 1

    def _look_around(self, picture: Image.Image) -> None:
        """Look for lost faces at their start and around their last place."""
        for face in [face for face in self._faces if face.lost_for > 0]:
            regions = [Region(picture, face.start.box, face.start.kind)] if face.start else []
            if face.points is not None:
                around = _region_around(picture, face)
                left, top, right, _ = around.box
                crops = np.array([left, top, right - left]) + (right - left) * _STEPS
                regions += [crop_region(picture, crop, face.roll) for crop in crops]
            search = self.predictor.search if face.points is None else self.predictor.search.at_roll
            found = search(regions)
            best = int(found.score.argmax())
            face.score = float(found.score[best])
            self._take(face, found.points_image[best], face.score, found.roll[best], picture=picture)

    def _part_of_lost(self, picture: Image.Image) -> tuple[int, int, int, int] | None:
        """A square around the place where one of the lost faces, in turn, should be; None if that face is large."""
        lost = [face for face in self._faces if 1 <= face.lost_for <= _HURRY and face.points is not None]
        if not lost:
            return None
        expected = lost[self._frame % len(lost)].expected
        size = np.ptp(expected, axis=0).max()
        if size >= SMALL_FACE * max(picture.size):
            return None
        low = np.round(expected.mean(axis=0) - _AROUND * size).astype(int)
        return *low, *(low + round(2 * _AROUND * size))

    def _detect(
        self, picture: Image.Image, *, tiles: bool | None, part: tuple[int, int, int, int] | None = None
    ) -> None:
        """Look for faces that are not followed, perhaps in a part of the picture, and number them as before or anew."""
        detections = self.detector.detect(picture.crop(part) if part else picture, tiles=tiles)
        corner = np.array(part[:2] * 2 if part else (0, 0, 0, 0))
        seen = [box_of_points(face.points) for face in self._faces if face.lost_for == 0]
        regions = [
            Region(picture, box, self.detector.kind, float(roll))
            for box, roll in zip(detections.boxes + corner, detections.roll, strict=True)
            if not seen or overlaps(box, np.stack(seen)).max() <= _SAME_FACE
        ]
        found = self.predictor.search(regions)
        for points, score, roll in zip(found.points_image, found.score, found.roll, strict=True):
            lost = [face for face in self._faces if face.lost_for > 0 and face.points is not None]
            known = min(lost, key=lambda face: _distance(face.expected, points), default=None)
            if known is None or _distance(known.expected, points) > _NEAR:
                known = _Followed(-1)
            if self._take(known, points, float(score), float(roll), picture=picture) and known.number < 0:
                known.number = self._next_number()
                self._faces.append(known)

    def _take(self, face: _Followed, points: np.ndarray, score: float, roll: float, *, picture: Image.Image) -> bool:
        """Accept points for a lost or new face, unless they are doubtful or lie on a face that is followed already."""
        others = (other.points for other in self._faces if other.lost_for == 0)
        is_new = not any(_is_same(points, other) for other in others)
        if score < self.found_above or not is_new or not _is_inside(points, picture):
            return False
        face.points, face.velocity = None, np.zeros(2)
        face.smooth = OneEuroFilter(self.smoothing) if self.smoothing is not None else None
        face.unit = float(np.sqrt(np.ptp(points, axis=0).prod())) / KINDS["landmarks"].share
        self._accept(face, points, score, roll)
        return True

    def _accept(self, face: _Followed, points: np.ndarray, score: float, roll: float) -> None:
        if face.points is not None:
            face.surprise = float(np.linalg.norm((points - face.expected).mean(axis=0)))
            step = (points - face.points).mean(axis=0)
            face.velocity = _KEPT * face.velocity + (1 - _KEPT) * step
        face.before, face.points, face.score, face.lost_for = face.points, points, score, 0
        whole = in_plane_rotation(pose_of_points(points, roll))
        is_off = abs((whole - roll + 180) % 360 - 180) > _TILTED
        face.roll = (whole if abs(whole) > _TILTED else 0.0) if is_off else roll

    def _track(self, face: _Followed, picture: Image.Image, seconds: float) -> Track:
        if face.lost_for > 0:
            return Track(face.number, None, face.score)
        points = face.points
        if face.smooth is not None:
            points = face.smooth(points / face.unit, seconds) * face.unit
        return Track(face.number, make_face(points, face.score, face.roll, _region_around(picture, face)), face.score)


def _region_around(picture: Image.Image, face: _Followed) -> Region:
    x, y, side, roll = view_of_points(
        face.expected if face.lost_for == 0 else face.points, KINDS["landmarks"], face.roll
    )
    return crop_region(picture, np.array([x - side / 2, y - side / 2, side]), float(roll))


def _is_same(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(overlaps(box_of_points(first), box_of_points(second)[None])[0] > _SAME_FACE)


def _distance(expected: np.ndarray, points: np.ndarray) -> float:
    """Between two faces' centers, in sizes of the larger one; infinite where one is more than twice as large."""
    sizes = [np.sqrt(np.ptp(each, axis=0).prod()) for each in (expected, points)]
    if max(sizes) > 2 * min(sizes):
        return np.inf
    return float(np.linalg.norm((points - expected).mean(axis=0)) / max(sizes))


def _is_inside(points: np.ndarray, picture: Image.Image) -> bool:
    """Whether the points' center lies in the picture and they spread over some pixels."""
    left, top, right, bottom = box_of_points(points)
    spread = min(right - left, bottom - top)
    return 0 < left + right < 2 * picture.width and 0 < top + bottom < 2 * picture.height and spread >= 4
