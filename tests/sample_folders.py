"""A tiny folder of every format, written as its makers write it and independently of our writers."""

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat
from stand_in import project, random_euler, write_faces

from src.datasets.formats.point_maps import LAPA_106, WFLW_98

COUNT = 3
SIZE = (160, 120)  # pixels, width and height
MATLAB = 0.5  # what coordinates counted from 1 exceed ours by
ORIGINS = {"pts": MATLAB, "aflw2000": MATLAB, "cofw68": MATLAB, "dlib": -0.5}
SCALES = {"yolo_pose": SIZE}
UNMARKED = 40  # of 68 points


def sample(name: str, root: Path, *, placeholder: float | None = None) -> np.ndarray:
    """Write COUNT faces in the format `name`. Returns the points_image (COUNT, K, 2) that a reader must find.

    placeholder: what the file of the last face has for the x and y of point 40, which is not marked.
    """
    root.mkdir(parents=True)
    points = project(random_euler(COUNT)) * min(SIZE) + (20, 0)
    if placeholder is not None:
        points[-1, UNMARKED] = np.array(placeholder) * SCALES.get(name, 1) - ORIGINS.get(name, 0)
    return SAMPLES[name](root, points)


def picture(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 70, 60)).save(path)


def pts_text(points: np.ndarray) -> str:
    return f"version: 1\nn_points: {len(points)}\n{{\n" + rows(points) + "}\n"


def rows(points: np.ndarray) -> str:
    return "".join(f"{x:.6f} {y:.6f}\n" for x, y in points)


