"""AFLW2000-3D, 300W-LP and COFW-68: MATLAB's origin, the pose's sense, and damaged files."""

from pathlib import Path

import numpy as np
import pytest
from sample_folders import picture, sample
from scipy.io import savemat
from stand_in import distinct_points

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.errors import InputError
from src.markup import MEAN_SHAPE
from src.pose import fit_pose

POINTS = distinct_points(1)[0] * 100


def _read(root: Path, **content: np.ndarray) -> Faces:
    picture(root / "a.jpg")
    savemat(root / "a.mat", content)
    return read_faces(Folder(root), "aflw2000")


def _rotation_of_the_format(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """As the format's authors define it: each factor turns the other way round than ours."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(angle), np.sin(angle)) for angle in (pitch, yaw, roll))
    x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return x @ y @ z


@pytest.mark.parametrize("pose", [(0.3, 0, 0), (0, 0.9, 0), (0, 0, -0.4), (0.2, -0.7, 0.3)])
def test_the_pose_is_the_one_that_our_fit_finds_for_the_same_face(pose: tuple, tmp_path: Path) -> None:
    flat = (MEAN_SHAPE @ _rotation_of_the_format(*pose).T)[:, :2] * [1, -1] * 5 + 80
    faces = _read(tmp_path, pt3d_68=np.vstack([flat.T + 0.5, np.zeros(68)]), Pose_Para=[[*pose, 0, 0, 0, 1]])
    np.testing.assert_allclose(faces.euler, fit_pose(flat[None]), atol=1e-6)


def test_300w_lp_has_its_68_points_in_pt2d(tmp_path: Path) -> None:
    (tmp_path / "landmarks").mkdir()
    savemat(tmp_path / "landmarks" / "a_pts.mat", {"pts_2d": POINTS})
    (tmp_path / "Code").mkdir()
    savemat(tmp_path / "Code" / "Model_Shape.mat", {"mu_shape": POINTS})
    faces = _read(tmp_path, pt2d=POINTS.T, Pose_Para=np.zeros((1, 7)))
    assert faces.names.tolist() == ["a.jpg"]
    np.testing.assert_allclose(faces.points_image[0], POINTS - 0.5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"pt2d": np.zeros((2, 21)), "Pose_Para": np.zeros((1, 7))}, r"68 points in columns.*\(2, 21\)"),
        ({"pt3d_68": np.zeros((3, 68))}, "and Pose_Para, found pt3d_68"),
        ({"roi": np.zeros(4)}, "found none of them"),
        ({"pt2d": np.zeros((2, 68)), "Pose_Para": np.zeros((1, 2))}, "three angles, found 2 numbers"),
    ],
)
def test_wrong_content_is_named(content: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        _read(tmp_path, **content)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("angle", [np.nan, np.inf])
def test_a_pose_that_is_no_number_is_said_to_be_none(angle: float, tmp_path: Path) -> None:
    faces = _read(tmp_path, pt3d_68=np.vstack([POINTS.T, np.zeros(68)]), Pose_Para=[[0, angle, 0, 0, 0, 0, 1]])
    assert "expected finite numbers" in faces.faults[0]


def test_a_pose_in_degrees_is_no_pose(tmp_path: Path) -> None:
    flat = (MEAN_SHAPE @ _rotation_of_the_format(0.2, -0.7, 0.3).T)[:, :2] * [1, -1] * 5 + 80
    pose = [[*np.degrees([0.2, -0.7, 0.3]), 0, 0, 0, 1]]
    faces = _read(tmp_path, pt3d_68=np.vstack([flat.T + 0.5, np.zeros(68)]), Pose_Para=pose)
    assert "expected angles in radians there" in faces.faults[0]


@pytest.mark.parametrize("name", ["aflw2000", "cofw68"])
@pytest.mark.parametrize("cut", [0, 100, 200, 700])
def test_a_truncated_file_is_refused(name: str, cut: int, tmp_path: Path) -> None:
    sample(name, tmp_path / "set")
    path = next(iter((tmp_path / "set").rglob("*.mat")))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=rf"{path.name}: not a readable \.mat|{path.name}: expected"):
        read_faces(Folder(tmp_path / "set"), name)


def test_a_file_of_matlab_7_3_is_refused_with_the_remedy(tmp_path: Path) -> None:
    sample("aflw2000", tmp_path / "set")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "set" / "image00000.mat").write_bytes(header + bytes(400))
    with pytest.raises(InputError, match="-v7 in MATLAB"):
        read_faces(Folder(tmp_path / "set"), "aflw2000")


def test_cofw_with_its_pictures_still_in_their_mat_says_how_to_get_them_out(tmp_path: Path) -> None:
    sample("cofw68", tmp_path / "set")
    for path in (tmp_path / "set" / "pictures").iterdir():
        path.unlink()
    (tmp_path / "set" / "COFW_test_color.mat").write_bytes(b"")
    with pytest.raises(InputError, match=r"found them inside COFW_test_color\.mat; in MATLAB.*imwrite\(IsT\{i\}"):
        read_faces(Folder(tmp_path / "set"), "cofw68")


def test_cofw_without_its_pictures_says_which_is_missing(tmp_path: Path) -> None:
    sample("cofw68", tmp_path / "set")
    (tmp_path / "set" / "pictures" / "2.png").unlink()
    faces = read_faces(Folder(tmp_path / "set"), "cofw68")
    assert [faces.path(row).is_file() for row in range(3)] == [True, False, True]
