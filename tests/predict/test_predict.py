"""The predictor: every kind of picture, faces by boxes, the crop rule under jitter, and wrong input."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT
from PIL import Image
from rectangle_face import LAYOUT, rectangle_picture, rectangle_points

from src import boxes as face_boxes
from src.errors import InputError
from src.evaluation.box_errors import box_nme
from src.evaluation.scenes import read_crops
from src.metrics import nme, point_errors
from src.predict import torch_runtime
from src.predict.confidence import LIMIT
from src.predict.detector import Detections
from src.predict.picture_input import read_picture
from src.predict.predictor import Predictor
from src.synthesis.renderer.face import render_face
from src.synthesis.renderer.folder import render_faces

FACE = (60, 40, 160, 120)
OTHER = (200, 100, 260, 160)


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return Predictor(ROOT / "best.pth.tar")


def _as(kind: str, picture: Image.Image, folder: Path) -> object:
    pixels = np.asarray(picture)
    if kind in ("path", "str"):
        picture.save(folder / "face.png")
        return folder / "face.png" if kind == "path" else str(folder / "face.png")
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return {
        "pil": picture,
        "gray": picture.convert("L"),
        "bytes": encoded.getvalue(),
        "array": pixels,
        "gray array": pixels[..., 0],
        "one channel": pixels[..., :1],
        "alpha": np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1),
        "tensor": tensor,
        "float": tensor / 255,
    }[kind]


KINDS = ["path", "str", "pil", "gray", "bytes", "array", "gray array", "one channel", "alpha", "tensor", "float"]


@pytest.mark.parametrize("kind", KINDS)
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


def test_channels_may_be_reversed_and_transparency_is_black() -> None:
    pixels = np.random.default_rng(0).integers(256, size=(20, 30, 4), dtype=np.uint8)
    right = np.asarray(read_picture(pixels[..., :3].copy()))
    np.testing.assert_array_equal(right, pixels[..., :3])
    np.testing.assert_array_equal(np.asarray(read_picture(pixels[..., 2::-1].copy(), channels="BGR")), right)
    pixels[:10, :, 3] = 0
    assert np.asarray(read_picture(pixels))[:10].max() == 0
    with pytest.raises(InputError, match="RGB or BGR"):
        read_picture(pixels, channels="HSV")


def test_no_boxes_give_no_faces(exact: Predictor) -> None:
    picture = rectangle_picture((300, 200), FACE)
    points_image, _ = exact([picture, picture], [np.empty((0, 4)), FACE])
    assert points_image.shape == (1, 68, 2)
    assert exact(picture, [])[0].shape == (0, 68, 2)
    assert exact.faces(picture, []) == []
    assert exact.faces([]) == []


def test_a_face_tells_all_about_itself(exact: Predictor) -> None:
    picture = rectangle_picture((300, 200), FACE, OTHER)
    face, other = exact.faces(picture, [FACE, OTHER])
    np.testing.assert_allclose(other.points, rectangle_points(OTHER), atol=0.5)
    np.testing.assert_array_equal(face.box, FACE)
    assert np.abs(face.pose).max() < 5
    assert repr(face).startswith(f"Face(score={face.score:.2f}, box=({', '.join(map(str, FACE))}), pitch=")
    told = json.loads(json.dumps(face.to_dict()))
    assert told["doubtful"] is False
    assert np.array(told["points"]).shape == (68, 2)
    drawing = other.plot(face.plot())
    assert drawing.size == (384, 256)
    assert np.asarray(drawing.crop((0, 0, 384, 5))).max() == 0  # far from both
    stored = picture.transpose(Image.Transpose.ROTATE_90)
    stored.getexif()[0x0112] = 6
    np.testing.assert_array_equal(np.asarray(face.plot(stored)), np.asarray(face.plot()))
    assert face.plot(np.zeros((200, 300), np.uint8)).mode == "RGB"
    ((only,),) = exact.faces([rectangle_picture((200, 200), FACE)], crops=True)
    np.testing.assert_allclose(only.box, FACE, atol=0.5)


class TooManyDetector:
    """Says one rectangle twice, and a box where nothing is."""

    kind = face_boxes.KINDS["landmarks"]

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        boxes = np.array([FACE, OTHER, (5, 5, 45, 45), FACE], float)
        return Detections(boxes, np.ones(4), np.zeros(4))


@pytest.mark.usefixtures("exact")
def test_faces_are_detected_once_and_what_is_none_is_left_out() -> None:
    predictor = Predictor("any.pth.tar", detector=TooManyDetector())
    picture = rectangle_picture((300, 200), FACE, OTHER)
    for faces in (predictor.faces(picture), *predictor.faces([picture, picture])):
        assert len(faces) == 2
        np.testing.assert_allclose(
            [face.points for face in faces], [rectangle_points(box) for box in (FACE, OTHER)], atol=1
        )
    assert len(predictor.faces(picture, least_score=0)) == 3


@pytest.mark.usefixtures("exact")
def test_a_missing_detector_is_told_and_boxes_work_without_it(tmp_path: Path) -> None:
    predictor = Predictor("any.pth.tar", detector=tmp_path / "none.tflite")
    picture = rectangle_picture((300, 200), FACE)
    with pytest.raises(InputError, match="make detector"):
        predictor.faces(picture)
    assert len(predictor.faces(picture, FACE)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_lying_face_is_found_as_an_upright_one(shipped: Predictor, angle: int) -> None:
    picture = render_face(np.random.default_rng(3), 256).picture
    (upright,), (lying,) = (shipped.faces(each, crops=True) for each in (picture, picture.rotate(angle)))
    turned_back = (upright.points - 128) @ _rotation(-angle).T + 128
    np.testing.assert_allclose(lying.points, turned_back, atol=1)
    assert lying.score == pytest.approx(upright.score, abs=0.05)
    assert (lying.pose[2] - upright.pose[2] - angle + 180) % 360 - 180 == pytest.approx(0, abs=1)
    (boxed,) = shipped.faces(picture.rotate(angle), face_boxes.box_of_points(turned_back))
    assert np.linalg.norm(boxed.points - turned_back, axis=1).mean() < 3


def _rotation(angle: float) -> np.ndarray:
    """(2, 2), clockwise as y points down."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[cos, -sin], [sin, cos]])


