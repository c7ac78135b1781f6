"""68 points and a confidence for faces in pictures of any kind, by one call.

predictor = Predictor("best.pth.tar")                       # or an .onnx or a .tflite file
points_image, score = predictor("crop.jpg")                 # a picture cropped as the challenge's are
points_image, score = predictor("group.jpg", boxes=boxes)   # (N, 4) left, top, right, bottom: N faces
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from src import boxes as face_boxes
from src.boxes import KINDS, BoxKind
from src.datasets.pictures import SQUARE_SIZE, picture_sizes, read_square
from src.errors import InputError
from src.geometry import apply_affine, invert_affine, letterbox
from src.markup import NUM_POINTS
from src.predict.confidence import SHIPPED, Calibration, disagreement
from src.predict.runtimes import look_twice, open_model

Picture = str | Path | Image.Image | np.ndarray | Tensor


class Predictor:
    """Points of faces from a model file.

    Every crop is looked at twice (`src.predict.looks`). box_kind: what the boxes hold, a name of `src.boxes.KINDS` or a
    BoxKind of your detector. refine: crop a face given by a box once more, around the points found in the box's own
    crop, which evens out what differs between detectors. calibration: what turns agreement into the score; the default
    belongs to the shipped model. threads, device: see `src.predict.runtimes.open_model`.
    """

    def __init__(
        self,
        model_path: str | Path = "best.pth.tar",
        *,
        box_kind: str | BoxKind = "landmarks",
        refine: bool = True,
        calibration: Calibration = SHIPPED,
        threads: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if isinstance(box_kind, str) and box_kind not in KINDS:
            raise InputError(f"unknown kind of box {box_kind!r}; expected one of {', '.join(KINDS)}, or a BoxKind")
        self.box_kind = KINDS[box_kind] if isinstance(box_kind, str) else box_kind
        self.refine, self.calibration = refine, calibration
        self.runtime = open_model(model_path, threads=threads, device=device)

    def __call__(
        self, pictures: Picture | Sequence[Picture], boxes: np.ndarray | Sequence | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict the faces of one picture or of a list.

        A picture is a path, a PIL image, an array (H, W, 3) uint8 RGB, or a tensor (3, H, W) RGB, uint8 or float in
        [0, 1]; an array or tensor with one more axis in front is a list. boxes: for one picture (4,) or (N, 4) left,
        top, right, bottom in its pixels; for a list, one such array a picture. None, alone or in the list, says that a
        picture is a crop around one face as the challenge makes them.

        Returns points_image (B, 68, 2) in pixels of each picture and score (B,), the probability that the NME is below
        3 % of the crop's side. Faces come in the order of the pictures, then of their boxes. Raises InputError for a
        picture that cannot be read, and for a box without size or outside of its picture.
        """
        is_one = isinstance(pictures, str | Path | Image.Image) or getattr(pictures, "ndim", 4) <= 3
        listed = [pictures] if is_one else list(pictures)
        listed_boxes = [boxes] if is_one else [None] * len(listed) if boxes is None else list(boxes)
        if len(listed_boxes) != len(listed):
            raise InputError(f"expected boxes for {len(listed)} pictures, found them for {len(listed_boxes)}")
        points_image, score = [np.empty((0, NUM_POINTS, 2))], [np.empty(0)]
        for picture, its_boxes in zip(listed, listed_boxes, strict=True):
            found = self._predict_picture(read_picture(picture), its_boxes)
            points_image.append(found[0])
            score.append(found[1])
        return np.concatenate(points_image), np.concatenate(score)

    def predict_crops(self, picture: Image.Image, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """points_image (N, 68, 2) and score (N,) of the faces in crops (N, 3) = left, top, side of an RGB picture."""
        squares = _cut(picture, crops)
        first, second = look_twice(self.runtime, squares)
        score = self.calibration.score(disagreement(first, second))
        return _to_image(crops, (first + second) / 2), score

    def _predict_picture(
        self, picture: Image.Image, boxes: np.ndarray | Sequence | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if boxes is None:
            return self.predict_crops(picture, face_boxes.crop_of_picture(*picture.size)[None])
        crops = face_boxes.crop_of_box(face_boxes.check_boxes(boxes, *picture.size), self.box_kind)
        if self.refine:
            roughly = _to_image(crops, self.runtime.predict_unit(_cut(picture, crops)))
            crops = face_boxes.crop_of_box(face_boxes.box_of_points(roughly), KINDS["landmarks"])
        return self.predict_crops(picture, crops)


def read_picture(picture: Picture) -> Image.Image:
    """An RGB picture as people see it (EXIF rotation applied) from whatever `Predictor` takes. Raises InputError."""
    if isinstance(picture, str | Path):
        side = int(picture_sizes([Path(picture)]).max())
        try:
            square, _, (height, width) = read_square(picture, side)
        except InputError as error:
            raise InputError(f"{picture}: {error}") from None
        (left, top, _, _), _ = letterbox(width, height, side)
        return Image.fromarray(square[top : top + height, left : left + width])
    if isinstance(picture, Image.Image):
        return picture.convert("RGB")
    if isinstance(picture, Tensor):
        if picture.ndim != 3 or picture.shape[0] != 3:
            raise InputError(f"expected a tensor (3, H, W), found the shape {tuple(picture.shape)}")
        if picture.is_floating_point():
            if not 0 <= picture.min() <= picture.max() <= 1:  # also false for NaN
                raise InputError(f"expected a float tensor in [0, 1], found {picture.min():g} to {picture.max():g}")
            picture = (255 * picture).round().to(torch.uint8)
        picture = picture.detach().cpu().permute(1, 2, 0).numpy()
    if not isinstance(picture, np.ndarray):
        raise InputError(f"expected a path, PIL image, array or tensor, found {type(picture).__name__}")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise InputError(f"expected an array (H, W, 3) of uint8 RGB, found {picture.shape} of {picture.dtype}")
    return Image.fromarray(picture)


def _cut(picture: Image.Image, crops: np.ndarray) -> np.ndarray:
    """Squares (N, S, S, 3) uint8 of crops (N, 3)."""
    return np.stack([face_boxes.cut_crop(picture, crop, SQUARE_SIZE) for crop in crops])


def _to_image(crops: np.ndarray, points_unit: np.ndarray) -> np.ndarray:
    return apply_affine(invert_affine(face_boxes.affine_of_crop(crops)), points_unit)
