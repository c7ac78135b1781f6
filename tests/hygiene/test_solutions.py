"""Submissions of the right form whose points are no faces in their pictures, and those that are."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import assert_refused, run
from PIL import Image
from stand_in import project, random_euler

from src.config import ModelConfig
from src.errors import InputError
from src.hygiene import labels
from src.hygiene.solutions import check_places, compare_with, describe_unrelated
from src.markup import FLIP_PERMUTATION

COUNT, SIDE = 12, 384
POINTS = project(random_euler(COUNT)) * SIDE
NAMES = [f"{i:02d}.jpg" for i in range(COUNT)]
SIZE = np.full((COUNT, 2), SIDE)
WRONG = {
    "columns of x, then of y": (POINTS.transpose(0, 2, 1).reshape(-1, 68, 2), "12 of 12 faces: no head's shape"),
    "a list counted from one": (np.roll(POINTS, 1, axis=1), "no head's shape"),
    "the mirrored order": (POINTS[:, FLIP_PERMUTATION], "left and right swapped"),
    "y from the bottom": ([0, SIDE] + POINTS * [1, -1], "left and right swapped.*y from the top"),
    "points of mirrored pictures": ([SIDE, 0] + POINTS * [-1, 1], "left and right swapped"),
}
RESIZED = {
    "the network's input": 112 / SIDE,
    "percent": 100 / SIDE,
    "smaller pictures": 256 / SIDE,
    "larger": 512 / SIDE,
}


@pytest.mark.parametrize("name", WRONG)
def test_points_that_are_no_faces_are_refused(name: str) -> None:
    points_image, words = WRONG[name]
    for size in (None, SIZE):
        with pytest.raises(InputError, match=words):
            check_places(NAMES, points_image, size=size)


@pytest.mark.parametrize("name", RESIZED)
def test_points_of_pictures_of_another_size_are_refused(name: str) -> None:
    points_image = RESIZED[name] * POINTS
    with pytest.raises(InputError, match=r"lie, on average, at \d+ % of their pictures' width, .* another size"):
        check_places(NAMES, points_image, size=SIZE)
    assert check_places(NAMES, points_image, size=None) == []
    assert check_places(NAMES[:9], points_image[:9], size=SIZE[:9]) == []  # too few to tell


def test_right_points_and_a_few_odd_ones_pass() -> None:
    assert check_places(NAMES, POINTS, size=SIZE) == []
    assert check_places(NAMES, SIDE - POINTS, size=SIZE) == []  # upside down
    points_image = POINTS.copy()
    points_image[2], points_image[5] = POINTS[2, ::-1], POINTS[4]
    odd, repeated = check_places(NAMES, points_image, size=SIZE)
    assert odd == "1 of 12 faces: no head's shape (02.jpg)"
    assert repeated == "1 of 12 rows repeat the points of another row"


@pytest.mark.parametrize("change", [lambda p: np.roll(p, 1, axis=0), lambda p: p * 256 / SIDE, lambda p: p[..., ::-1]])
def test_labels_of_other_pictures_or_frames_lie_far_from_the_points(change: Callable) -> None:
    predicted = POINTS + np.random.default_rng(0).normal(0, 0.02 * SIDE, POINTS.shape)
    assert describe_unrelated(predicted, POINTS) == ""
    assert describe_unrelated(predicted, change(POINTS)).startswith("the points lie hardly nearer to these labels")
    assert describe_unrelated(predicted[:9], change(POINTS)[:9]) == ""  # too few to tell


def test_points_of_other_pictures_are_found_by_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(NAMES):
        Image.new("RGB", (SIDE, SIDE), (number, 0, 0)).save(tmp_path / name.replace("jpg", "png"))
    names = [name.replace("jpg", "png") for name in NAMES]

    def look(_: object, squares: np.ndarray, looks: int) -> np.ndarray:  # each picture's number is its red
        return np.stack([POINTS[squares[:, 0, 0, 0]] / SIDE + spread * look for look in range(looks)])

    monkeypatch.setattr(labels, "look_repeatedly", look)
    runtime, spread = SimpleNamespace(config=ModelConfig()), 0
    assert compare_with(runtime, names, POINTS, tmp_path) == []
    (line,) = compare_with(runtime, names, np.roll(POINTS, 1, axis=0), tmp_path)
    assert "9 of 12 faces have labels far from the network's points" in line
    spread = 0.1  # the looks disagree: the network sees no face
    assert compare_with(runtime, names, np.roll(POINTS, 1, axis=0), tmp_path) == []


def test_the_command_says_so(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in NAMES:
        Image.new("RGB", (SIDE, SIDE)).save(pictures / name)

    def write(points_image: np.ndarray) -> Path:
        rows = zip(NAMES, points_image.reshape(COUNT, -1), strict=True)
        text = "".join(f"{name} {' '.join(f'{value:.3f}' for value in row)}\n" for name, row in rows)
        (tmp_path / "solution.txt").write_text(text)
        return tmp_path / "solution.txt"

    command = ("test.py", "--check", write(POINTS), "--test_dataroot", pictures)
    assert run(*command).out == f"{command[2]}: 12 rows, correct, every picture of {pictures}\n"
    write(POINTS / 3)
    assert_refused(run(*command), "solution.txt: the faces lie, on average, at 1")
    write(POINTS * 2 / SIDE - 1)
    assert_refused(run(*command), "expected coordinates in pixels of each picture, found all of them in [-")
