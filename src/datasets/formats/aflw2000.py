"""AFLW2000-3D and 300W-LP: a `.mat` next to each picture, with 68 points of a fitted 3D face and its pose.

Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", 2016. MATLAB counts the first pixel's center as 1; ours
is 0.5. Their pose is R = Rx Ry Rz in radians with turns of the opposite sense to ours, so it is converted as a matrix.
"""

import os
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.datasets.faces import Coordinates, Faces
from src.datasets.faults import find_placeholders
from src.datasets.folder import Folder
from src.datasets.formats.mat import read_mat
from src.datasets.formats.pts import MATLAB_ORIGIN
from src.datasets.names import counted
from src.errors import InputError
from src.markup import FLIP_PERMUTATION, NUM_POINTS
from src.pose import euler_angles, fit_pose, rotation_matrix

# 300W-LP's points once more (in its folder landmarks/) and the files of COFW; both data sets come with MATLAB code.
_TURNED = "_pts.mat"
_OTHER_ENDINGS = (_TURNED, "_points.mat", "_bboxes.mat", "_color.mat")
_CODE = "Code"
_BOXES = "bounding_boxes_"  # how the names of 300-W's files of boxes begin
_FLIPPED = "_flip"  # how the names of 300W-LP's mirrored parts end, in any case
_SAME_POSE = 2.0  # degrees
_REMEDY = (
    "pt2d is of the photograph before it was turned; "
    "add 300W-LP's folder landmarks, whose files *_pts.mat have the turned points"
)
_REMEDY_OF_FLIPPED = (
    "300W-LP has no turned points of its mirrored parts: leave those out, training mirrors faces itself"
)
_IN_RADIANS = "expected angles in radians there, found larger ones"
_MOST_APART = 15.0  # degrees between a pose fitted to right points and the stated one


def detect(folder: Folder) -> bool:
    return bool(_files(folder))


def read(folder: Folder) -> Faces:
    """Faces with the pose of their 3D fit. Points are `pt3d_68`'s first two rows, else 300W-LP's own file of points.

    `pt2d` alone is used if it agrees with the pose: 300W-LP states there the points of the photograph before it was
    turned. Points that only the mirrored picture, or the mirrored order, would bring to the stated pose are a fault.
    """
    turned = defaultdict(list)
    for name in folder.ending(_TURNED):
        turned[_of_points(name)].append(name)
    files, parsed = folder.parse_each(_files(folder), lambda path: _parse(path, folder.root, turned))
    points = np.array([face.points for face in parsed]).reshape(-1, NUM_POINTS, 2)
    euler = np.array([face.euler for face in parsed]).reshape(-1, 3)
    shared, mirrored = _shared_faults(parsed), _mirrored_faults(points, euler)
    faults = [face.fault or one or other for face, one, other in zip(parsed, shared, mirrored, strict=True)]
    names = [folder.picture(name[: -len(".mat")]) for name in files]
    unsure = sum(not face.is_certain and not fault for face, fault in zip(parsed, faults, strict=True))
    remark = f"{counted(unsure, 'faces')} by pt2d, which 300W-LP has of the photograph before it was turned"
    return Faces(
        folder.root,
        np.array(names),
        points,
        euler=euler,
        faults=np.array(faults),
        remarks=(remark,) if unsure else (),
        coordinates=Coordinates(MATLAB_ORIGIN),
    )


def _files(folder: Folder) -> list[str]:
    return [
        name
        for name in folder.ending(".mat")
        if not name.lower().endswith(_OTHER_ENDINGS)
        and not PurePosixPath(name).name.lower().startswith(_BOXES)
        and _CODE not in PurePosixPath(name).parts
    ]


def _of_points(name: str) -> tuple[str, str]:
    """What a face's .mat and its file of points share: the folder they lie in (AFW, LFPW_Flip, ...) and the stem."""
    path = PurePosixPath(name)
    return path.parent.name, path.name[: -len(_TURNED if name.lower().endswith(_TURNED) else ".mat")]


def _nearest(name: str, turned: dict[tuple[str, str], list[str]]) -> str | None:
    """The file of points of a face's .mat; of several, that of its own tree. Raises InputError for two as near."""
    ranked = sorted(turned.get(_of_points(name), ()), key=lambda other: -_shared_folders(name, other))
    if len(ranked) > 1 and _shared_folders(name, ranked[0]) == _shared_folders(name, ranked[1]):
        raise InputError(f"expected one file of its turned points, found {ranked[0]} and {ranked[1]}")
    return ranked[0] if ranked else None


def _shared_folders(first: str, second: str) -> int:
    return len(PurePosixPath(os.path.commonpath([first, second])).parts)


class _Face(NamedTuple):
    """points: (68, 2) as MATLAB counts them; euler: (3,) our pitch, yaw, roll in degrees; pt2d: its bytes.

    is_certain: whether the points are beyond doubt of this picture; they are not if pt2d gave them. remedy: what to do
    if pt2d is of another picture. fault: what is wrong with the points.
    """

    points: np.ndarray
    euler: np.ndarray
    is_certain: bool
    pt2d: bytes
    remedy: str
    fault: str


