"""Where the landmarks of AFLW2000-3D's convention lie, as offsets from ICT-FaceKit's landmark vertices.

Model frame: centimeters, x to the picture's right, y up, z towards the viewer. All tables are left-right symmetric.

How the numbers were obtained. (1) Learned offsets: `learn_offsets` of `src.synthesis.reposing.fit` on 800 YouTube
Faces frames, whose inner points follow the same convention. x and y come from near-frontal faces; the depth of the jaw
comes from the near side of turned ones (HELEN and AFW show the same: about a centimeter behind ICT-FaceKit's vertices).
(2) A calibration of the jaw, the brows and the mouth, in two rounds, so that mean shapes of frontal faces agree with
the challenge's validation labels: first of relabeled photographs with |yaw| < 15 degrees at equal poses, then of a
trained model's predictions on 125 faces with |yaw| < 30, once more after (3), which moves the jaw of nodding heads.
Every shift is a mean over faces and over both sides of the face; nothing else was taken from those labels, and nothing
from profiles. (3) How far the jaw line lies behind the chin: frontal faces do not show it, but AFLW2000-3D's labels are
projections of the Basel Face Model, whose 68 mean points are published (Guo et al., "Towards Fast, Accurate and Stable
3D Dense Face Alignment", 2020, repository cleardusk/3DDFA: `u_base`, with the mean of 300W-LP's shape coefficients).
Laid on the mean of 2,500 relabeled photographs by the inner points, its jaw ends lie a centimeter further behind its
chin.
"""

import numpy as np

from src.markup import FLIP_PERMUTATION, NUM_POINTS

_JAW_ENDS = (0, 1, 2, 14, 15, 16)
_JAW_ENDS_BACK = 0.5  # centimeters

# Centimeters: (x, y) or (x, y, z) of the points on the picture's left and on the midline.
_LEARNED = {
    0: (0.12, -0.70, -0.60), 1: (0.12, -0.46, -0.53), 2: (0.07, -0.29, -0.92), 3: (0.05, -0.12, -1.24),
    4: (-0.13, 0.11, -1.46), 5: (-0.50, 0.35, -1.36), 6: (-0.66, 0.13, -1.06),
    7: (-0.66, -0.15, -0.91), 8: (0.00, -0.29, -0.53),
    17: (0.01, -0.07), 18: (0.06, -0.15), 19: (0.05, -0.18), 20: (-0.32, -0.17), 21: (-0.65, -0.12),
    27: (0.00, -0.12), 28: (0.00, -0.29), 29: (0.00, -0.44), 30: (0.00, -0.22),
    31: (0.03, 0.17), 32: (-0.07, 0.13), 33: (0.00, 0.09),
    36: (-0.05, 0.11), 37: (0.11, 0.01), 38: (-0.05, -0.07), 39: (-0.13, 0.19), 40: (-0.06, 0.07), 41: (0.10, 0.08),
    48: (-0.04, -0.10), 49: (0.00, -0.15), 50: (0.15, -0.09), 51: (0.00, -0.13),
    57: (0.00, -0.16), 58: (0.14, -0.19), 59: (0.10, -0.10),
    60: (-0.17, -0.03), 61: (0.25, -0.02), 62: (0.00, 0.02), 66: (0.00, -0.14), 67: (0.29, -0.15),
}  # fmt: skip
# Shifts (x, y) in centimeters of the jaw 0-8, the brow 17-21, the nose's base and the mouth.
_CALIBRATION = {
    0: (0.00, 0.09), 1: (0.05, 0.02), 2: (0.10, -0.09), 3: (0.13, -0.02), 4: (0.13, 0.15), 5: (0.12, 0.22),
    6: (0.15, 0.29), 7: (0.12, 0.34), 8: (0.00, 0.42),
    17: (0.08, -0.10), 18: (0.00, -0.22), 19: (-0.09, -0.27), 20: (-0.07, -0.30), 21: (-0.04, -0.30),
    31: (0.00, 0.08), 32: (0.00, 0.08), 33: (0.00, 0.08), 48: (0.00, 0.08), 49: (0.00, 0.08), 50: (0.00, 0.08),
    51: (0.00, 0.08), 57: (0.00, 0.08), 58: (0.00, 0.08), 59: (0.00, 0.08), 60: (0.00, 0.08), 61: (0.00, 0.04),
    62: (0.00, 0.04),
}  # fmt: skip
# Shifts in depth (cm) of the jaw 0-7 relative to the chin.
_BEHIND_CHIN = (-0.90, -0.97, -1.00, -0.97, -0.85, -0.57, -0.28, -0.12)


def _jaw_ends() -> np.ndarray:
    offsets = np.zeros((NUM_POINTS, 3))
    offsets[_JAW_ENDS, 2] = -_JAW_ENDS_BACK
    return offsets


def _aflw() -> np.ndarray:
    offsets = np.zeros((NUM_POINTS, 3))
    for point, (x, y, *z) in _LEARNED.items():
        right, up = _CALIBRATION.get(point, (0.0, 0.0))
        back = _BEHIND_CHIN[point] if point < len(_BEHIND_CHIN) else 0.0
        offset = np.array([x + right, y + up, sum(z) + back])
        offsets[point] = offset
        offsets[FLIP_PERMUTATION[point]] = offset * [-1, 1, 1]
    return offsets


JAW_ENDS_OFFSETS = _jaw_ends()  # (68, 3), where the search for a source's own offsets starts
AFLW_OFFSETS = _aflw()  # (68, 3), the labels that are written
for _table in (JAW_ENDS_OFFSETS, AFLW_OFFSETS):
    _table.setflags(write=False)
