"""What is known of one followed face: whether there is anything to see of it."""

import numpy as np
import pytest
from commands import ROOT
from PIL import Image

from src.demo.followed import is_blank
from src.demo.tracking import Tracker
from src.predict.predictor import Predictor

POINTS = np.array([[-10.0, 10.0], [30.0, 40.0]])  # partly outside


def test_one_shade_is_blank_and_a_dim_picture_is_not() -> None:
    generator = np.random.default_rng(0)
    dark = np.abs(generator.normal(0, 2, size=(60, 60, 3))).astype(np.uint8)  # as a camera sees nothing
    assert is_blank(POINTS, Image.fromarray(dark))
    assert is_blank(POINTS, Image.new("RGB", (60, 60), "white"))
    dim = Image.new("RGB", (60, 60))
    dim.paste((8, 8, 8), (0, 20, 20, 40))
    assert not is_blank(POINTS, dim)
    assert is_blank(POINTS + np.array([30, 0]), dim)


@pytest.mark.slow
def test_a_face_that_fades_to_black_is_lost_as_soon_as_nothing_is_seen() -> None:
    with Image.open(ROOT / "docs" / "demo" / "samples" / "face.jpg") as picture:
        face = picture.convert("RGB")
    tracker = Tracker(Predictor(ROOT / "best.pth.tar"), "crop", detect=False)
    faded = [Image.blend(Image.new("RGB", face.size), face, share) for share in (*np.linspace(1, 0.1, 10), 0, 0, 1)]
    seen = [not track.is_lost for frame in faded for track in tracker.update(frame, 1 / 25)]
    assert seen == [True] * 10 + [False, False, True]
