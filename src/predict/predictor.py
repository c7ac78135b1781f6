"""68 points and a confidence for each face, in pictures of any kind, from one call.

predictor = Predictor("best.pth.tar")                       # or an .onnx or a .tflite file
faces = predictor.faces("group.jpg")                        # a whole picture: its faces are detected
points_image, score = predictor("crop.jpg")                 # a picture cropped as the challenge's are
points_image, score = predictor("group.jpg", boxes=boxes)   # (N, 4) left, top, right, bottom: N faces
"""

from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from src.boxes import KINDS, BoxKind, box_of_points, check_boxes, crop_of_picture
from src.config import MOST_THREADS
from src.errors import InputError
from src.parallel import count_cores
from src.predict.confidence import SHIPPED, disagreement, shipped_calibration, tilted_disagreement
from src.predict.detector import (
    LEVELS,
    OVERLAP,
    Detections,
    Detector,
    detect_upside_down,
    needs_closer_look,
    non_maximum_suppression,
    overlaps,
)
from src.predict.detector_file import open_detector
from src.predict.face import NOTHING_BELOW, Face, make_face
from src.predict.looks import combine, look_tilted
from src.predict.picture_input import Channels, Picture, is_one_picture, read_picture
from src.predict.runtimes import look_repeatedly, open_model
from src.predict.search import Region, Search, Seen, crop_region
from src.predict.shipped import MODEL_PATH
from src.predict.turns import RETRY_BELOW

if TYPE_CHECKING:
    import torch

Boxes = np.ndarray | Sequence | None
_PICTURES_AT_ONCE = 16  # held in memory
SAME_FACE = 0.3  # IoU of the points' boxes: above it, two detections led to one face, or one is a false face over it
SAME_HEAD = 0.1  # IoU of an upright face's points with those of a surer upside-down one: above it, it is imagined
UPSIDE_DOWN_SCORE = 0.7  # minimum of a detected upside-down face; most false faces are upside down


