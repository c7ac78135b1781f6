"""CVAT's XML for images: skeletons and shapes of points, labels, groups; and tools whose files are not read."""

from pathlib import Path

import numpy as np
import pytest
from sample_folders import SIZE, picture
from stand_in import project

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.errors import InputError

FACE = project(np.array([[5.0, 10, 3]]))[0] * min(SIZE) + (20, 0)


def _pairs(points: np.ndarray) -> list[str]:
    return [f"{x:.9f},{y:.9f}" for x, y in points]


def _shape(points: np.ndarray = FACE, label: str = "face", group: int = 0) -> str:
    return f'<points label="{label}" group_id="{group}" points="{";".join(_pairs(points))}"/>'


def _skeleton(points: np.ndarray = FACE, names: list[str] | None = None, outside: int | None = None) -> str:
    names = names or [str(i) for i in range(len(points))]
    parts = [
        f'<points label="{name}" outside="{int(i == outside)}" points="{pair}"/>'
        for i, (name, pair) in enumerate(zip(names, _pairs(points), strict=True))
    ]
    return f'<skeleton label="face">{"".join(parts)}</skeleton>'


def _box(left: float, group: int) -> str:
    return f'<box label="box" xtl="{left}" ytl="20" xbr="{left + 100}" ybr="110" group_id="{group}"/>'


def _read(root: Path, *shapes: str) -> Faces:
    """The faces of a file of one picture with these shapes."""
    picture(root / "images" / "1.jpg")
    (root / "a.xml").write_text(f"<annotations><image name='1.jpg'>{''.join(shapes)}</image></annotations>")
    assert detect_format(Folder(root)) == "cvat"
    return read_faces(Folder(root), "cvat")


def test_shapes_are_in_order_and_skeletons_are_put_into_order(tmp_path: Path) -> None:
    names = [str(i) for i in range(68, 0, -1)]
    faces = _read(tmp_path, _shape(), _skeleton(FACE[::-1] + 60, names))
    np.testing.assert_allclose(faces.points_image, [FACE, FACE + 60])
    assert faces.remarks == ("points of 1 picture are numbered from 1 (images/1.jpg)",)


def test_a_projects_pictures_lie_in_the_folders_of_their_subsets(tmp_path: Path) -> None:
    for subset in ("Train", "Validation"):
        picture(tmp_path / "images" / subset / "1.jpg")
    images = "".join(
        f"<image name='1.jpg' subset='{subset}' task_id='{task}'>{_shape(FACE + task)}</image>"
        for task, subset in enumerate(("Validation", "Train"))
    )
    (tmp_path / "a.xml").write_text(f"<annotations>{images}</annotations>")
    faces = read_faces(Folder(tmp_path), "cvat")
    assert faces.names.tolist() == ["images/Validation/1.jpg", "images/Train/1.jpg"]
    np.testing.assert_allclose(faces.points_image, [FACE, FACE + 1])
    (tmp_path / "a.xml").write_text(f"<annotations>{images.replace('Train', 'Validation')}</annotations>")
    with pytest.raises(InputError, match=r"expected one task for Validation/1\.jpg, found 0 and 1"):
        read_faces(Folder(tmp_path), "cvat")


def test_a_box_is_that_of_its_group(tmp_path: Path) -> None:
    faces = _read(tmp_path, _box(1, 2), _box(9, 1), _shape(group=1), _shape(FACE + 9, group=2), _shape(FACE + 20))
    np.testing.assert_allclose(faces.boxes_image, [[9, 20, 109, 110], [1, 20, 101, 110], [np.nan] * 4])


def test_labels_are_subsets_or_other_things(tmp_path: Path) -> None:
    faces = _read(tmp_path, _shape(), _shape(FACE[:4], "hand"))
    assert faces.left_out["faces of other categories"] == ["images/1.jpg"]
    faces = _read(tmp_path, _shape(), _shape(FACE + 9, "child"))
    assert {name: mask.tolist() for name, mask in faces.subsets.items()} == {
        "child": [False, True], "face": [True, False], "a": [True, True]
    }  # fmt: skip


def test_what_is_no_face_is_left_out_and_named(tmp_path: Path) -> None:
    faces = _read(tmp_path, _shape(), _skeleton(outside=40), _shape(FACE[:1], "pupil"))
    assert len(faces) == 1
    assert faces.left_out["faces with unmarked points"] == ["images/1.jpg"]
    assert faces.left_out["single points, in pictures"] == ["images/1.jpg"]
    with pytest.raises(InputError, match=r"found none, 1 single point, in pictures left out \(images/1.jpg\); check"):
        _read(tmp_path, _shape(FACE[:1], "pupil"))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (_skeleton(FACE[:-1], [str(i) for i in range(68) if i != 9]), "expected points 0 to 67 of a skeleton face"),
        (_skeleton(FACE[:2], ["nose", "chin"]), "of a skeleton face named by their numbers, found 'nose'"),
        (_skeleton(FACE[:67]), "expected 68 points as most faces have, found 67"),
    ],
)
def test_an_odd_skeleton_is_a_fault(shape: str, words: str, tmp_path: Path) -> None:
    fault, *others = _read(tmp_path, shape, _shape(), _shape(FACE + 9)).faults
    assert words in fault
    assert others == ["", ""]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("</image><track id='0'/><image name='2.jpg'>", "found tracks of a video; export it as 'CVAT for images 1.1'"),
        ("<points label='face' points='1,2,3;4,5,6'/>", r"expected points x,y;x,y in 1.jpg, found .* \(2, 3\)"),
        ("<points label='face' points='1,2;3'/>", "not in the expected form"),
        ("<skeleton label='face'/>", "expected an entry 'points'"),
        ("<box xtl='1'/>", "expected an entry 'ytl'"),
    ],
)
def test_shapes_that_cannot_be_read_stop(shape: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        _read(tmp_path, shape)


@pytest.mark.parametrize(
    ("file", "text", "tool"),
    [
        ("via.json", '{"a.jpg": {"regions": [{"shape_attributes": {"name": "point"}}]}}', "VIA"),
        ("via.csv", "filename,file_size,region_shape_attributes\n", "VIA"),
        ("project.json", '[{"annotations": [{"result": [{"value": {"keypointlabels": ["0"]}}]}]}]', "Label Studio"),
    ],
)
def test_labels_of_a_tool_that_are_not_read_are_named(file: str, text: str, tool: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=rf"found labels of {tool} \({file}\); convert them to coco, dlib or another"):
        detect_format(Folder(tmp_path))