def _parse(path: Path, root: Path, turned: dict[tuple[str, str], list[str]]) -> _Face:
    content = read_mat(path, "pt3d_68", "pt2d", "Pose_Para")
    pt2d = content.get("pt2d")
    points = content.get("pt3d_68")
    own = _nearest(path.relative_to(root).as_posix(), turned)
    if points is None and own is not None:
        found = read_mat(root / own, "pts_3d", "pts_2d")
        points = found.get("pts_3d", found.get("pts_2d"))
        points = None if points is None else points.T
    is_certain = points is not None
    points = points if is_certain else pt2d
    if points is None or "Pose_Para" not in content:
        found = ", ".join(sorted(content)) or "none of them"
        raise InputError(f"expected pt3d_68 or pt2d, and Pose_Para, found {found}")
    if points.ndim != 2 or points.shape[0] < 2 or points.shape[1] != NUM_POINTS:
        raise InputError(f"expected {NUM_POINTS} points in columns, found an array of shape {points.shape}")
    if content["Pose_Para"].size < 3:
        raise InputError(f"expected Pose_Para to begin with three angles, found {content['Pose_Para'].size} numbers")
    angles = content["Pose_Para"].ravel()[:3]
    points, euler = points[:2].T, _our_pose(angles)
    remedy = _REMEDY_OF_FLIPPED if path.absolute().parent.name.lower().endswith(_FLIPPED) else _REMEDY
    fault = ""
    if not is_certain:
        fault = _disagreement(points, euler, remedy)
    elif 2 * np.pi < np.abs(angles).max() < np.inf:
        fault = _disagreement(points, euler, _IN_RADIANS)
    return _Face(points, euler, is_certain, b"" if pt2d is None else pt2d.tobytes(), remedy, fault)


def _disagreement(points: np.ndarray, euler: np.ndarray, remedy: str) -> str:
    """Why the points cannot be those of a face in this pose; "" if they can."""
    if not np.isfinite(points).all() or find_placeholders(points[None]).any():
        return ""  # other checks report these
    found = fit_pose(points[None])[0]
    if np.abs(found - euler).max() <= _MOST_APART:
        return ""
    poses = "yaw {:.0f} and pitch {:.0f}".format
    return (
        f"its points show a face at {poses(found[1], found[0])} degrees, its Pose_Para says "
        f"{poses(euler[1], euler[0])}; {remedy}"
    )


def _shared_faults(faces: list[_Face]) -> list[str]:
    """A fault for each face that has the pt2d of another one in another pose."""
    poses: dict[bytes, list[np.ndarray]] = defaultdict(list)
    for face in faces:
        poses[face.pt2d].append(face.euler)
    is_shared = {pt2d: np.ptp(found, axis=0).max() > _SAME_POSE for pt2d, found in poses.items()}
    return [
        f"its pt2d is also that of a face in another pose; {face.remedy}"
        if not face.is_certain and is_shared[face.pt2d]
        else ""
        for face in faces
    ]


def _mirrored_faults(points: np.ndarray, euler: np.ndarray) -> list[str]:
    """A fault for each face whose points contradict the stated pose as they are, and fit it mirrored.

    points: (N, 68, 2); euler: (N, 3) as stated. Frontal faces and full profiles look the same both ways.
    """
    faults = [""] * len(points)
    rows = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)) & ~find_placeholders(points).any(axis=1))
    if not len(rows):
        return faults
    found, stated = fit_pose(points[rows]), euler[rows]
    of_mirror = _degrees_apart(found, stated * [1, -1, -1])
    of_order = _degrees_apart(fit_pose(points[rows][:, FLIP_PERMUTATION]), stated)
    contradicts = _degrees_apart(found, stated) > 2 * _MOST_APART
    causes = (
        (of_mirror, "its points are those of the mirrored picture: its Pose_Para says the opposite yaw and roll"),
        (of_order, "left and right are swapped in its points: they are mirrored, and their order is not"),
    )
    for apart, cause in causes:
        for row in rows[contradicts & (apart < _MOST_APART)]:
            faults[row] = f"{cause}; mend them or leave it out"
    return faults


def _degrees_apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) the angle between two poses (N, 3), which is small even if single angles differ, as in profiles."""
    trace = (rotation_matrix(first) * rotation_matrix(second)).sum(axis=(1, 2))
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


def _our_pose(radians: np.ndarray) -> np.ndarray:
    """Our euler (3) in degrees from Pose_Para's pitch, yaw, roll; NaN if these are no numbers."""
    if not np.isfinite(radians).all():  # NumPy would warn about an infinite one
        return np.full(3, np.nan)
    pitch, yaw, roll = (rotation_matrix(turn) for turn in np.diag(-np.degrees(radians)))
    return euler_angles(pitch @ yaw @ roll)
