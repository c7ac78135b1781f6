"""From boxes to crops: the place of each kind of box, the crop's pixels, and wrong boxes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rectangle_face import rectangle_picture

from src import boxes
from src.boxes import BoxKind, affine_of_crop, box_of_points, check_boxes, crop_of_picture, cut_crop, read_boxes
from src.errors import InputError
from src.geometry import apply_affine


def check_cut(crop: np.ndarray, size: tuple[int, int], rectangle: tuple[int, int, int, int]) -> np.ndarray:
    """Check that a rectangle's center lies in the cut crop where the affine says. Returns the crop (192, 192)."""
    square = cut_crop(rectangle_picture(size, rectangle), crop, 192)[..., 0] / 255
    ticks = (np.arange(192) + 0.5) / 192
    center = np.array([square.sum(0) @ ticks, square.sum(1) @ ticks]) / square.sum()
    middle = np.reshape(rectangle, (2, 2)).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(center, apply_affine(affine_of_crop(crop), middle)[0], atol=0.1 / 192)
    return square


@pytest.mark.parametrize("crop", [(10.3, 20.7, 101.9), (-30.5, -12.25, 200.0), (0.0, 0.0, 160.0)])
def test_what_is_cut_lies_where_the_affine_says(crop: tuple[float, float, float]) -> None:
    square = check_cut(np.array(crop), (160, 120), (40, 50, 80, 70))
    assert square.sum() / 192**2 == pytest.approx(40 * 20 / crop[2] ** 2, rel=0.01)


def test_beside_the_picture_the_crop_is_black() -> None:
    square = cut_crop(rectangle_picture((100, 100), (0, 0, 100, 100)), np.array([-50.0, 0.0, 100.0]), 100)
    assert square[:, :49].max() == 0
    assert square[:, 51:].min() == 255


@pytest.mark.parametrize(
    "crop", [(0.0, -62.0, 625.0), (-40.3, 17.25, 431.8), (600.5, -33.0, 330.0), (-200.0, -300.0, 1100.0)]
)
def test_a_crop_reduced_before_it_is_padded_equals_one_reduced_afterwards(crop: tuple[float, float, float]) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (501, 625, 3), np.uint8))
    low = np.floor(crop[:2]).astype(int)
    padded = picture.crop((*low, *np.ceil(np.array(crop[:2]) + crop[2]).astype(int)))
    left, top = crop[:2] - low
    extent = (left, top, left + crop[2], top + crop[2])
    expected = padded.resize((32, 32), Image.Resampling.BILINEAR, box=extent, reducing_gap=2.0)
    np.testing.assert_array_equal(cut_crop(picture, np.array(crop), 32), np.asarray(expected))


@pytest.mark.parametrize("crop", [(0.0, -4350.0, 9000.0), (-5000.0, -4000.0, 17_000.0)])
def test_crops_of_panoramas_lie_where_the_affine_says(crop: tuple[float, float, float]) -> None:
    check_cut(np.array(crop), (9000, 300), (6400, 40, 6620, 260))


def test_a_whole_picture_is_letterboxed() -> None:
    np.testing.assert_array_equal(crop_of_picture(200, 100), [0, -50, 200])


def test_a_box_of_points_is_tight() -> None:
    points = np.array([[[3.0, 5], [7, 2]], [[0, 0], [1, 9]]])
    np.testing.assert_array_equal(box_of_points(points), [[3, 2, 7, 5], [0, 0, 1, 9]])


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((10, 10, 10, 40), "wide and high"),
        ((40, 10, 10, 40), "wide and high"),
        ((10, 10, 11, 40), "wide and high"),
        ((200, 10, 240, 50), "meets the 200 x 100 picture"),
        ((-50, 10, -10, 50), "meets the 200 x 100 picture"),
        ((0, 100, 40, 150), "meets the 200 x 100 picture"),
        ((0, 0, 2000, 2000), "in pixels of the 200 x 100 picture"),
        ((0, 0, float("nan"), 50), "finite"),
        ((1, 2, 3), "left, top, right, bottom"),
        ("one", "four numbers"),
        (torch.ones(4, requires_grad=True), "four numbers"),
        (np.array([1, 2, 30, 40j]), "four numbers"),
        (np.ma.masked_array([1, 2, 30, 40], mask=[0, 0, 1, 0]), "four numbers"),
        ((0, 0, 10**400, 50), "four numbers"),
    ],
)
def test_a_wrong_box_is_refused(box: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_boxes(box, 200, 100)


def test_one_box_and_several_are_taken() -> None:
    assert check_boxes((1, 2, 30, 40), 200, 100).shape == (1, 4)
    assert check_boxes([(1, 2, 30, 40), (-5, -5, 30, 40)], 200, 100).shape == (2, 4)
    assert check_boxes([], 200, 100).shape == check_boxes(np.empty((0, 4)), 200, 100).shape == (0, 4)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_table_is_read_in_any_encoding_that_its_first_bytes_tell(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("picture,left,top,right,bottom\né.png,1,2,30,40\n", encoding=encoding)
    assert list(read_boxes(tmp_path / "boxes.csv")) == ["é.png"]


def test_a_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("picture,left,top,right,bottom\na.png,1,2,30,40\nb.png,1,2,30,40\n")
    assert len(read_boxes(tmp_path / "boxes.csv")) == 2
    with open(tmp_path / "boxes.csv", "a") as file:
        file.write("a.png,1.0,2,30,40\n")
    with pytest.raises(InputError, match="line 4: expected each box once"):
        read_boxes(tmp_path / "boxes.csv")


def test_a_table_of_too_many_lines_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "_MOST_LINES", 1_000)
    rows = "".join(f"{i},1,2,3,4\n" for i in range(1_000))
    (tmp_path / "boxes.csv").write_text(f"picture,left,top,right,bottom\n{rows}")
    with pytest.raises(InputError, match="expected at most 1,000 lines, found more; divide the table"):
        read_boxes(tmp_path / "boxes.csv")


@pytest.mark.parametrize("row", ["1,2,30,40", "1,2,30,40,"])
def test_a_row_without_a_name_is_refused(row: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(f"left,top,right,bottom,picture\n1,2,30,40,a.png\n{row}\n")
    with pytest.raises(InputError, match="line 3: expected a picture's name, found none"):
        read_boxes(tmp_path / "boxes.csv")


@pytest.mark.parametrize("share", [0.0, -0.5, float("nan"), 63.0])
def test_a_kind_of_box_states_shares(share: float) -> None:
    with pytest.raises(InputError, match=r"expected a share of the crop from 0\.05 to 5"):
        BoxKind(share, (0.5, 0.5))


def test_of_a_table_of_frames_each_source_has_the_boxes_of_its_first(tmp_path: Path) -> None:
    rows = ["a.mp4,3,1,2,30,40", "a.mp4,3,50,2,90,40", "a.mp4,4,2,2,31,40", "b.png,,1,2,30,40", "c.png,7,1,2,30,40"]
    (tmp_path / "faces.csv").write_text("\n".join(["picture,frame,left,top,right,bottom", *rows]))
    found = read_boxes(tmp_path / "faces.csv")
    assert {name: [box[0] for box in boxes] for name, boxes in found.items()} == {
        "a.mp4": [1, 50],
        "b.png": [1],
        "c.png": [1],
    }
