"""Inputs that once ended with wrong points and exit code 0, format by format: read right, or refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused, run
from PIL import Image
from sample_folders import COUNT, MATLAB, SIZE, picture, pts_text, sample
from scipy.io import savemat
from stand_in import project, random_euler

from src.datasets.faces import Faces
from src.datasets.faults import describe_boxes
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.errors import InputError

FACE = project(np.zeros((1, 3)))[0] * min(SIZE)


def _read(root: Path, name: str) -> Faces:
    assert detect_format(Folder(root)) == name
    return read_faces(Folder(root), name)


def _coco(
    root: Path, images: list[dict], annotations: list[tuple[int, np.ndarray]], *, file: str = "faces.json"
) -> None:
    keypoints = [(image, np.column_stack([face, np.full(68, 2)]).ravel().tolist()) for image, face in annotations]
    faces = [{"image_id": image, "bbox": [1, 2, 30, 40], "keypoints": values} for image, values in keypoints]
    content = {"images": images, "categories": [], "annotations": faces}
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _lp(root: Path, poses: dict[int, float], *, turned: bool) -> dict[str, np.ndarray]:
    """300W-LP's tree: pt2d of the photograph before it was turned; with `turned`, also the turned points."""
    seen = {}
    for number, yaw in poses.items():
        name = f"AFW_1_{number}"
        picture(root / "AFW" / f"{name}.jpg")
        pose = np.array([[0, -np.radians(yaw), 0, 0, 0, 0, 1]])
        savemat(root / "AFW" / f"{name}.mat", {"pt2d": (FACE + MATLAB).T, "Pose_Para": pose})
        seen[f"AFW/{name}.jpg"] = project(np.array([[0, yaw, 0]]))[0] * min(SIZE)
        if turned:
            (root / "landmarks" / "AFW").mkdir(parents=True, exist_ok=True)
            points = seen[f"AFW/{name}.jpg"] + MATLAB
            savemat(root / "landmarks" / "AFW" / f"{name}_pts.mat", {"pts_3d": points, "pts_2d": points + 3})
    return seen


def test_300w_lp_takes_the_turned_points(tmp_path: Path) -> None:
    seen = _lp(tmp_path, {0: 0, 3: 30, 7: 70}, turned=True)
    faces = _read(tmp_path, "aflw2000")
    np.testing.assert_allclose(faces.points_image, [seen[name] for name in faces.names], atol=1e-6)
    assert not any(faces.faults)


@pytest.mark.parametrize(("poses", "faulty"), [({0: 0}, [False]), ({5: 50}, [True]), ({0: 0, 1: 8}, [True, True])])
def test_300w_lp_without_them_is_refused_where_the_face_was_turned(
    poses: dict[int, float], faulty: list[bool], tmp_path: Path
) -> None:
    _lp(tmp_path, poses, turned=False)
    faces = _read(tmp_path, "aflw2000")
    assert [bool(fault) for fault in faces.faults] == faulty
    assert all("landmarks" in fault for fault in faces.faults if fault)


def test_flipped_parts_do_not_take_the_points_of_unflipped_ones(tmp_path: Path) -> None:
    _lp(tmp_path, {5: 50}, turned=True)
    (tmp_path / "AFW").rename(tmp_path / "AFW_Flip")
    assert "has no turned points of its mirrored parts" in _read(tmp_path, "aflw2000").faults[0]