class Predictor:
    """Predicts the points of faces with a model file.

    box_kind: what given boxes enclose, a name in `src.boxes.KINDS` or a BoxKind describing your detector. turns: if the
    looks at a face disagree, look again with the picture turned by 90, 180 and 270 degrees. looks: number of looks at
    each view (`src.predict.looks`), 2 or 3. convention: the points' annotation scheme, one of the file's
    (`src.network.conventions`), such as "300w" for the visible outline; None is the file's own. detector: for whole
    pictures, an object (`src.predict.detector`) or its file; None is the one that `make detector` fetches, opened when
    first needed. threads: for all computing, in every runtime, at most one per core. device: for checkpoints. Raises
    InputError for a file that cannot be used and for a missing device. The attribute `calibration`, which turns
    disagreement into the score, is the shipped model's.
    """

    def __init__(
        self,
        model_path: str | Path = MODEL_PATH,
        *,
        box_kind: str | BoxKind = "landmarks",
        turns: bool = True,
        looks: int = 3,
        convention: str | None = None,
        detector: Detector | str | Path | None = None,
        threads: int = 1,
        device: "torch.device | str" = "cpu",
    ) -> None:
        if not isinstance(box_kind, BoxKind) and box_kind not in list(KINDS):
            raise InputError(f"unknown kind of box {box_kind!r}; expected one of {', '.join(KINDS)}, or a BoxKind")
        if not (isinstance(threads, Integral) and 1 <= threads <= MOST_THREADS):
            raise InputError(f"expected 1 to {MOST_THREADS} threads, found {threads!r}")
        self.box_kind = box_kind if isinstance(box_kind, BoxKind) else KINDS[box_kind]
        if looks not in list(SHIPPED):
            raise InputError(f"expected 2 or 3 looks, whose agreement makes the score, found {looks!r}")
        if detector is not None and not isinstance(detector, str | Path) and not hasattr(detector, "detect"):
            raise InputError(f"expected a detector (src.predict.detector) or its file, found {detector!r}")
        self.looks, self.threads = looks, min(threads, count_cores())  # more would wait for each other
        self.runtime = open_model(model_path, threads=self.threads, device=str(device), convention=convention)
        self.calibration = shipped_calibration(looks, self.runtime.config.convention)
        self.search = Search(self._look, self.calibration.score, turns=turns)
        self._detector = detector

    @property
    def detector(self) -> Detector:
        """The face detector, opened at its first use. Raises InputError if its file is missing or unusable."""
        if self._detector is None or isinstance(self._detector, str | Path):
            self._detector = open_detector(self._detector, threads=self.threads)
        return self._detector

    def __call__(
        self, pictures: Picture | Sequence[Picture], boxes: Boxes = None, *, channels: Channels = "RGB"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict the points of the faces in one picture or in a list of pictures.

        pictures: anything that `src.predict.picture_input.read_picture` takes, or a list of such; an array or tensor
        with a further axis in front is a list. channels: their order in arrays. boxes: for one picture (4,) or (N, 4)
        left, top, right, bottom in its pixels, where N may be 0; for a list, one such array per picture. None, alone or
        in the list, means that a picture is a crop around one face as the challenge makes them.

        Returns points_image (B, 68, 2) in pixels of each picture and score (B,), the probability that the NME is below
        3 % of the crop's side. Faces come in the order of the pictures, then of their boxes. Raises InputError for a
        picture that cannot be read, and for a box that is empty or outside its picture.
        """
        parts = [(np.empty((0, 68, 2)), np.empty(0))]
        for images, their_boxes in _paired(pictures, boxes, channels):
            regions = [
                region for image, box in zip(images, their_boxes, strict=True) for region in self._given(image, box)
            ]
            found = self.search(regions)
            parts.append((found.points_image, found.score))
        points_image, score = zip(*parts, strict=True)
        return np.concatenate(points_image), np.concatenate(score)

    def faces(
        self,
        pictures: Picture | Sequence[Picture],
        boxes: Boxes = None,
        *,
        crops: bool = False,
        tiles: bool | None = None,
        least_score: float = NOTHING_BELOW,
        channels: Channels = "RGB",
    ) -> list[Face] | list[list[Face]]:
        """The faces of one picture, as a list; of several pictures, as a list of such lists.

        pictures, boxes, channels: as in `__call__`, but without boxes, faces are detected in whole pictures. crops:
        pictures without boxes are crops around one face. tiles: also look for small faces: always, which costs up to
        sixty detections, or never; None looks closer at upright faces while those found are small, if none is sure, and
        if a large picture shows a trace of another one. least_score: detected faces with a lower score are left out; a
        given box always yields a face. Raises InputError as `__call__` does, and if the detector's file is missing.
        """
        if not (isinstance(least_score, Real) and np.isfinite(least_score)):
            raise InputError(f"expected least_score to be a number, found {least_score!r}")
        result: list[list[Face]] = []
        for images, their_boxes in _paired(pictures, boxes, channels):
            given = {i: box for i, box in enumerate(their_boxes) if box is not None or crops}
            regions = [self._given(images[i], box) for i, box in given.items()]
            found = dict(zip(given, self._search(regions), strict=True))
            found |= self._detect({i: image for i, image in enumerate(images) if i not in given}, tiles, least_score)
            again = {i: images[i] for i in found if i not in given and _may_be_upside_down(found[i])}
            upside_down = self._detect(again, bool(tiles), least_score, is_upside_down=True)
            for i, faces in upside_down.items():
                found[i] = _distinct(found[i] + [face for face in faces if face.is_upside_down], least_score)
            result += [found[i] for i in range(len(images))]
        return result[0] if is_one_picture(pictures) else result

    def _detect(
        self, pictures: dict[int, Image.Image], tiles: bool | None, least_score: float, *, is_upside_down: bool = False
    ) -> dict[int, list[Face]]:
        """The faces of several pictures by their numbers, looked for from ever closer by. tiles, least_score: as in
        `faces`."""
        faces: dict[int, list[Face]] = {i: [] for i in pictures}
        for level in range(LEVELS):
            detected = {
                i: detect_upside_down(self.detector, picture, level=level)
                if is_upside_down
                else self.detector.detect(picture, level=level)
                for i, picture in pictures.items()
            }
            regions = [self._new(picture, detected[i], faces[i]) for i, picture in pictures.items()]
            for i, found in zip(pictures, self._search(regions), strict=True):
                faces[i] = _distinct(faces[i] + found, least_score)
            pictures = {
                i: picture
                for i, picture in pictures.items()
                if needs_closer_look(detected[i], picture, level, tiles=tiles, is_sure=_is_sure(faces[i]))
            }
        return faces

    def _search(self, regions: list[list[Region]]) -> list[list[Face]]:
        """The faces in the regions of several pictures, searched as one batch."""
        found = self.search([region for its_regions in regions for region in its_regions])
        rows = zip(found.points_image, found.score, found.roll, strict=True)
        return [[make_face(*next(rows), region) for region in its_regions] for its_regions in regions]

    def _given(self, picture: Image.Image, boxes: Boxes) -> list[Region]:
        if boxes is None:
            return [crop_region(picture, crop_of_picture(*picture.size))]
        return [Region(picture, box, self.box_kind) for box in check_boxes(boxes, *picture.size)]

    def _new(self, picture: Image.Image, detections: Detections, faces: list[Face]) -> list[Region]:
        """The regions of detections, without those of faces that were found before and scored high at once."""
        known = np.array([face.box for face in faces if face.score >= RETRY_BELOW]).reshape(-1, 4)
        return [
            Region(picture, box, self.detector.kind, roll=float(roll))
            for box, roll in zip(detections.boxes, detections.roll, strict=True)
            if not (overlaps(box, known) > OVERLAP).any()
        ]

    def _look(self, squares: np.ndarray) -> Seen:
        found = look_repeatedly(self.runtime, squares, self.looks)
        predict, config = self.runtime.predict_unit, self.runtime.config
        points_unit = combine(found, config.second_look)

        def tilted_disagreement_of(rows: np.ndarray) -> np.ndarray:
            tilted = look_tilted(predict, squares[rows], points_unit[rows], config.second_look, crop=config.crop)
            return tilted_disagreement(found[:, rows], points_unit[rows], tilted)

        return Seen(points_unit, disagreement(found), tilted_disagreement_of)


def _paired(
    pictures: Picture | Sequence[Picture], boxes: Boxes, channels: Channels
) -> Iterator[tuple[list[Image.Image], list[Boxes]]]:
    """Read pictures with their boxes, a batch at a time."""
    is_one = is_one_picture(pictures)
    listed = [pictures] if is_one else list(pictures)
    try:
        listed_boxes = [boxes] if is_one else [None] * len(listed) if boxes is None else list(boxes)
    except TypeError:
        raise InputError(f"expected boxes for {len(listed)} pictures, found {boxes!r}") from None
    if len(listed_boxes) != len(listed):
        raise InputError(f"expected boxes for {len(listed)} pictures, found them for {len(listed_boxes)}")
    for start in range(0, len(listed), _PICTURES_AT_ONCE):
        part = slice(start, start + _PICTURES_AT_ONCE)
        yield [read_picture(picture, channels=channels) for picture in listed[part]], listed_boxes[part]


def _is_sure(faces: list[Face]) -> bool:
    """Whether there are faces and all of them scored high at once: an imagined face in one that hangs seldom does."""
    return bool(faces) and min(face.score for face in faces) >= RETRY_BELOW


def _may_be_upside_down(faces: list[Face]) -> bool:
    """Whether a picture may show upside-down faces: all its faces are doubtful, or one was found upside down."""
    return all(face.is_doubtful for face in faces) or any(face.is_upside_down for face in faces)


def _distinct(faces: list[Face], least_score: float) -> list[Face]:
    """The faces whose score suffices, each once: of faces whose points overlap, the best one."""
    faces = [face for face in faces if face.score >= max(least_score, UPSIDE_DOWN_SCORE * face.is_upside_down)]
    if not faces:
        return []
    boxes, score = np.stack([box_of_points(face.points) for face in faces]), np.array([face.score for face in faces])
    kept = [faces[i] for i in sorted(non_maximum_suppression(boxes, score, SAME_FACE))]
    return [face for face in kept if not any(_is_imagined(face, other) for other in kept if other.is_upside_down)]


def _is_imagined(face: Face, hanging: Face) -> bool:
    """Whether a face is the upright one that the network sees in the head of a surer one, which is upside down."""
    overlap = overlaps(box_of_points(face.points), box_of_points(hanging.points)[None])[0]
    return not face.is_upside_down and face.score < hanging.score and bool(overlap > SAME_HEAD)
