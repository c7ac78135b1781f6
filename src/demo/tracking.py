"""Faces tracked through a video: from their own last landmarks, and by a detector where they appear.

A face keeps its number while it can be tracked, and when it comes back near the place where it should be. After a cut
landmarks alone cannot say who is who: with a detector, every face gets a new number there, unless it is in its place
and looks as before, as after a flash. A frame of another size is a cut, too, and keeps no face's number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from PIL import Image

from src.boxes import KINDS, box_of_points, check_boxes, crop_of_picture
from src.demo.appearance import SAME_PERSON
from src.demo.followed import SAME_FACE, Followed, distance, is_blank, is_inside, is_same
from src.demo.smoothing import Smoothing
from src.errors import InputError
from src.geometry import apply_affine
from src.predict.detector import LEVELS, SMALL_FACE, Detections, needs_closer_look, only_small, overlaps, tile_starts
from src.predict.face import Face
from src.predict.picture_input import Channels, Picture, read_picture
from src.predict.predictor import Predictor
from src.predict.search import Region, crop_region
from src.predict.turns import affine_of_view, cut_view, view_of_points

# From the last place to the places around it where a lost face is looked for without a detector, in crop sides.
_STEPS = 0.2 * np.array([(x, y, 0) for y in (-1, 0, 1) for x in (-1, 0, 1)])
_CUT = 0.15  # of the brightness range: the mean change of a small copy of the frame between two shots
_SMALL = (32, 32)  # pixels of that copy
_NEAR = 1.5  # face sizes: a face that comes back this close to where it should be is the same
_HURRY = 50  # frames after a loss in which the detector runs every time: a face passes behind another in two seconds
_CLOSER = 2  # of so many regular detections, one looks for small faces, too, which may take up to sixty times as long
_AROUND = 5.0  # face sizes: the side of the square in which a small lost face is looked for around its place
_FORGOTTEN = 250  # frames after which a lost face that was detected is given up
_TRUSTED = 0.7  # minimum of the higher of a new face's two scores, the detector's and its own: most false ones lack it
_VIEW = 192  # pixels: the side of the view in which the detector is asked about a doubtful face
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


class Tracker:
    """Follows the faces of a video.

    starts: what is known of the first frame: boxes (N, 4) in pixels; "crop" if the frame shows one face and nothing
    else; None to detect. detect: faces are also detected in the first frame, every `every` frames, after a cut, after a
    loss and while none is seen; without it a lost face is looked for around its last place and at its start. tiles:
    look for small faces in all of these frames, or in none; None looks closer if a detected face is small, none is
    sure, or a large frame shows a trace of another, but only in the first frame, after a cut and in every second of the
    regular detections. A face is lost in a frame if its score is below `lost_below`, or its points leave the picture or
    land on another face; a face near another one also if its score is below `found_above` and the detector does not see
    it, any face also if its score is below `found_above` and its box holds nothing but one shade. A score of
    `found_above` finds it again, and a new one of which the detector is sure; others need 0.7. Raises InputError for
    boxes that do not fit, and if the detector is missing.
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
        is_number = all(isinstance(score, Real) for score in (lost_below, found_above))
        if not (is_number and 0 <= lost_below <= found_above <= 1):
            raise InputError(f"expected 0 <= lost_below <= found_above <= 1, found {lost_below} and {found_above}")
        if not (isinstance(every, Real) and every >= 1):
            raise InputError(f"expected a detection every 1 frames or more, found {every!r}")
        if isinstance(starts, str) and starts != "crop":
            raise InputError(f"expected starts to be boxes, crop or None, found {starts!r}")
        self.predictor, self.starts, self.smoothing = predictor, starts, smoothing
        self.every, self.tiles = every, tiles
        self.lost_below, self.found_above = lost_below, found_above
        self.detector = predictor.detector if detect else None
        self.cuts: list[int] = []  # frames that begin another shot
        self._frame, self._numbers = -1, 0
        self._faces: list[Followed] = []
        self._small: np.ndarray | None = None
        self._size: tuple[int, int] | None = None

    def update(self, picture: Picture, seconds: float, *, channels: Channels = "RGB") -> list[Track]:
        """The faces of the next frame, `seconds` after the one before (of no meaning in the first frame).

        picture, channels: as for the Predictor. Raises InputError for a picture that cannot be read, for a first frame
        that the given boxes do not fit, and for a time that does not go on, which smoothing needs.
        """
        is_later = self._frame >= 0
        if is_later and self.smoothing is not None and not (isinstance(seconds, Real) and seconds > 0):
            raise InputError(f"expected more than 0 seconds since the frame before, found {seconds!r}")
        picture = read_picture(picture, channels=channels)
        self._frame += 1
        is_first, is_cut = self._frame == 0, self._is_cut(picture)
        if is_first:
            self._faces = [Followed(self._next_number(), region) for region in self._given(picture)]
        elif picture.size != self._size:  # a place in the frame before is elsewhere in this one
            is_cut = True
            if self.detector is not None:
                self._faces = []
        self._size = picture.size
        if is_cut and self.detector is None:  # every face is looked for where it was
            for face in self._faces:
                face.lost_for = max(face.lost_for, 1)
        self._follow(picture)
        if self.detector is not None:
            is_cut = self._end_shot(picture, is_cut)
        if is_cut:
            self.cuts.append(self._frame)
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
        drawn = [face.face(picture, seconds) if face.is_seen else None for face in self._faces]
        return [Track(face.number, shown, face.score) for face, shown in zip(self._faces, drawn, strict=True)]

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

    def _end_shot(self, picture: Image.Image, is_cut: bool) -> bool:
        """Whether another shot begins: the frame is_cut, or all followed faces have become other people's, as where
        the next speaker stands before the same wall. Then only faces that are surely the same are kept."""
        seen = [face for face in self._faces if face.is_seen]
        likeness = np.array([face.likeness(picture) for face in seen])
        is_sure = np.array([face.score >= self.found_above for face in seen], bool)
        is_cut = is_cut or (len(seen) > 0 and bool((is_sure & (likeness < SAME_PERSON)).all()))
        if is_cut:
            self._faces = [seen[i] for i in np.flatnonzero(is_sure & (likeness >= SAME_PERSON))]
        return is_cut

    def _follow(self, picture: Image.Image) -> None:
        """Find the seen faces where they should be now; of two that land on one face, the less expected one is lost."""
        seen = [face for face in self._faces if face.is_seen]
        found = self.predictor.search.at_roll([face.region(picture) for face in seen]) if seen else None
        for face in self._faces:
            face.lost_for += not face.is_seen
        for i, face in enumerate(seen):
            points, face.score = found.points_image[i], float(found.score[i])
            others = np.delete(found.points_image, i, axis=0)
            is_lost = face.score < self.lost_below or not is_inside(points, picture)
            if not is_lost and face.score < self.found_above:
                is_lost = is_blank(points, picture) or self._is_covered(picture, points, face.roll, others)
            if is_lost:
                face.lost_for = 1
            else:
                face.go_on(points, face.score, face.roll)
        for i, first in enumerate(seen):
            for second in seen[i + 1 :]:
                if first.is_seen and second.is_seen and is_same(first.points, second.points):
                    loser = max(first, second, key=lambda face: face.surprise)
                    loser.points, loser.lost_for = loser.before, 1

    def _is_covered(self, picture: Image.Image, points: np.ndarray, roll: float, others: np.ndarray) -> bool:
        """Whether a doubtful face passes behind one of the others (N, 68, 2): it is near, and the detector does not see
        it in a close, upright view. Its points would slide over hair and shoulders until their score is low."""
        if self.detector is None or min((distance(points, other) for other in others), default=np.inf) > _NEAR:
            return False
        view = view_of_points(points, KINDS["landmarks"], roll)
        box = box_of_points(_VIEW * apply_affine(affine_of_view(view), points))
        boxes = self.detector.detect(Image.fromarray(cut_view(picture, view, _VIEW))).boxes
        return not (overlaps(box, boxes) > SAME_FACE).any()

    def _look_around(self, picture: Image.Image) -> None:
        """Look for lost faces at their start and around their last place."""
        for face in [face for face in self._faces if not face.is_seen]:
            regions = [Region(picture, face.start.box, face.start.kind)] if face.start else []
            if face.points is not None:
                around = face.region(picture)
                left, top, right, _ = around.box
                crops = np.array([left, top, right - left]) + (right - left) * _STEPS
                regions += [crop_region(picture, crop, face.roll) for crop in crops]
            search = self.predictor.search if face.points is None else self.predictor.search.at_roll
            found = search(regions)
            best = int(found.score.argmax())
            face.score = float(found.score[best])
            self._take(face, found.points_image[best], face.score, found.roll[best], picture=picture)

    def _part_of_lost(self, picture: Image.Image) -> tuple[int, int, int, int] | None:
        """A square in which one of the lost faces, in turn, may come back; None if that face is large.

        It lies around the place where the face should be. If that is outside the picture, the face may come back over
        any edge: the square moves over the whole picture, frame by frame.
        """
        lost = [face for face in self._faces if 1 <= face.lost_for <= _HURRY and face.points is not None]
        if not lost:
            return None
        turn, i = divmod(self._frame, len(lost))
        face = lost[i]
        if face.size >= SMALL_FACE * max(picture.size):
            return None
        if is_inside(face.expected, picture):
            side = round(_AROUND * face.size)
            left, top = np.round(face.expected.mean(axis=0) - side / 2).astype(int)
        else:
            side = int(face.size / SMALL_FACE)
            step = side - round(face.size)
            columns, rows = (tile_starts(length, side, step).clip(0).round().astype(int) for length in picture.size)
            left, top = columns[turn % len(columns)], rows[turn // len(columns) % len(rows)]
        return left, top, left + side, top + side

    def _detect(
        self, picture: Image.Image, *, tiles: bool | None, part: tuple[int, int, int, int] | None = None
    ) -> None:
        """Look for faces that are not followed, and number them as before or anew. part: a square in which to look for
        small faces alone."""
        shown = picture.crop(part) if part else picture
        corner = np.array(part[:2] * 2 if part else (0, 0, 0, 0))
        for level in range(LEVELS):
            detections = self.detector.detect(shown, level=level)
            if part:
                detections = only_small(detections, shown.width)
            self._add(picture, replace(detections, boxes=detections.boxes + corner))
            if not needs_closer_look(detections, shown, level, tiles=tiles):
                break

    def _add(self, picture: Image.Image, detections: Detections) -> None:
        """Take the faces of detections, unless they are followed already, and number them as before or anew."""
        seen = np.reshape([box_of_points(face.points) for face in self._faces if face.is_seen], (-1, 4))
        rows = [i for i, box in enumerate(detections.boxes) if not (overlaps(box, seen) > SAME_FACE).any()]
        found = self.predictor.search(
            [Region(picture, detections.boxes[i], self.detector.kind, float(detections.roll[i])) for i in rows]
        )
        for i, points, score, roll in zip(rows, found.points_image, found.score, found.roll, strict=True):
            lost = [face for face in self._faces if not face.is_seen and face.points is not None]
            known = min(lost, key=lambda face: distance(face.expected, points), default=None)
            if known is None or distance(known.expected, points) > _NEAR:
                known = Followed(-1)
            is_new = known.number < 0
            if is_new and max(score, detections.score[i]) < _TRUSTED:
                continue
            if self._take(known, points, float(score), float(roll), picture=picture) and is_new:
                known.number = self._next_number()
                self._faces.append(known)

    def _take(self, face: Followed, points: np.ndarray, score: float, roll: float, *, picture: Image.Image) -> bool:
        """Accept points for a lost or new face, unless they are doubtful or lie on a face that is followed already."""
        is_new = not any(is_same(points, other.points) for other in self._faces if other.is_seen)
        if score < self.found_above or not is_new or not is_inside(points, picture):
            return False
        face.begin(points, score, roll, self.smoothing)
        return True
