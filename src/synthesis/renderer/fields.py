"""Identity and expression as smooth displacement fields in the space around the neutral head.

A field is a Gaussian window (center, sigma in cm) times an affine displacement: shift + linear (v - center), in cm for
a coefficient of 1. Fields act on space, so skin, ears, teeth and glasses follow one another without bookkeeping. Those
on lips know on which side of the mouth a vertex lies.
"""

from dataclasses import dataclass

import numpy as np

from src.synthesis.renderer.anatomy import JAW_HINGE

FAR = 1e3  # a window this wide does not end
_JAW_TURN = 18.0  # degrees by which an open jaw is turned
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Field:
    """One displacement field; lengths in cm, in the frame of `MEAN_SHAPE`."""

    center: tuple[float, float, float]
    sigma: tuple[float, float, float]
    shift: tuple[float, float, float] = (0, 0, 0)
    scale: tuple[float, float, float] = (0, 0, 0)  # growth along x, y, z
    tilt: float = 0.0  # y grows by this much per cm of x
    mirrored: bool = False  # acts on both halves alike
    side: str = ""  # "upper" or "lower": only this side of the mouth

    def displace(self, points: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """Displacement (V, 3) at points (V, 3); lower (V,) is 1 where a vertex moves with the jaw, 0 elsewhere."""
        total = self._displace_half(points)
        if self.mirrored:
            total = total + self._displace_half(points * _MIRROR) * _MIRROR
        if self.side:
            total = total * (lower if self.side == "lower" else 1 - lower)[:, None]
        return total

    def _displace_half(self, points: np.ndarray) -> np.ndarray:
        offset = points - self.center
        window = np.exp(-0.5 * ((offset / self.sigma) ** 2).sum(-1))
        motion = np.array(self.shift) + offset * self.scale
        motion[:, 1] += offset[:, 0] * self.tilt
        return window[:, None] * motion


# Per name: the fields that add up to its displacement, for about one standard deviation among people.
IDENTITY: dict[str, list[Field]] = {
    "face_width": [Field((0, 0, -5), (FAR, FAR, FAR), scale=(0.04, 0, 0))],
    "skull_depth": [Field((0, 6, -15), (20, 20, 6), (0, 0, -0.8))],
    "lower_face": [Field((0, -8, 0), (9, 4.5, 9), (0, -0.45, 0))],
    "jaw_width": [Field((5.5, -4.8, -2.6), (2.5, 3, 3.5), (0.38, 0, 0), mirrored=True)],
    "chin_forward": [Field((0, -6.6, 1.6), (3, 2, 4), (0, -0.05, 0.35))],
    "chin_width": [Field((2.2, -6.9, 0.8), (1.5, 1.5, 2.5), (0.25, 0.05, -0.05), mirrored=True)],
    "cheekbone": [Field((5.6, 1.7, -1.4), (2, 1.6, 2.5), (0.28, 0.1, 0.22), mirrored=True)],
    "cheek": [Field((4.2, -1.8, 0.2), (1.8, 2, 2.2), (0.3, 0, 0.3), mirrored=True)],
    "nose_length": [Field((0, -0.9, 2.8), (1.9, 1.5, 2.2), (0, -0.3, 0))],
    "nose_width": [Field((1.6, -0.5, 1.8), (0.8, 0.9, 1.3), (0.24, 0, -0.05), mirrored=True)],
    "nose_forward": [Field((0, 0.1, 3.9), (1.6, 1.6, 2.2), (0, 0, 0.3))],
    "nose_bridge": [Field((0, 2.6, 2.4), (1.0, 1.4, 1.8), (0, 0, 0.25))],
    "nose_bridge_width": [Field((0.7, 2.4, 1.9), (0.6, 1.4, 1.2), (0.14, 0, 0), mirrored=True)],
    "nose_tip_up": [Field((0, 0.1, 3.9), (1.2, 1.0, 1.6), (0, 0.25, 0.05))],
    "eye_distance": [Field((3.2, 3.4, 0), (2, 1.6, 2.5), (0.15, 0, 0), mirrored=True)],
    "eye_height": [Field((3.15, 3.4, 0.2), (1.8, 0.9, 1.8), scale=(0, 0.22, 0), mirrored=True)],
    "eye_width": [Field((3.15, 3.4, 0.2), (1.8, 1.2, 1.8), scale=(0.08, 0, 0), mirrored=True)],
    "eye_tilt": [Field((3.15, 3.4, 0.2), (1.8, 1.2, 2), tilt=0.08, mirrored=True)],
    "eye_depth": [Field((3.15, 3.6, 0.2), (2, 1.4, 2.2), (0, 0, -0.18), mirrored=True)],
    "brow_height": [Field((3.5, 5.9, 0.8), (2.4, 1.0, 2.2), (0, 0.28, 0), mirrored=True)],
    "brow_tilt": [Field((3.5, 5.9, 0.8), (2.4, 1.0, 2.2), tilt=0.1, mirrored=True)],
    "brow_ridge": [Field((2.2, 5.7, 1.4), (2.4, 0.9, 2), (0, 0, 0.22), mirrored=True)],
    "forehead_slope": [Field((0, 11, 0), (8, 3.5, 5), (0, 0, -0.6))],
    "forehead_height": [Field((0, 14, -6), (20, 4.5, 20), (0, 0.7, 0))],
    "upper_lip": [Field((0, -2.45, 2.8), (1.8, 0.5, 2), (0, 0.14, 0.08), side="upper")],
    "lower_lip": [Field((0, -4.35, 2.5), (1.7, 0.5, 2), (0, -0.17, 0.08), side="lower")],
    "mouth_width": [Field((0, -3.45, 1.8), (3.4, 1.3, 3), scale=(0.09, 0, 0))],
    "mouth_height": [Field((0, -3.4, 2.2), (3.4, 1.5, 3), (0, 0.22, 0))],
    "mouth_forward": [Field((0, -3.4, 2.2), (2.6, 1.5, 3), (0, 0, 0.28))],
    "ear_flare": [Field((8.6, 2, -8.8), (1.2, 4, 1.8), (0.45, 0, -0.1), mirrored=True)],
    "ear_size": [Field((7.9, 2, -8.0), (1.5, 4, 1.6), scale=(0, 0.12, 0.08), mirrored=True)],
    "nose_skew": [Field((0, 0, 3.5), (2, 2, 2.5), (0.1, 0, 0))],
    "mouth_skew": [Field((0, -3.4, 2.2), (3, 1.8, 3), (0.1, 0.0, 0))],
    "chin_skew": [Field((0, -7, 1), (4, 2.5, 4), (0.15, 0, 0))],
    "eye_skew": [Field((3.15, 4.2, 0.2), (2, 1.8, 2.2), (0, 0.08, 0))],
}

_SMILE_RIGHT = [
    Field((2.45, -3.5, 1.2), (1.4, 1.2, 2), (0.5, 0.4, -0.3)),
    Field((4.0, -0.2, 0.7), (1.5, 1.5, 2), (0.1, 0.3, 0.25)),
    Field((3.2, 2.9, 0.4), (1.4, 0.6, 1.5), (0, 0.08, 0.03)),
]

EXPRESSION: dict[str, list[Field]] = {
    "smile": [Field(f.center, f.sigma, f.shift, mirrored=True) for f in _SMILE_RIGHT],
    "smile_one_side": _SMILE_RIGHT,
    "frown": [Field((2.45, -3.6, 1.2), (1.3, 1.2, 2), (0.1, -0.45, -0.1), mirrored=True)],
    "pucker": [Field((0, -3.4, 2), (2.5, 1.4, 2.5), (0, 0, 0.5), scale=(-0.35, 0.12, 0))],
    "press": [Field((0, -3.4, 2), (2.8, 0.9, 2.5), (0, 0, -0.12), scale=(0, -0.35, 0))],
    "upper_lip_up": [Field((0, -2.9, 2.7), (1.9, 1.2, 2), (0, 0.4, 0.05), side="upper")],
    "lower_lip_down": [Field((0, -3.9, 2.5), (1.9, 1.0, 2), (0, -0.4, 0), side="lower")],
    "mouth_sideways": [Field((0, -3.4, 2.2), (3, 1.5, 3), (0.45, 0, 0))],
    "jaw_sideways": [Field((0, -6, 2), (7, 6, 7), (0.5, 0, 0), side="lower")],
    "brows_up": [Field((3.5, 6.1, 0.8), (2.5, 1.2, 2.2), (0, 0.5, 0.05), mirrored=True)],
    "brows_inner_up": [Field((1.6, 6.0, 1.6), (1.3, 1.0, 2), (0, 0.4, 0), mirrored=True)],
    "brows_down": [Field((1.9, 5.8, 1.4), (1.8, 0.9, 2), (-0.15, -0.4, 0.1), mirrored=True)],
    "brow_one_up": [Field((3.5, 6.1, 0.8), (2.2, 1.2, 2.2), (0, 0.45, 0.05))],
    "squint": [Field((3.15, 2.85, 0.4), (1.4, 0.55, 1.5), (0, 0.26, 0.04), mirrored=True)],
    "puff": [Field((4, -2.5, 0.6), (1.8, 1.8, 2), (0.4, 0, 0.45), mirrored=True)],
}


def displacement(fields: list[Field], points: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Sum of fields at points (V, 3): (V, 3) cm. lower: (V,), see `Field.displace`."""
    return sum(field.displace(points, lower) for field in fields)


def jaw_drop(points: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Displacement (V, 3) of the jaw's rotation about its hinge, weighted by `lower` (V,)."""
    angle = np.radians(_JAW_TURN)
    offset = points - JAW_HINGE
    y, z = offset[:, 1], offset[:, 2]
    turned_y = np.cos(angle) * y - np.sin(angle) * z
    turned_z = np.sin(angle) * y + np.cos(angle) * z
    motion = np.stack([np.zeros_like(y), turned_y - y, turned_z - z], axis=1)
    # Flesh in front of the ears follows less and less towards the nape.
    follow = np.clip((points[:, 2] + 9.0) / 4.5, 0, 1)
    return motion * (lower * follow)[:, None]
