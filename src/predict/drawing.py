"""A face's points, head-pose axes, eye openness and score drawn over its picture, with Pillow alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from src.boxes import box_of_points
from src.markup import CONTOURS, NOSE_TIP, REGIONS
from src.pose import rotation_matrix
from src.predict.eyes import CLOSED_BELOW

if TYPE_CHECKING:
    from src.predict.face import Face

PREDICTED = (80, 255, 120)
_LONGEST = 1280  # pixels: larger pictures are drawn on a reduced copy
_SMALLEST = 384  # pixels: smaller ones on an enlarged copy, so that the text fits
_SCALE = 2  # faces are drawn this much larger, then reduced: Pillow's lines are not anti-aliased
_AXES = ((255, 90, 80), (90, 230, 90), (90, 150, 255))  # x to the picture's right, y up, z out of the face
_AXIS_LENGTH = 0.5  # of the face's size
_DOUBTFUL, _CLOSED, _TEXT = (255, 170, 60), (255, 90, 80), (255, 255, 255)
_LINE = 12  # length of a line of text at size 1; text is scaled to be as wide as the face
_TEXT_SIZES = (9.0, 20.0)  # pixels, smallest and largest
_SMALL_FACE = 60.0  # pixels: smaller ones have room only for the score


def draw_faces(
    picture: Image.Image, faces: Sequence["Face"], *, names: Sequence[str] = (), note: str = ""
) -> Image.Image:
    """A new picture with faces drawn on it; pixels away from them keep their values.

    names: a line above each face's numbers. note: a line at the picture's top.

    Points of a doubtful face (score below 0.5) are orange instead of green; the outline of a closed eye is red. Of the
    head's axes, x is red, y green and z blue (see `src.pose`).
    """
    scale = np.clip(max(picture.size), _SMALLEST, _LONGEST) / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    drawing = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)  # a copy even if the size is the same
    for face, name in zip(faces, names or [""] * len(faces), strict=True):
        _draw_one(drawing, face, name)
    if note:
        text_size = np.clip(drawing.width / 50, *_TEXT_SIZES)
        _write(ImageDraw.Draw(drawing), (8, 6), note, size=text_size)
    return drawing


def draw_points(draw: ImageDraw.ImageDraw, points: np.ndarray, color: tuple[int, int, int], *, radius: int = 3) -> None:
    """The mark-up's contours and dots. points: (68, 2) pixels of the drawing."""
    for first, last, closed in CONTOURS:
        line = [tuple(point) for point in points[first : last + 1]]
        draw.line(line + line[:1] if closed else line, fill=color, width=max(1, radius - 1))
    draw_dots(draw, points, color, radius=radius)


def draw_dots(draw: ImageDraw.ImageDraw, points: np.ndarray, color: tuple[int, int, int], *, radius: int) -> None:
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _draw_one(drawing: Image.Image, face: "Face", name: str) -> None:
    """Draw on an enlarged copy of the face's surroundings and paste it back reduced, which keeps untouched pixels."""
    points = face.points * (drawing.width / face.picture.width)
    left, top, right, bottom = box_of_points(points)
    width, size = right - left, np.sqrt((right - left) * (bottom - top))
    text_size = np.clip(width / _LINE, *_TEXT_SIZES)
    margin = _AXIS_LENGTH * size + 4
    low = np.floor([left - margin, top - margin])
    high = np.ceil([max(right + margin, left + 1.5 * _LINE * text_size), bottom + max(margin, 5 * text_size)])
    low, high = (np.clip(corner, 0, drawing.size).astype(int) for corner in (low, high))
    if (high <= low).any():
        return
    part = drawing.crop((*low, *high))
    large = part.resize([_SCALE * length for length in part.size], Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    points = (points - low) * _SCALE
    draw_points(draw, points, _DOUBTFUL if face.is_doubtful else PREDICTED, radius=int(np.clip(size / 40, 1, 4)))
    for eye, ratio in zip(np.split(points[REGIONS["eyes"]], 2), face.eyes, strict=True):
        if ratio < CLOSED_BELOW:
            draw.line([tuple(point) for point in (*eye, eye[0])], fill=_CLOSED, width=2 * _SCALE)
    _draw_axes(draw, points[NOSE_TIP], face.pose, _AXIS_LENGTH * size * _SCALE)
    place = (_SCALE * (left - low[0]), _SCALE * (bottom - low[1] + 5))
    _write(draw, place, _label(face, width, name), size=_SCALE * text_size)
    drawing.paste(large.reduce(_SCALE), tuple(low))


def _label(face: "Face", width: float, name: str) -> str:
    if width < _SMALL_FACE:
        return f"{name}\n{face.score:.2f}".strip()
    pitch, yaw, roll = face.pose
    eyes = " ".join("hidden" if np.isnan(ratio) else f"{ratio:.2f}" for ratio in face.eyes)
    return f"{name}\npitch {pitch:.0f}  yaw {yaw:.0f}  roll {roll:.0f}\neyes {eyes}  score {face.score:.2f}".strip()


def _draw_axes(draw: ImageDraw.ImageDraw, origin: np.ndarray, euler: np.ndarray, length: float) -> None:
    """The head's three axes from `origin` (2,), drawn from back to front."""
    ends = rotation_matrix(euler).T * length  # (3 axes, x y z), y up
    for axis in np.argsort(ends[:, 2]):
        end = origin + ends[axis, :2] * [1, -1]
        draw.line([tuple(origin), tuple(end)], fill=_AXES[axis], width=2 * _SCALE)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, *, size: float) -> None:
    """Text that stays inside the drawing and is readable on any background."""
    _, _, right, bottom = draw.multiline_textbbox((0, 0), text, font_size=size)
    x = np.clip(place[0], 0, max(0, draw.im.size[0] - right))
    y = np.clip(place[1], 0, max(0, draw.im.size[1] - bottom))
    stroke = max(1, round(size / 11))
    draw.multiline_text((x, y), text, fill=_TEXT, font_size=size, stroke_width=stroke, stroke_fill=(0, 0, 0))
