"""A face's points, head-pose axes, eye openness and score drawn over its picture, with Pillow alone."""

import numpy as np
from PIL import Image, ImageDraw

from src.boxes import box_of_points
from src.eyes import CLOSED_BELOW, eye_openness
from src.markup import REGIONS
from src.pose import fit_pose, rotation_matrix
from src.visualization.sheet import PREDICTED, draw_face

_LONGEST = 1280  # pixels: larger pictures are drawn on a reduced copy
_SMALLEST = 384  # pixels: smaller ones on an enlarged copy, so that the text fits
_SCALE = 2  # drawn this much larger, then reduced: Pillow's lines are not anti-aliased
_AXES = ((255, 90, 80), (90, 230, 90), (90, 150, 255))  # x to the picture's right, y up, z out of the face
_AXIS_LENGTH = 0.5  # of the face's size
_DOUBTFUL, _CLOSED, _TEXT = (255, 170, 60), (255, 90, 80), (255, 255, 255)
_DOUBTFUL_BELOW = 0.5  # score
_NOSE_TIP = 30


def draw_faces(picture: Image.Image, points_image: np.ndarray, score: np.ndarray, *, note: str = "") -> Image.Image:
    """A new picture with faces over it: points_image (N, 68, 2) in pixels of `picture`, score (N,), N may be 0.

    Points of a doubtful face (score below 0.5) are orange instead of green, the outline of a closed eye is red. Of the
    axes of the head, red is its x, green its y and blue its z (see `src.pose`). note: a line at the top.
    """
    longest = max(picture.size)
    scale = np.clip(longest, _SMALLEST, _LONGEST) / longest
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    drawing = picture.resize((_SCALE * size[0], _SCALE * size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    draw = ImageDraw.Draw(drawing)
    for points, its_score in zip(points_image * (drawing.width / picture.width), score, strict=True):
        _draw_one(draw, points, float(its_score))
    if note:
        _write(draw, (8 * _SCALE, 6 * _SCALE), note)
    return drawing.resize(size, Image.Resampling.LANCZOS)


def _draw_one(draw: ImageDraw.ImageDraw, points: np.ndarray, score: float) -> None:
    """points: (68, 2) pixels of the drawing."""
    draw_face(draw, points, _DOUBTFUL if score < _DOUBTFUL_BELOW else PREDICTED)
    pitch, yaw, roll = euler = fit_pose(points[None])[0]
    openness = eye_openness(points, yaw)
    for eye, ratio in zip(np.split(points[REGIONS["eyes"]], 2), openness, strict=True):
        if ratio < CLOSED_BELOW:
            draw.line([tuple(point) for point in (*eye, eye[0])], fill=_CLOSED, width=2 * _SCALE)
    left, top, right, bottom = box_of_points(points)
    _draw_axes(draw, points[_NOSE_TIP], euler, _AXIS_LENGTH * np.sqrt((right - left) * (bottom - top)))
    pose = f"pitch {pitch:.0f}  yaw {yaw:.0f}  roll {roll:.0f}"
    eyes = " ".join("hidden" if np.isnan(ratio) else f"{ratio:.2f}" for ratio in openness)
    _write(draw, (left, bottom + 6 * _SCALE), f"{pose}\neyes {eyes}  score {score:.2f}")


def _draw_axes(draw: ImageDraw.ImageDraw, origin: np.ndarray, euler: np.ndarray, length: float) -> None:
    """The head's three axes from `origin`, those that point away from the viewer first."""
    ends = rotation_matrix(euler).T * length  # (3 axes, x y z), y up
    for axis in np.argsort(ends[:, 2]):
        end = origin + ends[axis, :2] * [1, -1]
        draw.line([tuple(origin), tuple(end)], fill=_AXES[axis], width=2 * _SCALE)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str) -> None:
    """Text that stays inside the drawing, readable on any ground."""
    size = 11 * _SCALE
    _, _, right, bottom = draw.multiline_textbbox((0, 0), text, font_size=size)
    x = np.clip(place[0], 0, max(0, draw.im.size[0] - right))
    y = np.clip(place[1], 0, max(0, draw.im.size[1] - bottom))
    draw.multiline_text((x, y), text, fill=_TEXT, font_size=size, stroke_width=_SCALE, stroke_fill=(0, 0, 0))
