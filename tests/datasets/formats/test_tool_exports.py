"""What labeling tools export: points sorted by name, ids of two kinds, several files, boxes and annotators."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_folders import SIZE, picture
from stand_in import project

from src.datasets.cropping import crop_squares
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.errors import InputError

FACE = project(np.array([[5.0, 10, 3]]))[0] * min(SIZE) + (20, 0)
BOX = [*FACE.min(axis=0), *FACE.max(axis=0)]
PART_NAMES = [
    f"{part}_{i}"
    for part, count in (("jaw", 17), ("brow", 10), ("nose", 9), ("eye", 12), ("mouth", 20))
    for i in range(count)
]


def _annotation(points: np.ndarray = FACE, image: object = 1, **more: object) -> dict:
    keypoints = np.column_stack([points, np.full(len(points), 2)]).ravel().tolist()
    return {"image_id": image, "category_id": 1, "keypoints": keypoints, **more}


def _coco(root: Path, annotations: list[dict], *, categories: list[dict] = (), images: list[dict] = ()) -> Faces:
    """The faces of a file of these annotations."""
    images = list(images) or [{"id": 1, "file_name": "1.jpg"}]
    for image in images:
        picture(root / image["file_name"])
    content = {"images": images, "annotations": annotations, "categories": list(categories)}
    (root / "faces.json").write_text(json.dumps(content))
    return read_faces(Folder(root), "coco")


def _category(names: object, number: int = 1, name: str = "face") -> dict:
    return {"id": number, "name": name, "keypoints": names}


def _points(points: np.ndarray = FACE, labels: list[str] | None = None, group: int | None = None) -> list[dict]:
    labels = labels or [str(i) for i in range(len(points))]
    return [
        {"label": label, "points": [point], "group_id": group, "shape_type": "point"}
        for label, point in zip(labels, points.tolist(), strict=True)
    ]


def _rectangle(left: float, top: float, right: float, bottom: float, label: str = "face") -> dict:
    return {"label": label, "points": [[left, top], [right, bottom]], "group_id": None, "shape_type": "rectangle"}


def _label(root: Path, files: dict[str, list[dict]], **more: object) -> Faces:
    """The faces of LabelMe's files, by their names without an ending; 1_backup also states 1.jpg."""
    for stem, shapes in files.items():
        name = f"{stem.split('_')[0]}.jpg"
        picture(root / name)
        content = {"shapes": shapes, "imagePath": name, "imageWidth": SIZE[0], "imageHeight": SIZE[1], **more}
        (root / f"{stem}.json").write_text(json.dumps(content))
    return read_faces(Folder(root), "x_anylabeling")


@pytest.mark.parametrize("name", ["{}_pt", "face1_{}", "{}"])
@pytest.mark.parametrize("as_table", [False, True])
def test_points_sorted_as_text_are_put_into_order(name: str, as_table: bool, tmp_path: Path) -> None:
    order = sorted(range(68), key=str)
    names = [name.format(i) for i in order]
    names = {str(place): one for place, one in enumerate(names)} if as_table else names
    faces = _coco(tmp_path, [_annotation(FACE[order])], categories=[_category(names)])
    np.testing.assert_allclose(faces.points_image, FACE[None])
    assert "points of face put into the order" in faces.remarks[0]


def test_numbers_need_not_begin_at_0_or_1(tmp_path: Path) -> None:
    names = [str(i) for i in range(68, 17, -1)]
    faces = _coco(tmp_path, [_annotation(FACE[:16:-1])], categories=[_category(names)])
    np.testing.assert_allclose(faces.points_image, FACE[None, 17:])


def test_names_sorted_as_text_that_do_not_tell_the_order_are_refused(tmp_path: Path) -> None:
    order = sorted(range(68), key=PART_NAMES.__getitem__)
    names = [PART_NAMES[i] for i in order]
    with pytest.raises(InputError, match=r"found their names sorted as text, with 'eye_10' before smaller numbers"):
        _coco(tmp_path, [_annotation(FACE[order])], categories=[_category(names)])
    faces = _coco(tmp_path, [_annotation()], categories=[_category(PART_NAMES), _category(names, 2, "unused")])
    np.testing.assert_allclose(faces.points_image, FACE[None])
    assert not faces.remarks


@pytest.mark.parametrize("stated", [None, "1", 1.0, 7])
def test_the_only_category_is_that_of_all_annotations(stated: object, tmp_path: Path) -> None:
    names = [str(i) for i in range(67, -1, -1)]
    faces = _coco(tmp_path, [_annotation(FACE[::-1], category_id=stated)], categories=[_category(names)])
    np.testing.assert_allclose(faces.points_image, FACE[None])
    if stated == 7:
        with pytest.raises(InputError, match=r"expected one of the listed categories \(1, 2\), found 7"):
            _coco(tmp_path, [_annotation(category_id=7)], categories=[_category(names), _category(names, 2)])


