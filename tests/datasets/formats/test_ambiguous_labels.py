"""Labels that can be understood in two ways: understood in the right one and said so, or refused by name."""

import json
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from sample_folders import MATLAB, SIZE, picture, pts_text, sample
from scipy.io import savemat
from stand_in import project

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.datasets.repeats import repeat_remarks
from src.errors import InputError

FACE = project(np.array([[5.0, 10, 3]]))[0] * min(SIZE) + (20, 0)


def _read(root: Path) -> Faces:
    folder = Folder(root)
    return read_faces(folder, detect_format(folder))


def _coco(path: Path, faces: dict[str, list[dict]], categories: list[dict] = ()) -> None:
    """Write the annotations of each picture."""
    images = [{"id": i, "file_name": name} for i, name in enumerate(faces)]
    annotations = [{**face, "image_id": i} for i, name in enumerate(faces) for face in faces[name]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": list(categories)}))


def _face(points: np.ndarray = FACE, category: int = 0, **more: object) -> dict:
    keypoints = np.column_stack([points, np.full(len(points), 2)]).ravel().tolist()
    return {"keypoints": keypoints, "category_id": category, **more}


def _pts(path: Path, points: np.ndarray) -> None:
    picture(path.with_suffix(".jpg"))
    path.write_text(pts_text(points + MATLAB))


def _yolo(path: Path, points: np.ndarray, classes: tuple[int, ...] = (0,)) -> None:
    shares = " ".join(f"{x:.9f} {y:.9f} 2" for x, y in points / SIZE)
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{number} 0.5 0.5 0.6 0.6 {shares}\n" for number in classes))


@pytest.mark.parametrize("names", [[str(i) for i in range(68)], [f"point {i}" for i in range(1, 69)]])
def test_numbered_points_of_a_category_are_put_into_order(names: list[str], tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    order = sorted(range(68), key=lambda i: names[i])  # 0, 1, 10, 11, ..., as text is sorted
    _coco(tmp_path / "a.json", {"a.jpg": [_face(FACE[order])]},
          [{"id": 0, "name": "face", "keypoints": [names[i] for i in order]}])  # fmt: skip
    faces = _read(tmp_path)
    np.testing.assert_allclose(faces.points_image, FACE[None])
    assert "points of face put into the order" in faces.remarks[0]


def test_the_faces_among_people_are_taken(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    categories = [{"id": 0, "name": "person"}, {"id": 1, "name": "face"}, {"id": 2, "name": "cat"}]
    people = [_face(FACE[:17]), _face(category=1)]
    _coco(tmp_path / "a.json", {"a.jpg": people}, categories)
    faces = _read(tmp_path)
    np.testing.assert_allclose(faces.points_image, FACE[None])
    assert faces.left_out["faces of other categories"] == ["a.jpg"]
    _coco(tmp_path / "a.json", {"a.jpg": [_face(category=1), _face(FACE + 3, category=2)]}, categories)
    faces = _read(tmp_path)
    assert "faces of 2 categories" in faces.remarks[0]
    np.testing.assert_allclose(faces.subset("face").points_image, FACE[None])
    _coco(tmp_path / "a.json", {"a.jpg": [_face(FACE[:17]), _face(FACE[:5], category=2)]}, categories)
    with pytest.raises(InputError, match=r"found person \(17\), cat \(5\)"):
        _read(tmp_path)


def test_people_of_coco_wholebody_give_their_faces(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    seen = {"face_kpts": _face()["keypoints"], "face_box": [30, 20, 80, 90]}
    hidden = {"face_kpts": [0] * 204, "face_box": [0] * 4}
    nothing = {"image_id": 0, "keypoints": None}
    _coco(tmp_path / "a.json", {"a.jpg": [_face(FACE[:17], **seen), _face(FACE[:17], **hidden), nothing]})
    faces = _read(tmp_path)
    np.testing.assert_allclose(faces.points_image, FACE[None])
    np.testing.assert_allclose(faces.boxes_image, [[30, 20, 110, 110]])
    assert faces.left_out["faces with unmarked points"] == ["a.jpg"] * 2


def test_a_face_that_several_files_state_counts_once(tmp_path: Path) -> None:
    for i in range(2):
        picture(tmp_path / "images" / f"{i}.jpg")
    _coco(tmp_path / "all.json", {"0.jpg": [_face()], "1.jpg": [_face(FACE + 2)]})
    _coco(tmp_path / "train.json", {"0.jpg": [_face()]})
    _coco(tmp_path / "val.json", {"0.jpg": [_face(FACE + 1)]})
    faces = _read(tmp_path)
    assert len(faces) == 3
    assert {name: int(mask.sum()) for name, mask in faces.subsets.items()} == {"all": 2, "train": 1, "val": 1}
    doubled, repeated, shared = faces.remarks
    assert "1 face on another face of the same picture: labeled twice? (images/0.jpg)" in doubled
    assert "1 face stated again" in repeated
    assert "1 picture of two parts, train and another (images/0.jpg)" in shared


@pytest.mark.parametrize(
    ("place", "is_refused", "is_said"),
    [(0, False, False), (0.02, False, True), (0.15, True, True), (2, False, True)],  # in shares of the face's size
)
def test_two_lists_of_one_name_are_not_two_faces_in_one_place(
    place: float, is_refused: bool, is_said: bool, tmp_path: Path
) -> None:
    picture(tmp_path / "images" / "1.jpg")
    other = FACE + place * np.sqrt(np.ptp(FACE, axis=0).prod()) / np.sqrt(2)
    _coco(tmp_path / "anna.json", {"1.jpg": [_face()]})
    _coco(tmp_path / "bela.json", {"1.jpg": [_face(other)]})
    faces = _read(tmp_path)
    assert ("1 picture whose faces are of different subsets (images/1.jpg)" in faces.remarks) == is_said
    assert all(("anna and bela have different faces" in fault) == is_refused for fault in faces.faults)


@pytest.mark.parametrize("count", [68, 51])
def test_all_x_before_all_y_are_no_points(count: int, tmp_path: Path) -> None:
    face = FACE[-count:]
    picture(tmp_path / "a.jpg")
    _coco(tmp_path / "a.json", {"a.jpg": [_face(face.T.reshape(-1, 2)), _face(face)]})
    faults = _read(tmp_path).faults
    assert "all x stand before all y" in faults[0]
    assert faults[1] == ""


def test_a_turned_head_on_the_diagonal_is_in_order(tmp_path: Path) -> None:
    face = project(np.array([[-30.0, 60, 20]]))[0] * min(SIZE)  # x and y of each point differ little
    face[:, 0] -= np.median(face[:, 0] - face[:, 1])
    picture(tmp_path / "a.jpg")
    _coco(tmp_path / "a.json", {"a.jpg": [_face(face)]})
    assert _read(tmp_path).faults.tolist() == [""]


def test_files_of_one_name_are_subsets_by_their_folders(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        picture(tmp_path / part / f"{part}.jpg")
        _coco(tmp_path / part / "_annotations.coco.json", {f"{part}.jpg": [_face()]})
    assert {name: int(mask.sum()) for name, mask in _read(tmp_path).subsets.items()} == {
        "train/_annotations.coco": 1, "valid/_annotations.coco": 1
    }  # fmt: skip


def test_keys_that_stand_twice_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    _coco(tmp_path / "a.json", {"a.jpg": [_face()]})
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace("{", '{"images": [], ', 1))
    with pytest.raises(InputError, match="found 'images' more than once"):
        _read(tmp_path)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.vstack([-FACE[:5], FACE[5:]]), "negated ones (-x -y, as MERL-RAV has hidden points) at 0, 1, 2, 3, 4"),
        (FACE / 160, "are they shares of the picture's sides?"),
        (FACE / 80 - 1, "are they shares of the picture's sides?"),
        (FACE * 10, "far outside the picture (160 x 120 pixels)"),
        (FACE * 1e300, "far outside the picture"),
        (FACE - FACE.mean(axis=0) + (10, 5), ""),  # a face at the corner, half of it outside
    ],
)
def test_numbers_that_are_no_pixels_are_no_points(points: np.ndarray, words: str, tmp_path: Path) -> None:
    _pts(tmp_path / "a.pts", points)
    fault = _read(tmp_path).faults[0]
    assert words in fault
    assert bool(fault) == bool(words)
    picture(tmp_path / "challenge" / "a.png")
    (tmp_path / "challenge" / "annot.pkl").write_bytes(pickle.dumps((["a.png"], [points])))
    assert _read(tmp_path / "challenge").faults[0] == fault


@pytest.mark.parametrize("size", [[160], [[160, 120]], {}, None, "wide"])
def test_a_size_that_is_no_number_states_nothing(size: object, tmp_path: Path) -> None:
    points = sample("coco", tmp_path / "set")
    path = next((tmp_path / "set").rglob("*.json"))
    content = json.loads(path.read_text())
    content["images"][0] |= {"width": size, "height": 120}
    path.write_text(json.dumps(content))
    faces = _read(tmp_path / "set")
    np.testing.assert_allclose(faces.points_image, points, atol=1e-5)
    assert not any(faces.faults)


def test_classes_of_yolo_are_subsets(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    _yolo(tmp_path / "labels" / "a.txt", FACE, classes=(0, 3))
    faces = _read(tmp_path)
    assert len(faces) == 1  # the same points in both
    assert "faces of 2 classes, each a subset (class 0, class 3)" in faces.remarks[0]
    assert set(faces.subsets) == {"class 0", "class 3"}


@pytest.mark.parametrize("other", ["# kpt_shape: [17, 3]", f"kpt_shape: [{'9' * 5000}, 3]"], ids=["comment", "digits"])
def test_neither_a_comment_nor_thousands_of_digits_are_a_shape(other: str, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    _yolo(tmp_path / "labels" / "a.txt", FACE)
    (tmp_path / "data.yaml").write_text(f"{other}\nkpt_shape: [68, 3]\n")
    np.testing.assert_allclose(_read(tmp_path).points_image[0], FACE, atol=1e-6)


def test_decimal_commas_of_a_tsv_are_refused(tmp_path: Path) -> None:
    sample("tsv", tmp_path / "set")
    path = tmp_path / "set" / "train.tsv"
    columns = path.read_text().split("\t")
    path.write_text("\t".join([*columns[:2], columns[2].replace(".", ","), *columns[3:]]))
    with pytest.raises(InputError, match="272 numbers, as decimal commas make them"):
        _read(tmp_path / "set")


def test_labels_in_a_folder_of_their_own_have_their_pictures_in_images(tmp_path: Path) -> None:
    picture(tmp_path / "300W" / "images" / "a.png")
    (tmp_path / "300W" / "labels").mkdir()
    (tmp_path / "300W" / "labels" / "a.pts").write_text(pts_text(FACE[17:]))
    assert _read(tmp_path).names.tolist() == ["300W/images/a.png"]
    picture(tmp_path / "300W" / "labels" / "a.jpg")  # next to them
    assert _read(tmp_path).names.tolist() == ["300W/labels/a.jpg"]


def test_cofw_takes_no_pictures_of_its_training_part(tmp_path: Path) -> None:
    picture(tmp_path / "COFW_train" / "1.png")
    (tmp_path / "test_annotations").mkdir()
    savemat(tmp_path / "test_annotations" / "1_points.mat", {"Points": FACE + MATLAB})
    assert _read(tmp_path).faults.tolist() == ["no such picture"]
    picture(tmp_path / "COFW_test" / "1.png")
    assert _read(tmp_path).names.tolist() == ["COFW_test/1.png"]


def _lp(root: Path, points: np.ndarray, *, part: str = "AFW") -> None:
    """One turned face of 300W-LP, whose pt2d is not turned, and its turned points."""
    picture(root / part / "AFW_1_1_2.jpg")
    still = project(np.zeros((1, 3)))[0] * min(SIZE)
    savemat(root / part / "AFW_1_1_2.mat", {"pt2d": (still + MATLAB).T, "Pose_Para": np.array([[0, -0.1, 0]])})
    (root / "landmarks" / "AFW").mkdir(parents=True, exist_ok=True)
    savemat(root / "landmarks" / "AFW" / "AFW_1_1_2_pts.mat", {"pts_3d": points + MATLAB})


def test_each_tree_of_300w_lp_has_its_own_turned_points(tmp_path: Path) -> None:
    _lp(tmp_path / "one", FACE)
    _lp(tmp_path / "two", FACE + 5)
    np.testing.assert_allclose(_read(tmp_path).points_image, [FACE, FACE + 5], atol=1e-6)


def test_flipped_faces_of_300w_lp_whose_pose_tells_nothing_are_said(tmp_path: Path) -> None:
    _lp(tmp_path, FACE)
    assert not _read(tmp_path).remarks
    _lp(tmp_path, FACE, part="AFW_Flip")
    assert "1 face by pt2d" in _read(tmp_path).remarks[0]


def test_a_picture_converted_after_labeling_is_the_one_at_its_labels(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("x_anylabeling", tmp_path)
    content = json.loads((tmp_path / "0.json").read_text())
    (tmp_path / "0.json").write_text(json.dumps({**content, "imagePath": "0.jpg"}))
    (tmp_path / "others").mkdir()
    (tmp_path / "0.jpg").rename(tmp_path / "others" / "0.jpg")
    assert _read(tmp_path).names[0] == "others/0.jpg"
    picture(tmp_path / "0.png")
    faces = _read(tmp_path)
    assert faces.names[0] == "0.png"
    assert "0.jpg -> 0.png" in faces.remarks[0]


def test_a_crowd_is_looked_through_at_once() -> None:
    points = np.random.default_rng(0).random((1, 68, 2)) * 100 + 20.0 * np.arange(3_000)[:, None, None]
    points[-1] = points[5] + 1
    start = time.process_time()
    remarks = repeat_remarks(np.full(len(points), "crowd.jpg"), points)
    assert remarks == ["1 face on another face of the same picture: labeled twice? (crowd.jpg)"]
    assert time.process_time() - start < 4  # seconds; the distances of all pairs took eight
