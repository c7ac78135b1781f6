"""300W-LP's mirrored parts (AFW_Flip, ...): pictures of the same names, mirrored pt2d and a pose fitted anew, but no
turned points. Whatever is put together of them and of other points is read in the mirrored order, or refused."""

from pathlib import Path

import numpy as np
import pytest
from commands import run
from sample_folders import MATLAB, SIZE, picture
from scipy.io import savemat
from stand_in import project

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.datasets.prepared import load_prepared
from src.markup import FLIP_PERMUTATION
from src.pose import euler_angles, rotation_matrix

POSE = np.array([6.0, 10.0, -4.0])  # pitch, yaw, roll in degrees of the photograph
YAWS = (10.0, 35.0, 70.0)  # of the photograph and of its turned copies
FITTED_ANEW = np.array([3.0, -2.0, 1.0])  # how far a mirrored face's stated pose is from the mirrored one


def _points(euler: np.ndarray) -> np.ndarray:
    return project(euler[None])[0] * min(SIZE) + (20, 0)


def _mirror(points: np.ndarray) -> np.ndarray:
    """The points of the mirrored picture, in the mirrored order."""
    return (points * [-1, 1] + (SIZE[0], 0))[FLIP_PERMUTATION]


def _stated(euler: np.ndarray) -> np.ndarray:
    """Pose_Para of one of our poses: the format's factors stand in the other order and turn the other way."""
    return np.concatenate([np.radians(euler_angles(rotation_matrix(euler).T)), [80, 60, 0, 1e-3]])[None]


def _face(root: Path, name: str, euler: np.ndarray, **points: np.ndarray) -> None:
    picture(root / f"{name}.jpg")
    content = {variable: values.astype(np.float32).T + np.float32(MATLAB) for variable, values in points.items()}
    other = {"Shape_Para": np.zeros((199, 1)), "Exp_Para": np.zeros((29, 1)), "roi": np.array([[1, 1, 160, 120]])}
    savemat(root / f"{name}.mat", {**other, **content, "Pose_Para": _stated(euler)})


def _turned(folder: Path, name: str, points: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / f"{name}_pts.mat", {"pts_2d": points + 2, "pts_3d": points + MATLAB})


def _tree(root: Path) -> dict[str, np.ndarray]:
    """The tree as it is published, of one photograph. Returns the points_image of every picture by its path."""
    still, seen = _points(POSE), {}
    for number, yaw in enumerate(YAWS):
        name, euler = f"HELEN_1269874180_1_{number}", np.array([POSE[0], yaw, POSE[2]])
        _face(root / "HELEN", name, euler, pt2d=still)
        _face(root / "HELEN_Flip", name, euler * [1, -1, -1] + FITTED_ANEW, pt2d=_mirror(still))
        _turned(root / "landmarks" / "HELEN", name, _points(euler))
        seen |= {f"HELEN/{name}.jpg": _points(euler), f"HELEN_Flip/{name}.jpg": _mirror(_points(euler))}
    (root / "Code").mkdir()
    savemat(root / "Code" / "Model_Shape.mat", {"mu_shape": np.zeros((3, 3))})
    return seen


def _read(root: Path) -> Faces:
    assert detect_format(Folder(root)) == "aflw2000"
    return read_faces(Folder(root), "aflw2000")


def test_of_the_published_tree_the_mirrored_parts_are_refused_with_the_remedy(tmp_path: Path) -> None:
    seen = _tree(tmp_path / "set")
    faces = _read(tmp_path / "set")
    for name, points, fault in zip(faces.names, faces.points_image, faces.faults, strict=True):
        assert ("has no turned points of its mirrored parts: leave those out" in fault) == name.startswith("HELEN_Flip")
        if not fault:
            np.testing.assert_allclose(points, seen[name], atol=1e-5)
    command = ("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--image_size", 32)
    assert "3 of 6 pictures are broken" in run(*command).err
    assert "3 faces, 3 broken pictures left out" in run(*command, "--skip_broken").out
    assert all(name.startswith("set/HELEN/") for name in load_prepared(tmp_path / "out").names)


def test_a_mirrored_part_by_itself_is_refused_where_faces_were_turned(tmp_path: Path) -> None:
    _tree(tmp_path)
    assert all("of its mirrored parts" in fault for fault in _read(tmp_path / "HELEN_Flip").faults)


def test_points_of_a_mirrored_part_that_somebody_made_are_taken(tmp_path: Path) -> None:
    seen = _tree(tmp_path)
    for name in [name for name in seen if name.startswith("HELEN_Flip/")]:
        _turned(tmp_path / "landmarks" / "HELEN_Flip", Path(name).stem, seen[name])
    faces = _read(tmp_path)
    assert not any(faces.faults)
    np.testing.assert_allclose(faces.points_image, [seen[name] for name in faces.names], atol=1e-5)


def test_a_still_face_whose_pt2d_is_that_of_the_unmirrored_part_is_refused(tmp_path: Path) -> None:
    euler = np.array([0, 4.0, 0])  # too frontal for its pose to tell
    _face(tmp_path / "AFW", "AFW_1_1_0", euler, pt2d=_points(euler))
    _turned(tmp_path / "landmarks" / "AFW", "AFW_1_1_0", _points(euler))
    _face(tmp_path / "AFW_Flip", "AFW_1_1_0", euler * [1, -1, -1], pt2d=_points(euler))
    assert [bool(fault) for fault in _read(tmp_path).faults] == [False, True]
    _face(tmp_path / "AFW_Flip", "AFW_1_1_0", euler * [1, -1, -1], pt2d=_mirror(_points(euler)))
    assert _read(tmp_path).faults.tolist() == ["", ""]


@pytest.mark.parametrize("yaw", [-70.0, -20.0, 20.0, 70.0])
@pytest.mark.parametrize("variable", ["pt3d_68", "_pts.mat"])
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (_mirror, ""),
        (lambda points: points, "of the mirrored picture"),
        (lambda points: _mirror(points)[FLIP_PERMUTATION], "left and right are swapped"),
    ],
)
def test_points_of_mirrored_pictures_are_in_the_mirrored_order_or_refused(
    made: object, words: str, variable: str, yaw: float, tmp_path: Path
) -> None:
    euler = np.array([5.0, yaw, 8.0])
    points, stated = made(_points(euler)), euler * [1, -1, -1] + FITTED_ANEW
    if variable == "pt3d_68":
        _face(tmp_path, "image00001", stated, pt3d_68=np.column_stack([points, np.zeros(68)]))
    else:  # parts put into one folder
        _face(tmp_path, "image00001", stated, pt2d=_points(POSE))
        _turned(tmp_path, "image00001", points)
    faces = _read(tmp_path)
    assert words in faces.faults[0]
    assert bool(faces.faults[0]) == bool(words)
    if not words:
        np.testing.assert_allclose(faces.points_image[0], _mirror(_points(euler)), atol=1e-5)
        np.testing.assert_allclose(faces.euler[0], stated, atol=1e-6)
