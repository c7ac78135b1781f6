"""Inference on regions of pictures: views are cut, looked at, and turned where the looks disagree.

What looks is given as a function of squares, so that every runtime shares this file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from src.boxes import BoxKind
from src.datasets.pictures import SQUARE_SIZE
from src.geometry import apply_affine, invert_affine
from src.markup import NUM_POINTS
from src.predict.turns import QUARTERS, RETRY_ABOVE, RETRY_BELOW, affine_of_view, cut_view, is_better, view_of_box

_BATCH = 32  # views that are looked at together
_WHOLE = BoxKind(1.0, (0.5, 0.5))  # a box that is the crop itself


@dataclass(frozen=True)
class Seen:
    """What squares show: points_unit (B, 68, 2), score (B,).

    tilted_disagreement: at the cost of one more look, of rows (M,): percent of the side (M,), as `src.predict.turns`
    compares it.
    """

    points_unit: np.ndarray
    score: np.ndarray
    tilted_disagreement: Callable[[np.ndarray], np.ndarray]


Look = Callable[[np.ndarray], Seen]  # of squares (B, S, S, 3) uint8


@dataclass(frozen=True)
class Region:
    """Where in a picture a face is. box: (4,) pixels, of a kind; roll: degrees that the head is turned, about."""

    picture: Image.Image
    box: np.ndarray
    kind: BoxKind
    roll: float = 0.0

    @property
    def is_crop(self) -> bool:
        return self.kind is _WHOLE


def crop_region(picture: Image.Image, crop: np.ndarray, roll: float = 0.0) -> Region:
    """The region of a crop (3,) = left, top, side, which is taken as it is."""
    left, top, side = crop
    return Region(picture, np.array([left, top, left + side, top + side]), _WHOLE, roll)


@dataclass(frozen=True)
class Found:
    """points_image (N, 68, 2) in pixels of the pictures, score (N,), roll (N,) degrees of the views that won."""

    points_image: np.ndarray
    score: np.ndarray
    roll: np.ndarray


class Search:
    """Finds the points of faces in regions. look: at squares, with a score; turns: also at turned ones."""

    def __init__(self, look: Look, *, turns: bool = True) -> None:
        self.look, self.turns = look, turns

    def __call__(self, regions: Sequence[Region]) -> Found:
        """The faces of regions, in their order."""
        batches = [self._find(regions[start : start + _BATCH]) for start in range(0, len(regions), _BATCH)]
        if not batches:
            return Found(np.empty((0, NUM_POINTS, 2)), np.empty(0), np.empty(0))
        fields = ("points_image", "score", "roll")
        return Found(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in fields))

    def at_roll(self, regions: Sequence[Region]) -> Found:
        """What regions show at their own roll, without another try."""
        return self._see(regions)[0]

    def _find(self, regions: Sequence[Region]) -> Found:
        found, seen = self._see(regions)
        low = np.flatnonzero(found.score < RETRY_BELOW) if self.turns else np.empty(0, int)
        first = seen.tilted_disagreement(low) if len(low) else np.empty(0)  # (low,)
        low, first = low[first > RETRY_ABOVE], first[first > RETRY_ABOVE]
        if len(low) == 0:
            return found
        again, disagreements = [], []
        for turn in QUARTERS:
            turned, seen = self._see([replace(regions[i], roll=regions[i].roll + turn) for i in low])
            again.append(turned)
            disagreements.append(seen.tilted_disagreement(np.arange(len(low))))
        best = np.argmin(disagreements, axis=0)  # (low,)
        for row in np.flatnonzero(is_better(np.min(disagreements, axis=0), first)):
            turned, i = again[best[row]], low[row]
            found.points_image[i], found.score[i] = turned.points_image[row], turned.score[row]
            found.roll[i] = turned.roll[row]
        return found

    def _see(self, regions: Sequence[Region]) -> tuple[Found, Seen]:
        pictures = [region.picture for region in regions]
        roll = np.array([region.roll for region in regions])
        views = np.stack([view_of_box(region.box, region.kind, region.roll) for region in regions])
        seen = self.look(_cut(pictures, views))
        return Found(_to_image(views, seen.points_unit), np.array(seen.score, np.float64), roll), seen


def _cut(pictures: Sequence[Image.Image], views: np.ndarray) -> np.ndarray:
    """Squares (N, S, S, 3) uint8 of views (N, 4), one a picture."""
    return np.stack([cut_view(picture, view, SQUARE_SIZE) for picture, view in zip(pictures, views, strict=True)])


def _to_image(views: np.ndarray, points_unit: np.ndarray) -> np.ndarray:
    return apply_affine(invert_affine(affine_of_view(views)), points_unit)
