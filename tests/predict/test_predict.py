"""The predictor: every kind of picture, faces by boxes, the crop rule under jitter, and wrong input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT
from PIL import Image
from rectangle_face import RectangleFinder, rectangle_picture, rectangle_points

from src.errors import InputError
from src.evaluation.box_errors import box_nme, read_faces
from src.metrics import nme, point_errors
from src.predict import predictor as predict
from src.predict.confidence import LIMIT
from src.predict.predictor import Predictor, read_picture
from src.synthesis.renderer.folder import render_faces

FACE = (60, 40, 160, 120)
OTHER = (200, 100, 260, 160)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """A predictor that finds white rectangles exactly."""
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    return Predictor("any.pth.tar")


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return Predictor(ROOT / "best.pth.tar")


def _as(kind: str, picture: Image.Image, folder: Path) -> object:
    pixels = np.asarray(picture)
    if kind in ("path", "str"):
        picture.save(folder / "face.png")
        return folder / "face.png" if kind == "path" else str(folder / "face.png")
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    return {"pil": picture, "gray": picture.convert("L"), "array": pixels, "tensor": tensor, "float": tensor / 255}[
        kind
    ]


@pytest.mark.parametrize("kind", ["path", "str", "pil", "gray", "array", "tensor", "float"])
def test_every_kind_of_picture_gives_the_same_points(exact: Predictor, tmp_path: Path, kind: str) -> None:
    picture = _as(kind, rectangle_picture((300, 200), FACE), tmp_path)
    points_image, score = exact(picture)
    assert points_image.shape == (1, 68, 2)
    assert score.shape == (1,)
    np.testing.assert_allclose(points_image[0], rectangle_points(FACE), atol=0.5)
    assert score[0] > 0.95
    np.testing.assert_allclose(exact(picture, FACE)[0][0], rectangle_points(FACE), atol=0.5)


def test_several_faces_of_several_pictures_come_in_order(exact: Predictor) -> None:
    both, one = rectangle_picture((300, 200), FACE, OTHER), rectangle_picture((300, 200), OTHER)
    points_image, score = exact([both, one, one], [[OTHER, FACE], OTHER, None])
    expected = [rectangle_points(box) for box in (OTHER, FACE, OTHER, OTHER)]
    np.testing.assert_allclose(points_image, expected, atol=0.5)
    assert score.shape == (4,)


def test_a_batch_is_a_list(exact: Predictor) -> None:
    pixels = np.stack([np.asarray(rectangle_picture((200, 200), box)) for box in (FACE, (80, 80, 120, 120))])
    points_image, _ = exact(pixels)
    np.testing.assert_allclose(points_image[1], rectangle_points((80, 80, 120, 120)), atol=0.5)
    from_tensor, _ = exact(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    np.testing.assert_allclose(from_tensor, points_image, atol=1e-6)
    assert exact([])[0].shape == (0, 68, 2)


def test_a_photograph_lying_on_its_side_is_read_upright(tmp_path: Path) -> None:
    upright = rectangle_picture((64, 48), (8, 4, 20, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: to be shown a quarter clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "turned.png")), np.asarray(upright))


def test_nothing_to_be_seen_has_a_low_score(exact: Predictor) -> None:
    assert exact(Image.new("RGB", (200, 200)))[1][0] < 0.05


def test_a_second_look_forgives_a_box_that_is_half_as_large(exact: Predictor) -> None:
    picture, half = rectangle_picture((300, 300), (100, 100, 200, 200)), (110, 110, 180, 180)
    points_image, _ = exact(picture, half)
    np.testing.assert_allclose(points_image[0], rectangle_points((100, 100, 200, 200)), atol=0.5)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((20, 20), np.uint8), r"\(H, W, 3\)"),
        (np.zeros((20, 20, 4), np.uint8), r"\(H, W, 3\)"),
        (np.zeros((20, 20, 3), np.float32), "uint8"),
        (np.zeros((0, 20, 3), np.uint8), r"\(H, W, 3\)"),
        (torch.zeros(20, 20, 3), r"\(3, H, W\)"),
        (torch.full((3, 20, 20), 255.0), r"\[0, 1\]"),
        (torch.full((3, 20, 20), torch.nan), r"\[0, 1\]"),
        ("missing.jpg", "missing.jpg: no such picture"),
        ([7], "found int"),
    ],
)
def test_what_is_no_picture_is_refused(exact: Predictor, picture: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        exact(picture)


def test_an_unreadable_picture_names_its_file(exact: Predictor, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(InputError, match=r"broken\.jpg"):
        exact(tmp_path / "broken.jpg")


@pytest.mark.parametrize("box", [(10, 10, 10, 50), (500, 10, 560, 90)])
def test_a_wrong_box_is_refused(exact: Predictor, box: tuple) -> None:
    with pytest.raises(InputError, match="expected a box"):
        exact(rectangle_picture((300, 200), FACE), box)


def test_lists_of_different_lengths_and_unknown_kinds_are_refused(exact: Predictor) -> None:
    with pytest.raises(InputError, match="boxes for 2 pictures, found them for 1"):
        exact([rectangle_picture((100, 100))] * 2, [FACE])
    with pytest.raises(InputError, match="unknown kind of box 'haar'"):
        Predictor("any.pth.tar", box_kind="haar")


def _check_jitter(predictor: Predictor, folder: Path, count: int, *, largest: float, growth: float) -> None:
    pictures, points_image = read_faces(folder, count)
    true_boxes, off_boxes = box_nme(predictor, pictures, points_image, [0.0, 0.1])
    assert true_boxes < largest
    assert off_boxes < growth * true_boxes
    size = np.array([(picture.height, picture.width) for picture in pictures])
    whole, score = predictor(pictures)
    found = point_errors(whole, points_image, size)
    assert nme(found) < largest
    is_good = found.mean(axis=1) < LIMIT
    assert score.mean() == pytest.approx(is_good.mean(), abs=0.15)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    render_faces(folder, 48, seed=77, workers=1)
    return folder


def test_boxes_that_are_10_percent_off_cost_little_on_rendered_faces(shipped: Predictor, rendered: Path) -> None:
    _check_jitter(shipped, rendered, 48, largest=3.0, growth=1.1)


def test_boxes_that_are_10_percent_off_cost_little_on_photographs(shipped: Predictor, real_data: Path) -> None:
    _check_jitter(shipped, real_data / "aflw_val", 24, largest=2.5, growth=1.1)