def test_ids_of_images_may_be_numbers_or_text(tmp_path: Path) -> None:
    faces = _coco(tmp_path, [_annotation(image=3)], images=[{"id": "3", "file_name": "1.jpg"}])
    np.testing.assert_allclose(faces.points_image, FACE[None])


def test_an_id_of_two_categories_is_refused(tmp_path: Path) -> None:
    names = [str(i) for i in range(68)]
    faces = _coco(tmp_path, [_annotation()], categories=[_category(names), _category(names)])
    np.testing.assert_allclose(faces.points_image, FACE[None])
    with pytest.raises(InputError, match="expected an id for each category, found 1 for two"):
        _coco(tmp_path, [_annotation()], categories=[_category(names), _category(names[::-1])])


def test_a_picture_under_two_ids_is_said(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": "1.jpg"} for number in (1, 2)]
    faces = _coco(tmp_path, [_annotation(), _annotation(FACE - (40, 0), image=2)], images=images)
    assert "1 picture under several ids (1.jpg)" in faces.remarks


def test_a_face_of_coco_wholebody_that_is_not_valid_is_left_out(tmp_path: Path) -> None:
    seen = {"face_kpts": _annotation()["keypoints"], "face_box": [30, 20, 80, 90], "face_valid": True}
    other = {"face_kpts": _annotation(FACE + 5)["keypoints"], "face_box": [0] * 4, "face_valid": False}
    faces = _coco(tmp_path, [_annotation(FACE[:17], **seen), _annotation(FACE[:17], **other)])
    np.testing.assert_allclose(faces.points_image, FACE[None])
    assert faces.left_out["faces with unmarked points"] == ["1.jpg"]


def test_a_box_without_extent_is_none(tmp_path: Path) -> None:
    faces = _coco(tmp_path, [_annotation(bbox=[0, 0, 0, 0])])
    assert np.isnan(faces.boxes_image).all()
    assert np.isfinite(crop_squares(faces, "box")).all()


@pytest.mark.parametrize("name", ["{}", "p{}", "kp {} "])
@pytest.mark.parametrize("first", [0, 1])
def test_points_of_labelme_are_numbered_from_0_or_1(name: str, first: int, tmp_path: Path) -> None:
    labels = [name.format(first + i) for i in range(68)]
    faces = _label(tmp_path, {"1": _points(labels=labels)[::-1]})
    np.testing.assert_allclose(faces.points_image, FACE[None])
    assert ("points of 1 picture are numbered from 1 (1.jpg)" in faces.remarks) == (first == 1)
    with pytest.raises(InputError, match=r"expected points 0 to \d+ of group None, found 67 of them"):
        _label(tmp_path, {"1": _points(FACE[1:], labels[1:])})


@pytest.mark.parametrize(("first", "is_known"), [(0, True), (1, True), (17, True), (18, True), (2, False)])
def test_51_points_may_have_their_numbers_among_the_68(first: int, is_known: bool, tmp_path: Path) -> None:
    shapes = _points(FACE[17:], [str(first + i) for i in range(51)])
    if not is_known:
        with pytest.raises(InputError, match="expected points 0 to 52 of group None, found 51 of them"):
            _label(tmp_path, {"1": shapes})
        return
    faces = _label(tmp_path, {"1": shapes})
    np.testing.assert_allclose(faces.points_image, FACE[None, 17:])
    assert faces.remarks == ((f"points of 1 picture are numbered from {first} (1.jpg)",) if first else ())


def test_groups_of_points_without_numbers_are_named(tmp_path: Path) -> None:
    faces = _label(tmp_path, {"1": _points(group=1) + _points(FACE[:2], ["pupil", "pupil"], group=2)})
    assert len(faces) == 1
    assert faces.left_out["groups of points without numbers, in pictures"] == ["1.jpg"]


def test_lines_next_to_points_are_named(tmp_path: Path) -> None:
    jaw = {"label": "jaw", "points": FACE[:17].tolist(), "group_id": None, "shape_type": "linestrip"}
    words = "shapes other than points and rectangles, in pictures"
    faces = _label(tmp_path / "both", {"1": [*_points(), jaw, jaw], "2": [jaw]})
    assert faces.left_out[words] == ["1.jpg", "1.jpg", "2.jpg"]
    with pytest.raises(InputError, match="1 shape other than points and rectangles, in pictures left out"):
        _label(tmp_path / "lines", {"1": [jaw]})
    with pytest.raises(InputError, match=r"expected x, y of each corner of a point, found an array of shape \(17, 2\)"):
        _label(tmp_path / "long", {"1": [{**jaw, "shape_type": "point"}]})


def test_folders_of_label_files_are_subsets(tmp_path: Path) -> None:
    for folder in ("anna", "bela"):
        _label(tmp_path / folder, {"1": _points()})
    faces = read_faces(Folder(tmp_path), "x_anylabeling")
    assert faces.subset("anna").names.tolist() == ["anna/1.jpg"]
    assert faces.subset("bela").names.tolist() == ["bela/1.jpg"]


def test_of_several_rectangles_the_faces_own_is_its_box(tmp_path: Path) -> None:
    others = [_rectangle(*FACE[48:].min(axis=0), *FACE[48:].max(axis=0), "mouth"), _rectangle(0, 0, 30, 40)]
    faces = _label(tmp_path, {"1": [others[0], _rectangle(*BOX), *_points(), others[1]]})
    np.testing.assert_allclose(faces.boxes_image, [BOX])


@pytest.mark.parametrize(
    ("size", "words"), [((80, 60), "state a picture of 80 x 60"), (SIZE, ""), (SIZE[::-1], ""), (None, "")]
)
def test_the_picture_inside_a_file_is_the_labeled_one(size: tuple[int, int] | None, words: str, tmp_path: Path) -> None:
    content = io.BytesIO()
    if size:
        Image.new("RGB", size).save(content, "PNG")
    faces = _label(tmp_path, {"1": _points()}, imageData=base64.b64encode(content.getvalue()).decode())
    assert words in faces.faults[0]
    assert bool(faces.faults[0]) == bool(words)


def test_two_files_of_one_picture_are_said(tmp_path: Path) -> None:
    faces = _label(tmp_path, {"1": _points(), "1_backup": _points(FACE + 4)})
    assert any("1 picture with several label files" in remark for remark in faces.remarks)
    assert any("1 face on another face of the same picture: labeled twice?" in remark for remark in faces.remarks)


@pytest.mark.parametrize(("count", "is_said"), [(68, True), (20, True), (3, False)])
def test_points_kept_from_the_picture_before_are_said(count: int, is_said: bool, tmp_path: Path) -> None:
    other = np.add(FACE, (3.5, 2.5))
    other[:count] = FACE[:count]
    faces = _label(tmp_path, {"1": _points(), "2": _points(other)})
    words = "1 face with points of a face in another picture: copied? (2.jpg)"
    assert (words in faces.remarks) == is_said


def test_two_faces_beside_each_other_are_not_one(tmp_path: Path) -> None:
    faces = _label(tmp_path, {"1": _points(group=1) + _points(np.add(FACE, (60, 0)), group=2)})
    assert not faces.remarks


@pytest.mark.parametrize(("labeled", "shown"), [((64, 67), (400, 420)), ((320, 224), (1000, 701))])
def test_labels_of_a_thumbnail_are_rescaled_whatever_its_rounding(
    labeled: tuple[int, int], shown: tuple[int, int], tmp_path: Path
) -> None:
    face = FACE / max(FACE.max(axis=0)) * 60
    size = {"imageWidth": labeled[0], "imageHeight": labeled[1]}
    _label(tmp_path, {"1": _points(face)}, **size)
    picture(tmp_path / "1.jpg", shown)
    assert "set rescale" in read_faces(Folder(tmp_path), "x_anylabeling").faults[0]
    faces = read_faces(Folder(tmp_path), "x_anylabeling", rescale=True)
    np.testing.assert_allclose(faces.points_image, face[None] * np.divide(shown, labeled))


def _yolo(root: Path, points: np.ndarray, yamls: dict[str, str]) -> Faces:
    picture(root / "images" / "1.jpg")
    for name, shape in yamls.items():
        (root / name).write_text(f"kpt_shape: {shape}\n")
    (root / "labels").mkdir(exist_ok=True)
    shares = " ".join(f"{x:.9f} {y:.9f} 2" for x, y in points / SIZE)
    (root / "labels" / "1.txt").write_text(f"0 0.5 0.5 0.6 0.6 {shares}\n")
    return read_faces(Folder(root), "yolo_pose")


def test_of_several_shapes_of_yolo_the_fitting_one_is_taken(tmp_path: Path) -> None:
    faces = _yolo(tmp_path, FACE, {"a_model.yaml": "[17, 3]", "data.yaml": "[68, 3]"})
    np.testing.assert_allclose(faces.points_image, FACE[None], atol=1e-6)
    with pytest.raises(InputError, match=r"for 204 columns of points, found \[102, 2\] and \[68, 3\]"):
        _yolo(tmp_path, FACE, {"a_model.yaml": "[102, 2]"})


@pytest.mark.parametrize("first", ["./images/1.jpg", "0001.jpg", "face"])
def test_lists_beside_labels_of_yolo_are_named(first: str, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "train.txt").write_text(f"{first}\n")
    assert _yolo(tmp_path, FACE, {}).left_out["other text files"] == ["labels/train.txt"]