def test_the_threads_are_those_that_were_asked_for(shipped: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def predict_unit(model: object, squares: torch.Tensor) -> np.ndarray:
        seen.append(torch.get_num_threads())
        return np.full((len(squares), 68, 2), 0.5) + LAYOUT / 2

    monkeypatch.setattr(torch_runtime, "predict_unit", predict_unit)
    monkeypatch.setattr(shipped.runtime, "threads", 3)
    before = torch.get_num_threads()
    shipped(rectangle_picture((300, 200), FACE))
    assert set(seen) == {3}
    assert torch.get_num_threads() == before


def test_what_cannot_compute_is_refused() -> None:
    with pytest.raises(InputError, match="threads, found 0"):
        Predictor("any.pth.tar", threads=0)
    with pytest.raises(InputError, match="CUDA devices"):
        Predictor(ROOT / "best.pth.tar", device="cuda:99" if torch.cuda.is_available() else "cuda")


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
        (np.zeros((20, 20, 2), np.uint8), r"\(H, W, 3\)"),
        (b"no picture", "not a picture in a known format"),
        (np.zeros((20, 20, 3), np.int32), "uint8"),
        (np.zeros((0, 20, 3), np.uint8), r"\(H, W, 3\)"),
        (torch.zeros(20, 20, 3), r"\(3, H, W\)"),
        (torch.zeros(3, 0, 20), r"found \(3, 0, 20\), which is empty"),
        (torch.full((3, 20, 20), 255.0), r"\[0, 1\]"),
        (torch.full((3, 20, 20), torch.nan), r"\[0, 1\]"),
        ("missing.jpg", "missing.jpg: no such picture"),
        ([7], "found int"),
        (None, "found NoneType"),  # what OpenCV reads from a missing file
    ],
)
def test_what_is_no_picture_is_refused(exact: Predictor, picture: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        exact(picture)


@pytest.mark.parametrize("boxes", [[[1, 2, 30, 40], [1, 2]], [[1, 2, 30, 40], []], ["left"], [[1, 2, 30, 40, 0.9]]])
def test_boxes_that_are_not_four_numbers_each_are_refused(exact: Predictor, boxes: list) -> None:
    with pytest.raises(InputError, match="expected boxes"):
        exact(np.zeros((60, 60, 3), np.uint8), boxes)


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
    pictures, points_image = read_crops(folder, count)
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


@pytest.mark.slow
def test_boxes_that_are_10_percent_off_cost_little_on_rendered_faces(shipped: Predictor, rendered: Path) -> None:
    _check_jitter(shipped, rendered, 48, largest=3.0, growth=1.1)


@pytest.mark.slow
def test_boxes_that_are_10_percent_off_cost_little_on_photographs(shipped: Predictor, real_data: Path) -> None:
    _check_jitter(shipped, real_data / "aflw_val", 24, largest=2.5, growth=1.1)
