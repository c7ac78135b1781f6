"""python3 -m src.evaluation.damaged: what each damage covers, and that points go where the picture goes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stand_in import centroid, gaussian_dot, project, write_faces

from src.errors import InputError
from src.evaluation.damaged import KINDS, measure_kinds
from src.metrics import nme, point_errors

SIDE = 384
POINTS = project(np.zeros((1, 3)))[0] * SIDE
WORN = {  # points that must be covered, and points that must stay in view
    "rectangle mask": (range(48, 68), range(36, 48)),
    "medical mask": (range(48, 68), range(36, 48)),
    "sunglasses": (range(36, 48), range(48, 68)),
    "35 % cut off": (range(0, 3), range(42, 48)),
}


def _damaged(kind: str, picture: Image.Image, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, moved = KINDS[kind](picture, points, np.random.default_rng(0))
    return np.asarray(found), moved


@pytest.mark.parametrize("kind", WORN)
def test_what_is_worn_covers_its_part_of_the_face(kind: str) -> None:
    picture, moved = _damaged(kind, Image.new("RGB", (SIDE, SIDE), (90, 120, 60)), POINTS)
    columns, rows = POINTS.astype(int).T
    is_covered = (picture[rows, columns] != (90, 120, 60)).any(axis=1)
    covered, seen = (list(points) for points in WORN[kind])
    assert is_covered[covered].all()
    assert not is_covered[seen].any()
    assert moved is POINTS


@pytest.mark.parametrize("kind", ["clean", "motion blur 25 px", "blur sigma 6 px"])
def test_a_blurred_dot_stays_where_it_is(kind: str) -> None:
    dot = Image.fromarray(gaussian_dot((SIDE, SIDE), (150.5, 210.5), 8)).convert("RGB")
    picture, _ = _damaged(kind, dot, POINTS)
    np.testing.assert_allclose(centroid(picture[..., 0]), [150.5, 210.5], atol=0.1)


def test_a_mask_expects_points_that_span_an_area() -> None:
    points = np.linspace(10, 60, 68)[:, None].repeat(2, axis=1)
    with pytest.raises(InputError, match="found them on one line"):
        KINDS["medical mask"](Image.new("RGB", (96, 96)), points, np.random.default_rng(0))


@pytest.mark.parametrize("degrees", [60, 90, 180])
def test_a_dot_and_its_point_turn_together(degrees: int) -> None:
    place = (150.0, 210.0)
    dot = Image.fromarray(gaussian_dot((SIDE, SIDE), place, 4)).convert("RGB")
    picture, moved = _damaged(f"turned by {degrees}", dot, np.array([place]))
    np.testing.assert_allclose(centroid(picture[..., 0]), moved[0], atol=0.1)


def test_errors_are_those_of_the_undamaged_crop_by_hand(tmp_path: Path) -> None:
    _, points_image = write_faces(tmp_path, 3)

    def predict_middle(pictures: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
        middles = [np.tile(np.divide(picture.size, 2), (68, 1)) for picture in pictures]
        return np.stack(middles), np.full(len(pictures), 0.5)

    table = measure_kinds(predict_middle, tmp_path, kinds=["clean", "turned by 180"])
    by_hand = nme(point_errors(np.full((3, 68, 2), 48.0), points_image, np.full((3, 2), 96)))
    np.testing.assert_allclose(table["nme"], by_hand)  # about the middle a turn changes no distance
    assert table["damage"].tolist() == ["clean", "turned by 180"]
    assert (table["score"] == 0.5).all()
