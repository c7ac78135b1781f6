"""The detector's decoding, suppression, tilt and tiles on a stand-in network, and its file where there is one."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rectangle_face import RectangleDetector, rectangle_picture

from src.boxes import box_of_points
from src.errors import InputError
from src.predict import detector_file
from src.predict.detector import BlazeFace, Detections, detect_upside_down, non_maximum_suppression, only_small
from src.predict.detector_file import DETECTOR_PATH, open_detector
from src.predict.predictor import Predictor
from src.synthesis.renderer.face import render_face


def white_spot(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network that sees a white square: at the four anchors nearest to it, the same box of twice its size."""
    raw, logits = np.zeros((896, 16), np.float32), np.full(896, -9, np.float32)
    rows, columns = np.nonzero(image[..., 0] > 0.9)
    if len(rows) == 0:
        return raw, logits
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    cell = np.floor(middle / 16).astype(int).clip(0, 15)
    anchor = 16 * (cell + 0.5)
    for turn, anchor_index in enumerate(2 * (cell[1] * 16 + cell[0]) + np.arange(2)):
        raw[anchor_index, :2] = middle - anchor
        raw[anchor_index, 2:4] = 2 * np.ptp(columns)
        raw[anchor_index, 4:] = np.tile(middle - anchor, 6)
        raw[anchor_index, 4:8] += [-5, 0, 5, 0]  # eyes
        raw[anchor_index, 10] += 8  # the mouth on the eyes' right: the head lies
        logits[anchor_index] = 3 + turn
    return raw, logits


def test_a_detection_is_where_the_network_says_once() -> None:
    picture = Image.new("RGB", (640, 480))
    picture.paste((255, 255, 255), (400, 200, 500, 300))
    found = BlazeFace(white_spot).detect(picture)
    assert found.boxes.shape == (1, 4)
    np.testing.assert_allclose(found.boxes[0], (350, 150, 550, 350), atol=9)
    assert found.score[0] == pytest.approx(1 / (1 + np.exp(-4)))
    assert found.roll[0] == pytest.approx(90)
    assert len(BlazeFace(white_spot).detect(Image.new("RGB", (640, 480))).boxes) == 0


def test_a_picture_on_its_head_gives_the_same_boxes() -> None:
    picture = Image.new("RGB", (640, 480))
    picture.paste((255, 255, 255), (400, 200, 500, 300))
    detector = BlazeFace(white_spot)
    standing, turned = detector.detect(picture), detect_upside_down(detector, picture, level=0)
    np.testing.assert_allclose(turned.boxes, standing.boxes, atol=9)
    assert turned.roll[0] == pytest.approx(90 + 180)
    assert detect_upside_down(detector, Image.new("RGB", (640, 480)), level=0).boxes.shape == (0, 4)


class _LowerHalf(RectangleDetector):
    """Knows a face in a picture's lower half alone, as others know upright faces alone."""

    def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
        found = super().detect(picture)
        is_low = found.boxes[:, 1::2].mean(axis=1) > picture.height / 2
        return Detections(found.boxes[is_low], found.score[is_low], found.roll[is_low])


def test_where_no_face_is_upright_one_upside_down_is_looked_for(rectangle_model: None) -> None:
    predictor = Predictor("any.pth.tar", detector=_LowerHalf())
    box, other = (60, 30, 160, 110), (200, 260, 280, 330)
    (face,) = predictor.faces(rectangle_picture((400, 400), box))
    np.testing.assert_allclose(box_of_points(face.points), box, atol=1)
    assert face.is_upside_down
    (standing,) = predictor.faces(rectangle_picture((400, 400), box, other))  # one that is sure is enough
    assert not standing.is_upside_down
    found = predictor.faces([rectangle_picture((400, 400), box), rectangle_picture((400, 400), other)])
    assert [[face.is_upside_down for face in faces] for faces in found] == [[True], [False]]


