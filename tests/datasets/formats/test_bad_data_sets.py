"""Every wrong data set ends in one line and exit code 2, with nothing written; odd but honest ones are counted."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, assert_refused, run
from sample_folders import COUNT, picture, pts_text, rows, sample
from stand_in import distinct_points

from src.datasets.prepared import load_prepared


def _prepare(root: Path, *flags: object) -> Outcome:
    size = () if "--to" in flags else ("--image_size", 32)  # whole pictures are copied
    return run("preparation.py", "--root", root / "set", "--out", root / "out", *size, *flags)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _json(change: object) -> object:
    def damage(root: Path) -> None:
        path = next(root.rglob("*.json"))
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def _cut(pattern: str, share: float = 0.5) -> object:
    def damage(root: Path) -> None:
        path = min(root.rglob(pattern))
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return damage


WRONG = {
    "FaceSynthetics of 68 points": ("facesynthetics", lambda root: (root / "000001_ldmks.txt").write_text(
        rows(distinct_points(1)[0])), "000001_ldmks.txt: expected 70 points, found 68"),
    "FaceSynthetics cut short": ("facesynthetics", _cut("*_ldmks.txt"), "000000_ldmks.txt"),
    "FaceSynthetics of words": ("facesynthetics", lambda root: (root / "000001_ldmks.txt").write_text("a b\n" * 70),
        "000001_ldmks.txt: not in the expected form"),
    "LaPa of 105 points": ("lapa", lambda root: _edit(root / "val/landmarks/face.txt", "106", "105"), "found '105'"),
    "LaPa cut short": ("lapa", _cut("face.txt"), "test/landmarks/face.txt: expected 106"),
    "LaPa empty": ("lapa", lambda root: (root / "val/landmarks/face.txt").write_text(""), "found ''"),
    "COFW cut short": ("cofw68", _cut("*.mat"), "1_points.mat: not a readable .mat"),
    "AFLW2000 cut short": ("aflw2000", _cut("*.mat"), "image00000.mat: not a readable .mat"),
    "WFLW cut short": ("wflw", _cut("*_test.txt", 0.3), "list_98pt_rect_attr_test.txt"),
    "TSV with a header": ("tsv", lambda root: _edit(root / "train.tsv", "/data", "image_path\tlandmarks\n/data"),
        "train.tsv: line 1: expected 6 or 7 columns separated by tabs, found 2"),
    "TSV of words": ("tsv", lambda root: _edit(root / "train.tsv", "\t80\t", "\tleft\t"), "line 1: expected numbers"),
    "TSV cut in a coordinate": ("tsv", lambda root: _edit(root / "train.tsv", "\t0.315\t", ",1\t0.315\t"),
        "line 1: expected pairs"),
    "TSV of two mark-ups": ("tsv", lambda root: _edit(root / "train.tsv", "\t0.315\t", ",1,2\t0.315\t"),
        "expected 68 points as most faces have, found 69"),
    "TSV of nothing": ("tsv", lambda root: (root / "train.tsv").write_text(""), "expected at least one annotated face"),
    "YOLO with another count": ("yolo_pose", lambda root: _edit(root / "data.yaml", "51", "68"),
        "labels/train/0.txt: expected 5 + 68 x 3 columns, found 158"),
    "YOLO without a yaml, 50 points": ("yolo_pose", lambda root: [(root / "data.yaml").unlink(), _edit(
        root / "labels/train/0.txt", " 2.000000\n", "\n")], "kpt_shape"),
    "YOLO of detections": ("yolo_pose", lambda root: (root / "labels/train/0.txt").write_text("0 .5 .5 .1 .1\n"),
        "labels/train/0.txt: expected 5 + 51 x 3 columns, found 5"),
    "YOLO of words": ("yolo_pose", lambda root: _edit(root / "labels/train/0.txt", "0.5", "x"), "labels/train/0.txt"),
    "COCO cut short": ("coco", _cut("*.json"), "faces.json: not readable JSON"),
    "COCO without images": ("coco", _json(lambda content: content.pop("images")), "found no images"),
    "COCO of an unlisted image": ("coco", _json(lambda content: content["annotations"][0].update(image_id=99)),
        "for image 99"),
    "COCO of pairs": ("coco", _json(lambda content: content["annotations"][0]["keypoints"].pop()), "found 203 numbers"),
    "COCO with a box of corners": ("coco", _json(lambda content: content["annotations"][0].update(
        bbox=[[1, 2], [30, 2], [30, 40], [1, 40]])), "left, top, width, height of a bbox, found an array of shape"),
    "COCO with a box of two numbers": ("coco", _json(lambda content: content["annotations"][0].update(bbox=[1, 2])),
        "found an array of shape (2,)"),
    "COCO with an annotation of nothing": ("coco", _json(lambda content: content["annotations"][0].pop("image_id")),
        "image_id"),
    "X-AnyLabeling cut short": ("x_anylabeling", _cut("*.json"), "0.json: not readable JSON"),
    "X-AnyLabeling with a gap": ("x_anylabeling", _json(lambda content: content["shapes"].pop(30)),
        "expected points 0 to 67 of group 5, found 67"),
    "X-AnyLabeling without groups": ("x_anylabeling", _json(lambda content: content["shapes"].extend(
        content["shapes"])), "its own group or box"),
    "mixed point counts": ("pts", lambda root: (root / "afw/face.pts").write_text(pts_text(distinct_points(1)[0][:5])),
        "afw/face.pts: expected 68 points, found 5"),
    "nothing at all": ("pts", lambda root: [path.unlink() for path in root.rglob("*.pts")], "none of them"),
    "points in one place": ("facesynthetics", lambda root: (root / "000001_ldmks.txt").write_text("9 9\n" * 70),
        "000001.png: its points lie in one place"),
    "a face of few pixels": ("facesynthetics", lambda root: (root / "000001_ldmks.txt").write_text(
        rows(distinct_points(1)[0][[*range(68), 0, 1]] * 8 + 50)), "000001.png: expected a crop of at least 16 pixels"),
    "shares in the place of pixels": ("facesynthetics", lambda root: (root / "000001_ldmks.txt").write_text(
        rows(distinct_points(1)[0][[*range(68), 0, 1]])), "000001.png: its points span 0.39 pixels; are they shares"),
    "points miles away": ("facesynthetics", lambda root: (root / "000001_ldmks.txt").write_text(
        rows(distinct_points(1)[0][[*range(68), 0, 1]] * 40 + 9000)), "far outside the picture (160 x 120 pixels)"),
    "a missing picture": ("wflw", lambda root: min(root.rglob("*.jpg")).unlink(), "no such picture"),
    "a damaged picture": ("coco", _cut("*.jpg"), "images/0.jpg: the picture cannot be decoded"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_data_set_is_refused(kind: str, tmp_path: Path) -> None:
    name, damage, words = WRONG[kind]
    sample(name, tmp_path / "set")
    damage(tmp_path / "set")
    assert_refused(_prepare(tmp_path), words)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    if name in ("pts", "tsv", "coco"):
        assert_refused(_prepare(tmp_path, "--to", "tsv"), words.partition(":")[0])
        assert sorted(path.name for path in tmp_path.iterdir() if path.name != "out") == ["set"]


@pytest.mark.parametrize(
    "name", ["pts", "ivslab", "aflw2000", "facesynthetics", "cofw68", "lapa", "yolo_pose", "x_anylabeling"]
)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_label_file_of_one_picture_stops_or_is_left_out_and_named(name: str, damage: str, tmp_path: Path) -> None:
    sample(name, tmp_path / "set")
    kinds = {".pts", ".mat", ".txt", ".json"}
    path = sorted(path for path in (tmp_path / "set").rglob("*") if path.suffix in kinds)[-1]
    content = path.read_bytes()[:150]
    path.unlink()
    if damage == "cut":
        path.write_bytes(content)
    else:
        path.symlink_to("nowhere")
    assert_refused(_prepare(tmp_path), path.name)
    outcome = _prepare(tmp_path, "--skip_broken")
    assert outcome.code == 0, outcome
    assert f"1 label file that cannot be read left out ({path.relative_to(tmp_path / 'set')}: " in outcome.out
    assert len(load_prepared(tmp_path / "out")) == COUNT - 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that takes any bytes as a name")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    sample("facesynthetics", tmp_path / "set")
    for path in sorted((tmp_path / "set").glob("000001*")):
        os.rename(os.fsencode(path), os.fsencode(path).replace(b"000001", b"face\xff"))
    assert_refused(_prepare(tmp_path), "expected names of printable text", "udcff")


FEWER_POINTS = {
    "tsv": lambda root: _edit(root / "train.tsv", "\t0.315\t", ",1,2\t0.315\t"),
    "x_anylabeling": lambda root: _edit(root / "1.json", '"label": "67"', '"label": "eye"'),
    "yolo_pose": lambda root: [(root / "data.yaml").unlink(), (root / "labels/train/1.txt").write_text(
        "0 .5 .5 .4 .5" + " .5 .5 2" * 68)],
}  # fmt: skip


@pytest.mark.parametrize("name", FEWER_POINTS)
def test_a_face_with_another_number_of_points_stops_or_is_left_out(name: str, tmp_path: Path) -> None:
    sample(name, tmp_path / "set")
    FEWER_POINTS[name](tmp_path / "set")
    assert_refused(_prepare(tmp_path), "points as most faces have, found")
    outcome = _prepare(tmp_path, "--skip_broken")
    assert f"{COUNT - 1} faces, 1 broken picture left out" in outcome.out, outcome


def test_an_absurd_box_is_refused_or_left_out(tmp_path: Path) -> None:
    sample("coco", tmp_path / "set")
    _json(lambda content: content["annotations"][1].update(bbox=[900, 900, -5, 3]))(tmp_path / "set")
    assert_refused(
        _prepare(tmp_path, "--crop", "box"),
        "images/1.jpg: its box [900.0, 900.0, 895.0, 903.0] does not fit its points",
    )
    outcome = _prepare(tmp_path, "--crop", "box", "--skip_broken")
    assert f"{COUNT - 1} faces, 1 broken picture left out" in outcome.out
    assert _prepare(tmp_path).code == 0  # the challenge's crop asks the points


def test_points_outside_the_picture_are_kept_and_counted(tmp_path: Path) -> None:
    points = sample("coco", tmp_path / "set")
    moved = points[0] - (80, 0)
    assert moved.min() < 0

    def change(content: dict) -> None:
        content["annotations"][0]["keypoints"] = np.column_stack([moved, np.full(68, 2)]).ravel().tolist()

    _json(change)(tmp_path / "set")
    outcome = _prepare(tmp_path)
    assert f"{COUNT} faces, 1 with points outside their picture" in outcome.out
    np.testing.assert_allclose(load_prepared(tmp_path / "out").points_image[0], moved, atol=1e-3)
    assert "(unchanged, kept)" in _prepare(tmp_path).out
    for crop in ("whole", "challenge"):
        outcome = run(
            "preparation.py", "--root", tmp_path / "set", "--out", tmp_path / crop, "--to", "pts", "--crop", crop
        )
        assert f"{COUNT} faces, 1 with points outside their picture" in outcome.out


def test_faces_with_unmarked_points_and_pictures_without_a_face_are_counted(tmp_path: Path) -> None:
    sample("yolo_pose", tmp_path / "set")
    labels = tmp_path / "set" / "labels" / "train"
    _edit(labels / "0.txt", "2.000000", "0.000000")
    (labels / "1.txt").write_text("\n")
    outcome = _prepare(tmp_path)
    assert (
        "1 face of 51 points, 1 face with unmarked points left out (images/train/0.jpg), "
        "1 picture without a face left out (images/train/1.jpg)\n" in outcome.out
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format", "ptz"], "challenge, pts, wflw"),
        (["--format", "coco"], "at least one annotated face"),
        (["--to", "wflw"], "can be written (challenge, pts, ivslab"),
        (["--crop", "boxes"], "crop rule"),
        (["--demo", "3"], "--demo goes without --root"),
        (["--repose", "3"], "--repose goes without --root"),
    ],
)
def test_wrong_flags_are_refused(flags: list[str], words: str, tmp_path: Path) -> None:
    sample("pts", tmp_path / "set")
    assert_refused(_prepare(tmp_path, *flags), words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--out", "--format", "--crop", "--to", "--subset"])
def test_a_data_sets_flag_without_its_root_is_refused(flag: str, tmp_path: Path) -> None:
    assert_refused(run("preparation.py", flag, tmp_path / "x"), f"{flag} goes with --root")


def test_a_root_without_a_place_to_write_or_that_is_absent_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "a.jpg")
    assert_refused(run("preparation.py", "--root", tmp_path / "set"), "--out DIR")
    assert_refused(run("preparation.py", "--root", tmp_path / "absent", "--out", tmp_path / "out"), "no such folder")
    file = tmp_path / "set" / "a.jpg"
    assert_refused(run("preparation.py", "--root", file, "--out", tmp_path / "out"), "found a file; name its folder")


def test_a_folder_of_no_format_is_described(tmp_path: Path) -> None:
    sample("challenge", tmp_path / "set" / "inside" / "val")
    assert_refused(_prepare(tmp_path), "found annot.pkl inside inside/val; name that folder")
    (tmp_path / "set" / "inside" / "val" / "annot.pkl").rename(tmp_path / "set" / "labels.ZIP")
    assert_refused(_prepare(tmp_path), f"found none of them ({COUNT} .png, 1 .zip); check the folder")
    shutil.rmtree(tmp_path / "set")
    (tmp_path / "set").mkdir()
    assert_refused(_prepare(tmp_path), "found none of them (no files); check the folder")
    for name in ("images.npy", "labels.npz"):
        (tmp_path / "set" / name).touch()
    assert_refused(_prepare(tmp_path), "found faces that are prepared already; give the folder to train.py")


def test_a_wrong_count_of_points_for_arrays_says_so(tmp_path: Path) -> None:
    sample("tsv", tmp_path / "set")
    text = (tmp_path / "set" / "train.tsv").read_text().splitlines()
    cut = [
        "\t".join([*row[:2], ",".join(row[2].split(",")[:24]), *row[3:]]) for row in (line.split("\t") for line in text)
    ]
    (tmp_path / "set" / "train.tsv").write_text("\n".join(cut))
    assert_refused(_prepare(tmp_path, "--crop", "box"), "68 points everywhere, or of 51 everywhere, found 12")