def test_two_coco_images_of_one_id_are_refused(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    _coco(tmp_path, images, [(1, FACE)])
    with pytest.raises(InputError, match=r"found 1 for a\.jpg and b\.jpg"):
        _read(tmp_path, "coco")
    _coco(tmp_path, images[:1] * 2, [(1, FACE)])  # the same image twice does no harm
    picture(tmp_path / "a.jpg")
    assert len(_read(tmp_path, "coco")) == 1


def test_contradictions_between_coco_images_of_one_id_are_refused(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.jpg"}
    _coco(tmp_path, [{**image, "width": 160, "height": 120}, {**image, "width": 320, "height": 240}], [(1, FACE)])
    with pytest.raises(InputError, match=r"expected one size of a\.jpg"):
        _read(tmp_path, "coco")


def test_coco_points_without_visibility_are_no_third_as_many_points(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    inner = FACE[17:].ravel().tolist()  # 51 x 2 = 34 x 3
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "keypoints": inner}]}
    (tmp_path / "faces.json").write_text(json.dumps({**content, "categories": []}))
    with pytest.raises(InputError, match="visibilities missing"):
        _read(tmp_path, "coco")


def test_a_coco_part_without_its_pictures_takes_no_others(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "train" / "1.jpg")
    for part in ("train", "val"):
        _coco(tmp_path / "set", [{"id": 0, "file_name": f"{part}/1.jpg"}], [(0, FACE)], file=f"annotations/{part}.json")
    command = ("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--image_size", 32)
    assert_refused(run(*command), "1 of 2 pictures", "val/1.jpg: no such picture")
    assert_refused(run(*command, "--subset", "val"), "val/1.jpg: no such picture")
    assert_refused(run(*command[:-2], "--subset", "val", "--to", "pts"), "val/1.jpg: no such picture")
    outcome = run(*command, "--skip_broken")
    assert "1 face, 1 broken picture left out" in outcome.out
    assert "val/1.jpg: no such picture" in outcome.out


