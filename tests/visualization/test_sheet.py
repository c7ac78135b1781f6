"""Contact sheets: each tile shows its own picture and points, and many tiles take little memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from commands import run
from PIL import Image

from src.predict.drawing import PREDICTED
from src.visualization.sheet import TRUE, contact_sheet, sheet_of_squares

_SIDE = 256  # pixels of a tile


def _pictures(folder: Path, count: int) -> list[str]:
    names = [f"{i}.png" for i in range(count)]
    for i, name in enumerate(names):
        Image.new("RGB", (80, 40), (0, 0, 10 + i)).save(folder / name)
    return names


def test_every_tile_has_its_own_picture_and_points(tmp_path: Path) -> None:
    names = _pictures(tmp_path, 3)
    predicted, true = np.full((3, 68, 2), (20.0, 20.0)), np.full((3, 68, 2), (60.0, 20.0))
    predicted[2], true[2] = (30.0, 30.0), (50.0, 10.0)
    sheet = contact_sheet(tmp_path, names, predicted, true_points_image=true, captions=[".", ".", "."], columns=2)
    assert sheet.size == (2 * _SIDE, 2 * _SIDE)
    scale, top = _SIDE / 80, _SIDE / 4  # a letterboxed picture of 80 x 40
    for place, row in (((0, 0), 0), ((1, 0), 1), ((0, 1), 2)):
        corner = np.array(place) * _SIDE + (0, top)
        for points, color in ((predicted, PREDICTED), (true, TRUE)):
            found = sheet.getpixel(tuple((corner + points[row, 0] * scale).astype(int).tolist()))
            assert np.abs(np.subtract(found, color)).max() < 60, (row, color, found)
        middle = sheet.getpixel(tuple((corner + np.array((40, 38)) * scale).astype(int).tolist()))
        assert middle == (0, 0, 10 + row)


def test_decoded_squares_give_the_same_sheet(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (9, 8, 7)).save(tmp_path / "a.png")
    points = np.random.default_rng(0).uniform(20, 40, (1, 68, 2))
    by_name = contact_sheet(tmp_path, ["a.png"], points, captions=["a"])
    squares = np.full((1, 512, 512, 3), (9, 8, 7), np.uint8)
    by_square = sheet_of_squares(squares, points / 64, true_points_unit=None, captions=["a"])
    assert np.abs(np.subtract(by_name, by_square, dtype=np.int16)).max() <= 1


def test_many_tiles_are_decoded_one_at_a_time(tmp_path: Path) -> None:
    names = _pictures(tmp_path, 40)
    contact_sheet(tmp_path, names[:1], captions=None)
    tracemalloc.start()
    contact_sheet(tmp_path, names, captions=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000  # bytes; all squares take 31 MB


@pytest.mark.parametrize(
    "arguments",
    [("test.py", "--preview"), ("src/hygiene/__main__.py", "--root", ".", "--pairs")],
    ids=["test", "hygiene"],
)
def test_a_sheet_too_large_to_look_at_is_refused(arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments, "100000")
    assert outcome.code == 2
    assert "expected a whole number from 0 to" in outcome.err
