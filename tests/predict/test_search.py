"""Search: regions whose looks disagree are turned, the least disagreement wins, and nothing else costs a look."""

import numpy as np
import pytest
from PIL import Image

from src.predict.search import Found, Search, Seen, crop_region
from src.predict.turns import BESIDE_POWER, DOUBT_FACTOR

_WRONG_TURN = 50.0  # disagreement in a view that does not show the face upright


class Eye:
    """Sees a face in the corner that is red, and knows it by the corner where it stands: left top is upright."""

    def __init__(self, *, score: float, first: float, turned: float) -> None:
        self.disagreement, self.disagreements, self.squares, self.asked = 1 - score, (first, turned), 0, 0

    def __call__(self, squares: np.ndarray) -> Seen:
        self.squares += len(squares)
        is_upright = squares[:, 8, 8, 0] > squares[:, 8, 8, 2]

        def tilted_disagreement(rows: np.ndarray) -> np.ndarray:
            self.asked += len(rows)
            first = self.squares == len(squares)
            return np.where(is_upright[rows], self.disagreements[1], self.disagreements[0] if first else _WRONG_TURN)

        points_unit = np.full((len(squares), 68, 2), 0.1)
        return Seen(points_unit, np.where(is_upright, 0.1, self.disagreement), tilted_disagreement)


def _score(disagreement: np.ndarray) -> np.ndarray:
    return 1 - disagreement


def _picture(quarters: int) -> Image.Image:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[..., 2] = 200
    pixels[:16, :16] = (200, 0, 0)
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, quarters)))


def _find(eye: Eye, quarters: int, *, turns: bool = True) -> Found:
    return Search(eye, _score, turns=turns)([crop_region(_picture(quarters), np.array([0.0, 0.0, 64.0]))])


@pytest.mark.parametrize(("quarters", "place"), [(1, (0.1, 0.9)), (2, (0.9, 0.9)), (3, (0.9, 0.1))])
def test_a_turned_face_is_found_where_it_is(quarters: int, place: tuple[float, float]) -> None:
    found = _find(Eye(score=0.5, first=9.0, turned=1.0), quarters)
    np.testing.assert_allclose(found.points_image[0, 0] / 64, place)
    assert found.roll[0] == 90 * quarters
    apart = 80  # percent of the side between the corners of neighbors
    assert found.score[0] == pytest.approx(_score(DOUBT_FACTOR * apart**BESIDE_POWER))


@pytest.mark.parametrize(
    ("score", "first", "squares", "asked"),
    [(0.95, 9.0, 1, 0), (0.5, 1.0, 1, 1), (0.5, 1.2, 2, 1), (0.5, 3.0, 4, 4)],
)
def test_looks_are_spent_on_disagreement_alone(score: float, first: float, squares: int, asked: int) -> None:
    eye = Eye(score=score, first=first, turned=2.5)
    found = _find(eye, 1)  # the opposite view is no better
    assert found.roll[0] == 0  # a turned view that is a little better does not win
    assert (eye.squares, eye.asked) == (squares, asked)


def test_looks_that_nearly_agree_are_turned_where_the_opposite_view_scores_higher() -> None:
    eye = Eye(score=0.5, first=1.2, turned=0.3)
    assert _find(eye, 2).roll[0] == 180
    assert (eye.squares, eye.asked) == (5, 4)


def test_no_turns_on_request() -> None:
    eye = Eye(score=0.5, first=9.0, turned=1.0)
    assert _find(eye, 2, turns=False).roll[0] == 0
    assert (eye.squares, eye.asked) == (1, 0)
