"""Scenes of pasted faces: their points lie where their dots do, at every turn."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from src.evaluation.whole_pictures import make_scene


@pytest.mark.parametrize("roll", [0, 40, 90, 180])
def test_points_lie_on_what_is_pasted(roll: float) -> None:
    point = np.array([150.0, 240.0])
    crop = Image.new("RGB", (384, 384), (0, 0, 255))
    ImageDraw.Draw(crop).ellipse((*(point - 12), *(point + 12)), fill=(255, 0, 0))
    points_image = np.broadcast_to(point, (2, 68, 2))
    how = {"size": (640, 480), "faces": (90, 140), "roll": roll, "rng": np.random.default_rng(0)}
    scene = make_scene([crop, crop], points_image, **how)
    assert scene.picture.size == (640, 480)
    for points in scene.points_image:
        column, row = np.floor(points[0]).astype(int)
        red, _, blue = scene.picture.getpixel((int(column), int(row)))
        assert red > 200
        assert blue < 60
