"""How a face looks, to tell whether the next frame shows the same person in its place.

Upright and scaled by their points, one person's faces in consecutive frames differ little, whatever the light does; two
people's share only what all faces have in common, most of which the removal of coarse shades takes away.
"""

import numpy as np
from PIL import Image

from src.boxes import BoxKind
from src.predict.turns import cut_view, view_of_points

# Correlation, chosen on 120 photographs of the training set: of 7,140 pairs of people 0.1 % correlate by more, of 958
# pairs of the same face, moved, blurred, noisy or in other light, one by less.
SAME_PERSON = 0.7
_SIDE, _SHADES = 32, 4  # pixels: of a face, and of the coarse picture of its shades
_FACE = BoxKind(0.9, (0.5, 0.5))  # brows to chin and hardly anything around it


def appearance(picture: Image.Image, points: np.ndarray, roll: float) -> np.ndarray:
    """A face as (32, 32) gray values of norm 1, so that the product of two faces sums to their correlation.

    points: (68, 2) in pixels of the RGB picture. roll: degrees that the head is turned counterclockwise.
    """
    square = cut_view(picture, view_of_points(points, _FACE, roll), _SIDE)
    gray = Image.fromarray(square).convert("L").convert("F")
    shades = gray.resize((_SHADES, _SHADES), Image.Resampling.BOX).resize(gray.size, Image.Resampling.BICUBIC)
    detail = np.subtract(gray, shades)
    return detail / max(np.linalg.norm(detail), 1e-9)
