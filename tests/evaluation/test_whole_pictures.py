"""Scenes of pasted faces: their points lie where their dots do, at every turn, and what is found is counted."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rectangle_face import RectangleDetector, rectangle_picture, rectangle_points

from src.evaluation.scenes import Scene, make_scene
from src.evaluation.whole_pictures import measure
from src.predict.predictor import Predictor


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


def test_found_faces_and_faces_too_many_are_counted(rectangle_model: None) -> None:
    predictor = Predictor("any.pth.tar", detector=RectangleDetector())
    there, unlabeled, nowhere = (60, 40, 160, 140), (250, 120, 330, 200), (10, 170, 60, 220)
    points_image = np.stack([rectangle_points(there), rectangle_points(nowhere)])
    scene = Scene(rectangle_picture((400, 240), there, unlabeled), points_image, np.array([200.0, 100.0]))
    values = measure(predictor, [scene], tiles=False)
    assert (values["found"], values["extra"]) == (0.5, 1)
    assert values["nme"] < 1
    assert values["true_nme"] < 1