def dense(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Points (N, 98 or 106, 2) that map to points (N, 68, 2): the solution of least length; placeholders stay so."""
    inverse = np.linalg.pinv(weights)  # (2, count, 68)
    found = np.einsum("cjk,nkc->njc", inverse, points)
    for face, point in zip(*np.nonzero(np.isin(points, (-1, 0)).all(axis=2)), strict=True):
        found[face, weights[0, point] != 0] = points[face, point]
    return found


def _challenge(root: Path, points: np.ndarray) -> np.ndarray:
    names = write_faces(root, COUNT, size=SIZE, annotated=False)[0]
    (root / "annot.pkl").write_bytes(
        pickle.dumps((names, [[tuple(point) for point in face] for face in points.tolist()]))
    )
    return points


def _pts(root: Path, points: np.ndarray) -> np.ndarray:
    for folder, face in zip(("afw", "helen/testset", "ibug"), points, strict=True):
        picture(root / folder / "face.jpg")
        (root / folder / "face.pts").write_text(pts_text(face + MATLAB))
    return points


def _ivslab(root: Path, points: np.ndarray) -> np.ndarray:
    for i, face in enumerate(points):
        picture(root / f"{i}.png")
        (root / f"{i}.pts").write_text(pts_text(face[17:]))
    return points[:, 17:]


def _wflw(root: Path, points: np.ndarray) -> np.ndarray:
    lines = []
    for i, face in enumerate(dense(points, WFLW_98)):
        picture(root / "WFLW_images" / "0--Parade" / f"{i}.jpg")
        flags = np.arange(6) == i
        values = [*(f"{value:.6f}" for value in face.ravel()), "30", "20", "130", "110", *flags.astype(int).astype(str)]
        lines.append(" ".join([*values, f"0--Parade/{i}.jpg"]) + "\n")
    lists = root / "WFLW_annotations"
    lists.mkdir()
    (lists / "list_98pt_rect_attr_train.txt").write_text(lines[0])
    (lists / "list_98pt_rect_attr_test.txt").write_text("".join(lines[1:]))
    (lists / "list_98pt_test_blur.txt").write_text(" ".join([*lines[2].split()[:196], "0--Parade/2.jpg"]) + "\n")
    return points[[1, 2, 0]]  # the test's list stands before the train's


def _aflw2000(root: Path, points: np.ndarray) -> np.ndarray:
    for i, face in enumerate(points):
        picture(root / f"image{i:05d}.jpg")
        savemat(root / f"image{i:05d}.mat", {
            "pt3d_68": np.vstack([face.T + MATLAB, np.zeros(68)]),
            "pt2d": np.zeros((2, 21)),
            "Pose_Para": np.array([[0.1, -0.2, 0.3, 0, 0, 0, 1]]),
        })  # fmt: skip
    return points


def _facesynthetics(root: Path, points: np.ndarray) -> np.ndarray:
    for i, face in enumerate(points):
        picture(root / f"{i:06d}.png")
        picture(root / f"{i:06d}_seg.png")
        (root / f"{i:06d}_ldmks.txt").write_text(rows(np.vstack([face, np.zeros((2, 2))])))
    return points


def _cofw68(root: Path, points: np.ndarray) -> np.ndarray:
    (root / "test_annotations").mkdir()
    for i, face in enumerate(points, 1):
        picture(root / "pictures" / f"{i}.png")
        savemat(root / "test_annotations" / f"{i}_points.mat", {"Points": face + MATLAB, "Occ": np.zeros((68, 1))})
    return points


def _lapa(root: Path, points: np.ndarray) -> np.ndarray:
    for part, face in zip(("test", "train", "val"), dense(points, LAPA_106), strict=True):
        picture(root / part / "images" / "face.jpg")
        (root / part / "landmarks").mkdir()
        (root / part / "landmarks" / "face.txt").write_text("106\n" + rows(face))
    return points


def _tsv(root: Path, points: np.ndarray) -> np.ndarray:
    lines = []
    for i, face in enumerate(points):
        picture(root / "pictures" / f"{i}.jpg")
        coordinates = ",".join(f"{value:.6f}" for value in face.ravel())
        scale = 60 / 200 * 1.05
        lines.append(f"/data/somebody/pictures/{i}.jpg\t0,0\t{coordinates}\t{scale}\t80\t64\t0,1\n")
    (root / "train.tsv").write_text("".join(lines))
    return points


def _yolo_pose(root: Path, points: np.ndarray) -> np.ndarray:
    inner = points[:, 17:]
    for i, face in enumerate(inner):
        picture(root / "images" / "train" / f"{i}.jpg")
        (root / "labels" / "train").mkdir(parents=True, exist_ok=True)
        marked = " ".join(f"{x:.9f} {y:.9f} 2.000000" for x, y in face / SIZE)
        (root / "labels" / "train" / f"{i}.txt").write_text(f"0.0 0.5 0.5 0.4 0.5 {marked}\n")
    (root / "data.yaml").write_text("path: x\nkpt_shape:\n- 51\n- 3\nnames: {0: face}\n")
    return inner


def _coco(root: Path, points: np.ndarray) -> np.ndarray:
    images, annotations = [], []
    for i, face in enumerate(points):
        picture(root / "images" / f"{i}.jpg")
        images.append({"file_name": f"{i}.jpg", "id": 7 + i, "height": SIZE[1], "width": SIZE[0]})
        keypoints = np.column_stack([face, np.full(68, 2)]).ravel().tolist()
        annotations.append({"image_id": 7 + i, "id": i, "bbox": [30, 20, 100, 90], "keypoints": keypoints})
    content = {"info": {}, "images": images, "annotations": annotations, "categories": []}
    (root / "faces.json").write_text(json.dumps(content))
    return points


def _x_anylabeling(root: Path, points: np.ndarray) -> np.ndarray:
    for i, face in enumerate(points):
        picture(root / f"{i}.jpg")
        shapes = [{"label": "new_face", "shape_type": "rectangle", "group_id": 5, "points": [[30, 20], [130, 110]]}]
        for j, point in reversed(list(enumerate(face.tolist()))):
            shapes.append({"label": str(j), "shape_type": "point", "group_id": 5, "points": [point], "difficult": True})
        size = {"imageWidth": SIZE[0], "imageHeight": SIZE[1]}
        (root / f"{i}.json").write_text(json.dumps({"version": "2.3.1", "flags": {}, "shapes": shapes, **size}))
    return points


def _dlib(root: Path, points: np.ndarray) -> np.ndarray:
    images = []
    for i, face in enumerate(points + ORIGINS["dlib"]):
        picture(root / "pictures" / f"{i}.jpg")
        parts = [f"<part name='{j:02d}' x='{x:.6f}' y='{y:.6f}'/>" for j, (x, y) in enumerate(face)]
        box = f"<box top='20' left='30' width='100' height='90'>{''.join(reversed(parts))}</box>"
        images.append(f"<image file='pictures\\{i}.jpg' width='{SIZE[0]}' height='{SIZE[1]}'>{box}</image>\n")
    head = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<?xml-stylesheet type='text/xsl' href='image.xsl'?>\n"
    text = f"{head}<dataset>\n<name>imglab dataset</name>\n<images>\n{''.join(images)}</images>\n</dataset>"
    (root / "labels.xml").write_text(text)
    return points


def _cvat(root: Path, points: np.ndarray) -> np.ndarray:
    images = []
    for i, face in enumerate(points):
        picture(root / "images" / f"{i}.jpg")
        pairs = [f"{x:.6f},{y:.6f}" for x, y in face]
        parts = [f'<points label="{j}" outside="0" points="{pair}"></points>' for j, pair in enumerate(pairs)]
        shape = f'<points label="face" points="{";".join(pairs)}"></points>'
        skeleton = f'<skeleton label="face" z_order="0">{"".join(reversed(parts))}</skeleton>'
        box = '<box label="box" xtl="30.00" ytl="20.00" xbr="130.00" ybr="110.00"></box>'
        size = f'width="{SIZE[0]}" height="{SIZE[1]}"'
        images.append(f'<image id="{i}" name="{i}.jpg" {size}>{skeleton if i else shape}{box}</image>\n')
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    content = f"<version>1.1</version><meta><task></task></meta>{''.join(images)}"
    (root / "annotations.xml").write_text(f"{head}<annotations>{content}</annotations>")
    return points


SAMPLES = {
    "challenge": _challenge,
    "pts": _pts,
    "wflw": _wflw,
    "aflw2000": _aflw2000,
    "facesynthetics": _facesynthetics,
    "cofw68": _cofw68,
    "lapa": _lapa,
    "ivslab": _ivslab,
    "tsv": _tsv,
    "yolo_pose": _yolo_pose,
    "coco": _coco,
    "x_anylabeling": _x_anylabeling,
    "dlib": _dlib,
    "cvat": _cvat,
}
