"""AFLW2000-3D and 300W-LP: a `.mat` beside each picture, with 68 points of a fitted 3D face and its pose.

Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", 2016. MATLAB counts the first pixel's center as 1; ours
is 0.5. Their pose is R = Rx Ry Rz in radians with turns of the opposite sense to ours, so it is converted as a matrix.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats.mat import read_mat
from src.datasets.formats.pts import MATLAB_ORIGIN
from src.errors import InputError
from src.markup import NUM_POINTS
from src.pose import euler_angles, rotation_matrix

# 300W-LP's points once more (in its folder landmarks/) and the files of COFW; both data sets come with MATLAB code.
_OTHER_ENDINGS = ("_pts.mat", "_points.mat", "_bboxes.mat", "_color.mat")
_CODE = "Code"


def detect(folder: Folder) -> bool:
    return bool(_files(folder))


def read(folder: Folder) -> Faces:
    """Faces with the pose of their 3D fit. Points are `pt3d_68`'s first two rows, else `pt2d` where it holds 68."""
    files = _files(folder)
    parsed = folder.parse(files, _parse)
    points, euler = (np.array(part) for part in zip(*parsed, strict=True)) if parsed else (np.empty((0, 68, 2)), None)
    names = [folder.picture(name[: -len(".mat")]) for name in files]
    return Faces(folder.root, np.array(names), points - MATLAB_ORIGIN, euler=euler)


def _files(folder: Folder) -> list[str]:
    return [
        name
        for name in folder.ending(".mat")
        if not name.lower().endswith(_OTHER_ENDINGS) and _CODE not in PurePosixPath(name).parts
    ]


def _parse(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (68, 2) as MATLAB counts them, and our pitch, yaw, roll in degrees."""
    content = read_mat(path, "pt3d_68", "pt2d", "Pose_Para")
    points = content.get("pt3d_68", content.get("pt2d"))
    if points is None or "Pose_Para" not in content:
        found = ", ".join(sorted(content)) or "none of them"
        raise InputError(f"expected pt3d_68 or pt2d, and Pose_Para, found {found}")
    if points.ndim != 2 or points.shape[0] < 2 or points.shape[1] != NUM_POINTS:
        raise InputError(f"expected {NUM_POINTS} points in columns, found an array of shape {points.shape}")
    if content["Pose_Para"].size < 3:
        raise InputError(f"expected Pose_Para to begin with three angles, found {content['Pose_Para'].size} numbers")
    return points[:2].T, _our_pose(content["Pose_Para"].ravel()[:3])


def _our_pose(radians: np.ndarray) -> np.ndarray:
    """Our euler (3) in degrees from Pose_Para's pitch, yaw, roll."""
    pitch, yaw, roll = (rotation_matrix(turn) for turn in np.diag(-np.degrees(radians)))
    return euler_angles(pitch @ yaw @ roll)
