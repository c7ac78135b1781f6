"""Arguments of the Predictor that are of another type than expected."""

import numpy as np
import pytest
from rectangle_face import rectangle_picture

from src.errors import InputError
from src.predict.predictor import Predictor


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"threads": "2"}, "threads, found '2'"),
        ({"threads": 2.0}, "threads, found 2.0"),
        ({"looks": [3]}, r"looks, whose agreement makes the score, found \[3\]"),
        ({"box_kind": ["landmarks"]}, r"unknown kind of box \['landmarks'\]"),
        ({"detector": 3}, "expected a detector .* found 3"),
        ({"model_path": b"best.onnx"}, "expected the path of a model file, found bytes"),
        ({"model_path": None}, "found NoneType"),
    ],
)
def test_arguments_of_another_type_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Predictor(**{"model_path": "any.pth.tar"} | arguments)


def test_a_least_score_that_is_no_number_is_refused(exact: Predictor) -> None:
    for score in ("0.5", np.nan):
        with pytest.raises(InputError, match="least_score"):
            exact.faces([], least_score=score)


def test_boxes_of_several_pictures_are_a_list(exact: Predictor) -> None:
    with pytest.raises(InputError, match="boxes for 2 pictures, found 5"):
        exact([rectangle_picture((100, 100))] * 2, 5)
