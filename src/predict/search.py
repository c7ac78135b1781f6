"""Inference on regions of pictures: views are cut, looked at, and turned where the looks disagree.

The look itself is passed in as a function of squares, so that every runtime shares this file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from src.boxes import BoxKind
from src.datasets.pictures import SQUARE_SIZE
from src.geometry import apply_affine, invert_affine
from src.markup import NUM_POINTS
from src.predict.turns import (
    NEARLY_AGREE,
    QUARTERS,
    RETRY_ABOVE,
    RETRY_BELOW,
    affine_of_view,
    best_quarter,
    cut_view,
    doubt,
    view_of_box,
)

_BATCH = 32  # regions that are looked at together
_WHOLE = BoxKind(1.0, (0.5, 0.5))  # a box that is the crop itself


@dataclass(frozen=True)
class Seen:
    """What squares show: points_unit (B, 68, 2), and how the looks disagree (B,) in percent of the side.

    tilted_disagreement: (M,) of rows (M,), at the cost of one more look each.
    """

    points_unit: np.ndarray
    disagreement: np.ndarray
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
    """Finds the points of faces in regions.

    look: at squares. score: of disagreements (M,) in percent. turns: look at turned squares, too.
    """

    def __init__(self, look: Look, score: Callable[[np.ndarray], np.ndarray], *, turns: bool) -> None:
        self.look, self.score, self.turns = look, score, turns

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
        if not self.turns:
            return found
        rows, first = self._perhaps_turned(regions, found, seen)
        if len(rows) == 0:
            return found
        turned, seen = self._see([region for turn in QUARTERS for region in _turned(regions, rows, turn)])
        disagreements = np.concatenate([first, seen.tilted_disagreement(np.arange(len(turned.score)))])
        points_image = np.concatenate([found.points_image[rows], turned.points_image])
        points_image = points_image.reshape(-1, len(rows), NUM_POINTS, 2)  # (4, M, 68, 2)
        side = np.array([view_of_box(regions[i].box, regions[i].kind)[2] for i in rows])
        doubts = doubt(disagreements.reshape(-1, len(rows)), points_image, side)  # (4, M)
        best, columns = best_quarter(doubts), np.arange(len(rows))
        found.points_image[rows] = points_image[best, columns]
        found.score[rows] = self.score(doubts[best, columns])
        found.roll[rows] += np.array([0.0, *QUARTERS])[best]
        return found

    def _perhaps_turned(self, regions: Sequence[Region], found: Found, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
        """Rows (M,) whose looks disagree, and their tilted disagreement (M,)."""
        rows = np.flatnonzero(found.score < RETRY_BELOW)
        first = seen.tilted_disagreement(rows) if len(rows) else np.empty(0)
        nearly = rows[(first > RETRY_ABOVE) & (first <= NEARLY_AGREE)]
        if len(nearly):
            opposite, _ = self._see(_turned(regions, nearly, 180.0))
            nearly = nearly[opposite.score > found.score[nearly]]
        kept = (first > NEARLY_AGREE) | np.isin(rows, nearly)
        return rows[kept], first[kept]

    def _see(self, regions: Sequence[Region]) -> tuple[Found, Seen]:
        pictures = [region.picture for region in regions]
        roll = np.array([region.roll for region in regions], np.float64)
        views = np.stack([view_of_box(region.box, region.kind, region.roll) for region in regions])
        seen = self.look(_cut(pictures, views))
        return Found(_to_image(views, seen.points_unit), self.score(seen.disagreement), roll), seen


def _turned(regions: Sequence[Region], rows: np.ndarray, turn: float) -> list[Region]:
    return [replace(regions[i], roll=regions[i].roll + turn) for i in rows]


def _cut(pictures: Sequence[Image.Image], views: np.ndarray) -> np.ndarray:
    """Squares (N, S, S, 3) uint8 of views (N, 4), one per picture."""
    return np.stack([cut_view(picture, view, SQUARE_SIZE) for picture, view in zip(pictures, views, strict=True)])


def _to_image(views: np.ndarray, points_unit: np.ndarray) -> np.ndarray:
    return apply_affine(invert_affine(affine_of_view(views)), points_unit)
