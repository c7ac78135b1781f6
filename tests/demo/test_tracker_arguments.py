"""Arguments of the Tracker that it refuses."""

from pathlib import Path

import numpy as np
import pytest
from rectangle_face import rectangle_picture

from src.demo.tracking import Tracker
from src.errors import InputError
from src.predict.predictor import Predictor

FRAME = rectangle_picture((400, 240), (20, 80, 80, 140))


def test_wrong_settings_and_boxes_are_refused(exact: Predictor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lost_below"):
        Tracker(exact, detect=False, lost_below=0.6, found_above=0.5)
    with pytest.raises(InputError, match="detection every 1"):
        Tracker(exact, detect=False, every=0)
    with pytest.raises(InputError, match="detection every 1 frames or more, found '12'"):
        Tracker(exact, detect=False, every="12")
    with pytest.raises(InputError, match="boxes, crop or None, found 'box'"):
        Tracker(exact, "box", detect=False)
    with pytest.raises(InputError, match="meets the 400 x 240 picture"):
        Tracker(exact, (900, 80, 960, 140), detect=False).update(FRAME, 0.04)
    exact._detector = tmp_path / "none.tflite"
    with pytest.raises(InputError, match="make detector"):
        Tracker(exact)


@pytest.mark.parametrize("seconds", [0, -1, np.nan, "1", None])
def test_without_time_going_on_nothing_is_followed(exact: Predictor, seconds: object) -> None:
    tracker = Tracker(exact, (20, 80, 80, 140), detect=False)
    tracker.update(FRAME, seconds)  # of no meaning in the first frame
    with pytest.raises(InputError, match="more than 0 seconds since the frame before"):
        tracker.update(FRAME, seconds)
    assert not tracker.update(FRAME, 0.04)[0].is_lost
