"""Pictures with a bright dot at their face's nose tip, stored as cameras do: a label and its dot stay together."""

from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image
from stand_in import centroid, gaussian_dot

from src.datasets.decoding import Square, decode_faces
from src.datasets.faces import Faces
from src.datasets.picture_files import picture_shape

ORIENTATIONS = range(1, 9)
CONTAINERS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
CROP_RULES = ("whole", "box:2", "challenge")
_DOT = 30 - 17  # of 51 points: the nose tip, which every mark-up has
_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE",
          8: "ROTATE_270"}  # fmt: skip
_SIDE = 128  # pixels of the squares that are looked at


def tip(face: np.ndarray) -> np.ndarray:
    """(2,) the nose tip of a face (68 or 51, 2)."""
    return face[_DOT + 17 if len(face) == 68 else _DOT]


def store(path: Path, shown: Image.Image, orientation: int, *, container: str | None = None, turn: bool = True) -> None:
    """Save what a camera stores for a picture that is shown like this, whatever `path` is called.

    container: Pillow's name, by default that of the path's ending. turn: without it, `shown` is what is stored.
    """
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = shown.transpose(getattr(Image.Transpose, _TURNS[orientation])) if turn and orientation in _TURNS else shown
    options = {"lossless": True} if container == "WEBP" or path.suffix == ".webp" else {"quality": 97}
    stored.save(path, format=container, exif=exif, **options)


def draw_dots(faces: Faces, orientation: int = 1, *, containers: tuple[str, ...] = (), turn: bool = True) -> None:
    """Replace every picture by one of its size with a dot at its face's nose tip; containers: in turns."""
    for row, container in zip(range(len(faces)), cycle(containers or (None,)), strict=False):
        shape = picture_shape(faces.path(row))
        dot = gaussian_dot(shape.shown, tuple(tip(faces.points_image[row])), sigma=2.0)
        store(faces.path(row), Image.fromarray(dot).convert("RGB"), orientation, container=container, turn=turn)


def assert_dots_and_points_stay_together(faces: Faces, crop_rule: str) -> None:
    for row, square in enumerate(decode_faces([faces], _SIDE, crop_rule=crop_rule, description="test")):
        assert isinstance(square, Square), square
        expected = (np.append(tip(faces.points_image[row]), 1) @ square.affine.T) * _SIDE
        assert np.abs(centroid(square.pixels[..., 1]) - expected).max() < 1, (crop_rule, row)