def test_closer_looks_show_tiles() -> None:
    sides = []

    def network(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sides.append(np.sqrt((image[..., 0] > 0).sum()))
        return white_spot(image)

    picture = Image.new("RGB", (1280, 720))
    picture.paste((255, 255, 255), (100, 100, 140, 140))
    for level, count in ((0, 1), (1, 3 * 2), (2, 7 * 4)):
        sides.clear()
        (box,) = BlazeFace(network).detect(picture, level=level).boxes
        np.testing.assert_allclose(box, (80, 80, 160, 160), atol=16)
        assert len(sides) == count
        assert max(sides) == pytest.approx(8 * 2**level, abs=2)
    assert len(BlazeFace(network).detect(picture.resize((640, 360)), level=2).boxes) == 0  # no tile would show more


def test_faces_are_looked_for_from_closer_by_where_they_are_small_or_doubtful(rectangle_model: None) -> None:
    class Detector(RectangleDetector):
        """Sees one of some boxes at each level."""

        def detect(self, picture: Image.Image, *, level: int = 0) -> Detections:
            levels.append(level)
            seen = np.array(boxes[level : level + 1], float).reshape(-1, 4)
            return Detections(seen, np.full(len(seen), score), np.zeros(len(seen)), has_traces)

    def looked(*seen: tuple[int, int, int, int], tiles: bool | None = None) -> tuple[int, list[int]]:
        levels.clear()
        boxes[:] = seen
        return len(predictor.faces(picture, tiles=tiles)), levels

    levels, boxes, score, has_traces = [], [], 0.6, True
    predictor = Predictor("any.pth.tar", detector=Detector())
    large, small, tiny, nothing = (100, 100, 300, 300), (500, 100, 560, 160), (500, 300, 530, 330), (700, 100, 900, 300)
    picture = rectangle_picture((999, 800), large, small, tiny)
    assert looked(large, small) == (1, [0])
    assert looked(small, large) == (2, [0, 1])
    assert looked(small, tiny, large) == (3, [0, 1, 2])
    assert looked(nothing, large, small) == (1, [0, 1])
    assert looked(small, large, tiles=False) == (1, [0])
    assert looked(large, small, tiny, tiles=True) == (3, [0, 1, 2])
    assert looked(large, large, large, tiles=True) == (1, [0, 1, 2])
    assert looked(nothing, nothing, small) == (1, [0, 1, 2])
    assert looked(nothing, nothing, nothing) == (0, [0, 1, 2, 0])  # upside down, not from closer by
    score = 0.8
    assert looked(nothing, large) == (0, [0, 0])
    picture = rectangle_picture((1000, 800), large, small, tiny)  # a large one: small faces may stand beside a sure one
    assert looked(large, small, tiny) == (3, [0, 1, 2])
    assert looked(large, large, tiny) == (1, [0, 1])
    assert looked(large, small, tiles=False) == (1, [0])
    has_traces = False
    assert looked(large, small) == (1, [0])


@pytest.mark.parametrize(("score", "found", "has_traces"), [(0.9, 2, False), (0.4, 1, True), (0.1, 1, False)])
def test_traces_are_what_scores_a_little_too_low(score: float, found: int, has_traces: bool) -> None:
    def network(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raw, logits = white_spot(image)
        logits[0] = np.log(score / (1 - score))  # in the picture's corner, away from the spot
        raw[0, 2:4] = 20
        return raw, logits

    detections = BlazeFace(network).detect(rectangle_picture((640, 640), (300, 300, 340, 340)))
    assert (len(detections.boxes), detections.has_traces) == (found, has_traces)


def test_the_order_of_channels_reaches_the_detector(rectangle_model: None) -> None:
    predictor = Predictor("any.pth.tar", detector=RectangleDetector())  # sees red
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[40:120, 60:160] = (0, 0, 255)
    assert [len(predictor.faces(pixels, channels=channels)) for channels in ("BGR", "RGB")] == [1, 0]


def test_a_detection_in_a_tile_must_be_surer() -> None:
    def faint(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raw, logits = white_spot(image)
        return raw, np.where(logits > 0, np.float32(0.5), logits)  # a score of 0.62

    picture = Image.new("RGB", (1280, 960))
    picture.paste((255, 255, 255), (100, 100, 200, 200))
    assert [len(BlazeFace(white_spot).detect(picture, level=level).boxes) for level in (0, 1)] == [1, 1]
    assert [len(BlazeFace(faint).detect(picture, level=level).boxes) for level in (0, 1)] == [1, 0]


def test_what_is_faint_or_fills_a_part_of_a_picture_is_no_small_face() -> None:
    boxes = np.array([(0, 0, 40, 40), (0, 0, 40, 40), (0, 0, 20, 50), (10, 10, 59, 59.0)])
    found = only_small(Detections(boxes, np.array([0.6, 0.7, 0.9, 0.7]), np.arange(4.0)), 100)
    assert found.roll.tolist() == [1, 3]
    assert found.score.tolist() == [0.7, 0.7]
    np.testing.assert_array_equal(found.boxes, boxes[[1, 3]])


def test_overlapping_boxes_are_one_face_and_the_best_stays() -> None:
    boxes = np.array([(0, 0, 10, 10), (1, 0, 11, 10), (20, 0, 30, 10.0)])
    assert list(non_maximum_suppression(boxes, np.array([0.5, 0.9, 0.7]), 0.3)) == [1, 2]
    assert list(non_maximum_suppression(boxes, np.array([0.5, 0.9, 0.7]), 0.9)) == [1, 2, 0]
    assert len(non_maximum_suppression(np.empty((0, 4)), np.empty(0), 0.3)) == 0


def test_wrong_detector_files_are_refused(tmp_path: object) -> None:
    with pytest.raises(InputError, match="make detector"):
        open_detector(tmp_path / "none.tflite")
    (tmp_path / "face.bin").write_bytes(b"1")
    with pytest.raises(InputError, match=r"ends in \.tflite or \.onnx"):
        open_detector(tmp_path / "face.bin")
    (tmp_path / "face.tflite").write_bytes(b"1")
    with pytest.raises(InputError, match=r"face\.tflite"):
        open_detector(tmp_path / "face.tflite")


def test_the_onnx_form_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_file, "DETECTOR_PATH", tmp_path / "face.tflite")
    for ending in (".tflite", ".onnx"):
        (tmp_path / "face").with_suffix(ending).write_bytes(b"1")  # no network: the error names the file that was read
        with pytest.raises(InputError, match=rf"face\{ending}"):
            open_detector()


def test_threads_take_turns_at_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interpreter:
        """Answers with what was set last, after a while."""

        def get_input_details(self) -> list[dict]:
            return [{"index": 0, "shape": (1, 256, 256, 3)}]

        def get_output_details(self) -> list[dict]:
            return [{"index": 1, "shape": (1, 896, 16)}, {"index": 2, "shape": (1, 896, 1)}]

        def set_tensor(self, index: int, value: np.ndarray) -> None:
            self.value = value.mean()

        def invoke(self) -> None:
            time.sleep(0.01)

        def get_tensor(self, index: int) -> np.ndarray:
            return np.full((1, 896, 16 if index == 1 else 1), self.value)

    (tmp_path / "face.tflite").write_bytes(b"1")
    monkeypatch.setattr(detector_file, "open_tflite", lambda path, **options: Interpreter())
    network = open_detector(tmp_path / "face.tflite").network
    images = [np.full((256, 256, 3), value, np.float32) for value in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = [raw.mean() for raw, _ in pool.map(network, images)]
    assert answers == list(range(8))


@pytest.mark.parametrize("roll", [0, 50, -120])
def test_the_real_one_finds_a_rendered_face(roll: float) -> None:
    if not DETECTOR_PATH.is_file():
        pytest.skip("needs the detector's file: make detector")
    sample = render_face(np.random.default_rng(3), 200)
    picture = Image.new("RGB", (640, 480), (90, 110, 90))
    picture.paste(sample.picture.rotate(roll, Image.Resampling.BILINEAR), (300, 150))
    found = open_detector().detect(picture)
    assert len(found.boxes) == 1
    middle = (found.boxes[0, :2] + found.boxes[0, 2:]) / 2
    assert np.abs(middle - (400, 250)).max() < 40
    assert found.roll[0] == pytest.approx(roll, abs=25)