def test_keys_of_a_json_may_come_late(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("x_anylabeling", tmp_path)
    for path in tmp_path.glob("*.json"):
        path.write_text(json.dumps({"imageData": "A" * 100_000, **json.loads(path.read_text())}))
    (tmp_path / "made_by.json").write_text('{"annotations": "a hash", "more": 1}')
    faces = _read(tmp_path, "x_anylabeling")
    assert len(faces) == COUNT
    assert faces.left_out["other .json files"] == ["made_by.json"]


def test_the_stated_picture_is_taken_of_two_of_one_stem(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("x_anylabeling", tmp_path)
    Image.new("RGB", SIZE).save(tmp_path / "0.png")
    with pytest.raises(InputError, match=r"found 0\.jpg and 0\.png"):
        _read(tmp_path, "x_anylabeling")
    content = json.loads((tmp_path / "0.json").read_text())
    (tmp_path / "0.json").write_text(json.dumps({**content, "imagePath": "0.png"}))
    assert _read(tmp_path, "x_anylabeling").names.tolist() == ["0.png", "1.jpg", "2.jpg"]
    (tmp_path / "0.json").write_text(json.dumps({**content, "imagePath": "gone.jpg"}))
    (tmp_path / "0.png").unlink()
    faces = _read(tmp_path, "x_anylabeling")
    assert faces.names[0] == "0.jpg"
    assert "gone.jpg -> 0.jpg" in faces.remarks[0]
    (tmp_path / "0.jpg").unlink()
    faces = _read(tmp_path, "x_anylabeling")
    assert (faces.faults.tolist(), faces.remarks) == (["no such picture", "", ""], ())


def test_a_file_that_was_renamed_with_its_picture_but_not_inside_is_refused(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("x_anylabeling", tmp_path)
    for i in range(COUNT):
        content = json.loads((tmp_path / f"{i}.json").read_text())
        (tmp_path / f"{i}.json").write_text(json.dumps({**content, "imagePath": "0.jpg" if i == 2 else f"{i}.jpg"}))
    with pytest.raises(InputError, match=r"0\.jpg for 0\.json and 2\.json, next to which lies 2\.jpg"):
        _read(tmp_path, "x_anylabeling")
    (tmp_path / "2.jpg").unlink()  # two files about one picture
    assert _read(tmp_path, "x_anylabeling").names.tolist() == ["0.jpg", "1.jpg", "0.jpg"]


def test_files_that_state_each_others_picture_are_said(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("x_anylabeling", tmp_path)
    for i, name in enumerate(("1.jpg", "0.jpg", "2.jpg")):
        content = json.loads((tmp_path / f"{i}.json").read_text())
        (tmp_path / f"{i}.json").write_text(json.dumps({**content, "imagePath": name}))
    swapped = "2 files with another picture than that of their name (0.json -> 1.jpg, 1.json -> 0.jpg)"
    assert swapped in _read(tmp_path, "x_anylabeling").remarks


@pytest.mark.parametrize("row", ["{x:.3f} {y:.3f} 1.0", "{x:.3f}", "{x:.3f} {y:.3f} 0 0"])
def test_pts_rows_have_two_columns(row: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    rows = "\n".join(row.format(x=x, y=y) for x, y in FACE)
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    with pytest.raises(InputError, match=r"a\.pts: expected two columns"):
        _read(tmp_path, "pts")


def test_a_name_with_a_space_is_read_as_300w_has_it(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "ibug" / "image_092 _01.jpg")
    (tmp_path / "set" / "ibug" / "image_092 _01.pts").write_text(pts_text(FACE + MATLAB))
    outcome = run("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--image_size", 32)
    assert outcome.code == 0, outcome


@pytest.mark.parametrize("value", ["-1.000000", "0.000000"])
def test_unmarked_points_of_yolo_without_visibility_are_no_points(value: str, tmp_path: Path) -> None:
    for i in range(2):
        picture(tmp_path / "images" / f"{i}.jpg")
        coordinates = [f"{value:.6f}" for value in (FACE / SIZE).ravel()]
        if i:
            coordinates[80:82] = [value] * 2
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{i}.txt").write_text(" ".join(["0 0.5 0.5 0.4 0.5", *coordinates]) + "\n")
    faces = _read(tmp_path, "yolo_pose")
    assert faces.names.tolist() == ["images/0.jpg"]
    assert faces.left_out["faces with unmarked points"] == ["images/1.jpg"]


def test_lists_of_classes_beside_yolo_labels_are_left_out_and_named(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("yolo_pose", tmp_path)
    (tmp_path / "labels" / "train" / "classes.txt").write_text("face\n")
    assert _read(tmp_path, "yolo_pose").left_out["other text files"] == ["labels/train/classes.txt"]


@pytest.mark.parametrize("name", ["yolo_pose", "coco", "pts", "wflw"])
@pytest.mark.parametrize("to", [None, "tsv"])
def test_an_empty_picture_is_left_out_and_named_in_every_format(name: str, to: str | None, tmp_path: Path) -> None:
    sample(name, tmp_path / "set")
    empty = min((tmp_path / "set").rglob("*.jpg"))
    empty.write_bytes(b"")
    command = ("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", *(("--to", to) if to else ()))
    assert_refused(run(*command), empty.name, "the file is empty")
    outcome = run(*command, "--skip_broken")
    assert outcome.code == 0, outcome
    assert f"{COUNT - 1} faces, 1 broken picture left out (" in outcome.out
    assert f"{empty.name}: the file is empty" in outcome.out


def test_pictures_without_labels_are_named(tmp_path: Path) -> None:
    tmp_path = tmp_path / "set"
    sample("pts", tmp_path)
    picture(tmp_path / "afw" / "more.jpg")
    assert _read(tmp_path, "pts").left_out["pictures without labels"] == ["afw/more.jpg"]


@pytest.mark.parametrize(
    ("percent", "side", "whose"),
    [({"a", "b"}, 320, ""), ({"b"}, 320, " of b"), (set(), 320, None), ({"a", "b"}, 112, None)],
)
def test_points_in_percent_of_the_sides_are_noticed(
    percent: set[str], side: int, whose: str | None, tmp_path: Path
) -> None:
    for file in ("a", "b"):
        picture(tmp_path / "images" / f"{file}.jpg", (side, side))
        face = FACE * (100 if file in percent else side) / max(SIZE) - (0.25 if file == "b" else 0)
        _coco(tmp_path, [{"id": 1, "file_name": f"{file}.jpg"}], [(1, face)], file=f"{file}.json")
    words = f"all points{whose} lie within 100 pixels"
    assert [remark[: len(words)] for remark in _read(tmp_path, "coco").remarks] == [words] * (whose is not None)


@pytest.mark.parametrize(("scale", "is_said"), [(0.6, True), (1.0, False), (1.6, True)])
def test_points_of_pictures_of_another_size_are_noticed(scale: float, is_said: bool, tmp_path: Path) -> None:
    images, faces = [], []
    for number in range(10):
        picture(tmp_path / f"{number}.jpg", (320, 240))
        images.append({"id": number, "file_name": f"{number}.jpg"})
        faces.append((number, scale * (2 * FACE + number)))
    _coco(tmp_path, images, faces)
    words = "if the points are of pictures of another size, scale them"
    assert any(words in remark for remark in _read(tmp_path, "coco").remarks) == is_said


def test_shares_in_a_corner_are_not_taken_for_percent(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg", (640, 480))
    (tmp_path / "labels").mkdir()
    marked = " ".join(f"{x:.6f} {y:.6f}" for x, y in FACE[17:] / (640, 480))
    (tmp_path / "labels" / "a.txt").write_text(f"0 0.1 0.1 0.1 0.1 {marked}\n")
    (tmp_path / "data.yaml").write_text("kpt_shape: [51, 2]\n")
    assert not _read(tmp_path, "yolo_pose").remarks


@pytest.mark.parametrize("kind", ["right", "shares", "offsets"])
def test_points_relative_to_their_box_are_noticed(kind: str, tmp_path: Path) -> None:
    points = project(random_euler(6), side=0.2) + np.linspace(-0.3, 0.3, 6)[:, None, None] * [1, 0.5]
    (tmp_path / "labels").mkdir()
    for i, face in enumerate(points):
        picture(tmp_path / "images" / f"{i}.jpg")
        low, sides = face.min(axis=0), np.ptp(face, axis=0)
        written = {"right": face, "shares": (face - low) / sides, "offsets": face - low}[kind]
        row = " ".join(f"{value:.9f}" for value in (*(low + sides / 2), *sides, *written.ravel()))
        (tmp_path / "labels" / f"{i}.txt").write_text(f"0 {row}\n")
    remarks = _read(tmp_path, "yolo_pose").remarks
    words = {"right": [], "shares": ["shares of their boxes"], "offsets": ["counted from their boxes' corners"]}[kind]
    assert len(remarks) == len(words)
    assert all(part in remark for part, remark in zip(words, remarks, strict=True))


@pytest.mark.parametrize("are_corners", [True, False])
def test_boxes_of_corners_instead_of_sizes_are_noticed(are_corners: bool, tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", (320, 240))
    _coco(tmp_path, [{"id": 1, "file_name": "a.jpg"}], [(1, FACE + 60)])
    content = json.loads((tmp_path / "faces.json").read_text())
    low, high = (FACE + 60).min(axis=0), (FACE + 60).max(axis=0)
    content["annotations"][0]["bbox"] = [*low, *(high if are_corners else high - low)]
    (tmp_path / "faces.json").write_text(json.dumps(content))
    words = "the boxes seem to hold right and bottom"
    assert [remark[: len(words)] for remark in _read(tmp_path, "coco").remarks] == [words] * are_corners


@pytest.mark.parametrize("corner", [(10, 20), (300, 10)])  # right of it, a width looks like a negative one
def test_boxes_of_sizes_instead_of_corners_are_noticed(corner: tuple[float, float]) -> None:
    points = FACE[None] - FACE.min(axis=0) + corner
    boxes = np.array([[*corner, *np.ptp(FACE, axis=0)]])
    assert describe_boxes(points, boxes, np.array([[640, 480]])).startswith("the boxes seem to hold width and height")
    boxes[:, 2:] += corner
    assert describe_boxes(points, boxes, np.array([[640, 480]])) == ""
