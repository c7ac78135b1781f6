"""Crops: a dot and its point stay together, rules frame the face, absurd boxes are noticed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stand_in import centroid, gaussian_dot, project, random_euler

from src.datasets.cropping import crop_squares
from src.datasets.faces import Faces
from src.datasets.picture_files import picture_shape
from src.datasets.pictures import read_crop
from src.errors import InputError
from src.geometry import apply_affine

COUNT = 20


def _faces(points_image: np.ndarray, boxes: np.ndarray | None = None) -> Faces:
    return Faces(Path("set"), np.array([f"{i}.jpg" for i in range(len(points_image))]), points_image, boxes_image=boxes)


def _framed(faces: Faces, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corners (N, 2) of the points in shares of their crops."""
    squares = crop_squares(faces, rule)
    points = (faces.points_image - squares[:, None, :2]) / squares[:, None, 2:]
    return points.min(axis=1), points.max(axis=1)


@pytest.mark.parametrize("extension", ["png", "jpg"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(
    "crop", [(100, 80, 120.5), (-40.3, 10.2, 300), (100, 20, 260), (90.7, 60.2, 64), (-300, -300, 900)]
)
def test_a_dot_and_its_point_stay_together(crop: tuple, orientation: int, extension: str, tmp_path: Path) -> None:
    point, size = (140.3, 110.6), (320, 240)
    dot = Image.fromarray(gaussian_dot(size, point, 6)).convert("RGB")
    stored = {1: dot, 3: dot.transpose(Image.Transpose.ROTATE_180), 6: dot.transpose(Image.Transpose.ROTATE_90)}
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored[orientation].save(tmp_path / f"face.{extension}", exif=exif, quality=100, subsampling=0)
    pixels, affine, shape = read_crop(tmp_path / f"face.{extension}", 96, crop)
    assert shape == (240, 320)
    assert picture_shape(tmp_path / f"face.{extension}").shown == size
    found = centroid(pixels[..., 0])
    np.testing.assert_allclose(found, 96 * apply_affine(affine, np.array([point]))[0], atol=0.1)


def test_a_crop_beside_the_picture_is_black(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (200, 200, 200)).save(tmp_path / "face.png")
    pixels, _, _ = read_crop(tmp_path / "face.png", 32, (500, 500, 60))
    assert not pixels.any()
    pixels, _, _ = read_crop(tmp_path / "face.png", 32, (-32, 0, 64))
    assert not pixels[:, :16].any()
    assert (pixels[:20, 16:] == 200).all()
    assert not pixels[20:].any()


def test_the_challenges_crop_is_framed_as_its_own(tmp_path: Path) -> None:
    euler = random_euler(COUNT)
    for inner, share, center in ((slice(0, 68), 0.51, (0.5, 0.58)), (slice(17, 68), 0.39, (0.5, 0.53))):
        faces = _faces((project(euler) * 700 + 30)[:, inner])
        low, high = _framed(faces, "challenge")
        frontal = np.abs(euler[:, 1]) < 40
        np.testing.assert_allclose(np.sqrt((high - low).prod(axis=1))[frontal], share, rtol=1e-6)
        np.testing.assert_allclose((low + high) / 2, np.broadcast_to(center, (COUNT, 2)), atol=1e-6)


def test_a_box_is_squared_and_widened_about_its_center() -> None:
    points = project(random_euler(COUNT)) * 100
    boxes = np.tile([20.0, 10.0, 80.0, 100.0], (COUNT, 1))
    np.testing.assert_allclose(crop_squares(_faces(points, boxes), "box"), np.tile([5, 10, 90], (COUNT, 1)))
    np.testing.assert_allclose(crop_squares(_faces(points, boxes), "box:1.2"), np.tile([-4, 1, 108], (COUNT, 1)))


def test_without_a_box_the_points_make_one() -> None:
    low, high = _framed(_faces(project(random_euler(COUNT)) * 100), "box:1.1")
    np.testing.assert_allclose((high - low).max(axis=1), 1 / 1.1)
    np.testing.assert_allclose((low + high) / 2, 0.5)


@pytest.mark.parametrize(
    "box",
    [(80, 100, 20, 10), (20, 10, 20, 100), (900, 900, 990, 990), (-9e5, -9e5, 9e5, 9e5), (49, 50, 52, 53)],
    ids=["turned round", "without area", "elsewhere", "huge", "tiny"],
)
def test_an_absurd_box_is_noticed(box: tuple) -> None:
    squares = crop_squares(_faces(project(np.zeros((2, 3))) * 100, np.array([box, (20, 10, 80, 100)], float)), "box")
    assert np.isnan(squares).any(axis=1).tolist() == [True, False]


def test_points_in_one_place_have_no_crop() -> None:
    points = project(np.zeros((2, 3))) * 100
    points[0] = 50
    for rule in ("box", "challenge"):
        assert np.isnan(crop_squares(_faces(points), rule)).any(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("rule", ["bx", "box:", "box:-1", "box:0.1", "box:9", "box:1.2.3", ""])
def test_a_wrong_rule_is_refused(rule: str) -> None:
    with pytest.raises(InputError, match=r"expected a (crop rule|box factor)"):
        crop_squares(_faces(project(np.zeros((1, 3)))), rule)
