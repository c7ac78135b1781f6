"""A photographed face in a new expression and pose, before another background, now and then partly covered."""

from dataclasses import replace

import numpy as np

from src.synthesis.reposing.expressions import Actor, act, sample_expression
from src.synthesis.reposing.face_model import FaceModel
from src.synthesis.reposing.occluders import occlude, replace_background
from src.synthesis.reposing.turning import Head, sample_pose, turn_head

_ACTING, _BACKGROUND, _OCCLUDED = 0.85, 0.5, 0.35  # shares of the renders


def render(
    model: FaceModel, head: Head, actor: Actor, other: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Render the face of `head` and `actor`, which belong to one photograph, in a pose of its own.

    other: another photograph (H, W, 3) uint8, whose surroundings may become the background. Returns the picture
    (size, size, 3) uint8 and points_image (68, 2).
    """
    if rng.random() < _BACKGROUND:
        head = replace(head, photo=replace_background(head.photo, head.field, head.points[:, :2], other, rng))
    performance = act(model, actor, sample_expression(rng)) if rng.random() < _ACTING else None
    euler = sample_pose(head.euler, rng)
    picture, points = turn_head(head, euler, size, rng, performance=performance)
    if rng.random() < _OCCLUDED:
        occlude(picture, points, euler[1], rng)
    return picture, points
