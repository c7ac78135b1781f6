"""Every format: detected, read to the sub-pixel, prepared by the command; every writer and reader form a circle."""

from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused, run
from sample_folders import COUNT, SAMPLES, sample

from src.datasets.conversion import convert
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import FORMATS, WRITABLE, detect_format, read_faces
from src.datasets.prepared import load_prepared
from src.datasets.report import FolderReport
from src.errors import InputError


def _read(root: Path, name: str) -> Faces:
    return read_faces(Folder(root), name)


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == set(FORMATS)
    assert set(WRITABLE) == {"challenge", "pts", "ivslab", "tsv", "yolo_pose", "coco", "x_anylabeling"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_folder_is_recognized_and_read_to_the_sub_pixel(name: str, tmp_path: Path) -> None:
    points_image = sample(name, tmp_path / "set")
    assert detect_format(Folder(tmp_path / "set")) == name
    faces = _read(tmp_path / "set", name)
    np.testing.assert_allclose(faces.points_image, points_image, atol=1e-4)
    assert all(faces.path(row).is_file() for row in range(COUNT))
    assert not any(faces.left_out.values())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_command_prepares_every_format(name: str, tmp_path: Path) -> None:
    points_image = sample(name, tmp_path / "set")
    outcome = run("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--image_size", 64)
    assert outcome.code == 0, outcome
    assert f"{name}, {COUNT} faces of {points_image.shape[1]} points\n" in outcome.out
    prepared = load_prepared(tmp_path / "out")
    np.testing.assert_allclose(prepared.points_image, points_image, atol=1e-3)
    if name != "challenge":  # its pictures are crops already
        low, high = prepared.points_unit.min(axis=1), prepared.points_unit.max(axis=1)
        assert ((low > 0.05) & (high < 0.95)).all()
        np.testing.assert_allclose(prepared.size[:, 0], prepared.size[:, 1])


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("crop", ["whole", "challenge"])
def test_what_is_written_is_read_again(name: str, crop: str, tmp_path: Path) -> None:
    sample("ivslab" if name == "ivslab" else "x_anylabeling", tmp_path / "set")
    faces = read_faces(Folder(tmp_path / "set"), "ivslab" if name == "ivslab" else "x_anylabeling")
    report = convert(faces, tmp_path / "out", to=name, crop_rule=crop, image_size=96)
    assert report == FolderReport(faces=COUNT, broken=0, outside=0, left_out="", redone=True)
    assert detect_format(Folder(tmp_path / "out")) == name
    again = _read(tmp_path / "out", name)
    expected = faces.points_image
    if crop == "challenge":
        low, high = expected.min(axis=1), expected.max(axis=1)
        assert (again.points_image.min(axis=(1, 2)) > 0).all()
        scale = np.ptp(again.points_image, axis=1) / (high - low)
        np.testing.assert_allclose(scale[:, 0], scale[:, 1], rtol=1e-4)  # nothing is stretched
        origin = again.points_image.min(axis=1) - low * scale
        expected = expected * scale[:, None] + origin[:, None]
    np.testing.assert_allclose(again.points_image, expected, atol=1e-3)
    assert (
        again.names == [f"{'images/' * (name in ('yolo_pose', 'coco'))}{name_}" for name_ in _flat(faces, crop)]
    ).all()


def _flat(faces: Faces, crop: str) -> list[str]:
    return [str(name) if crop == "whole" else str(Path(name).with_suffix(".jpg")) for name in faces.names]


@pytest.mark.parametrize("name", ["coco", "yolo_pose", "x_anylabeling"])
@pytest.mark.parametrize("crop", ["whole", "box:1.5"])
def test_boxes_are_written_too(name: str, crop: str, tmp_path: Path) -> None:
    sample("wflw", tmp_path / "set")
    faces = _read(tmp_path / "set", "wflw")
    convert(faces, tmp_path / "out", to=name, crop_rule=crop, image_size=96)
    expected = faces.boxes_image if crop == "whole" else np.tile([16, 19.2, 80, 76.8], (COUNT, 1))
    rows = np.argsort([Path(picture).name for picture in faces.names])
    np.testing.assert_allclose(_read(tmp_path / "out", name).boxes_image, expected[rows], atol=1e-3)


@pytest.mark.parametrize("name", sorted(set(WRITABLE) - {"challenge"}))
def test_three_faces_in_a_picture_are_three_rows(name: str, tmp_path: Path) -> None:
    source = "pts" if name == "pts" else "ivslab"  # of 68 and of 51 points
    points_image = sample(source, tmp_path / "set")
    faces = _read(tmp_path / "set", source)
    right_to_left = points_image + np.array([[40, 0], [20, 0], [0, 0]])[:, None]
    together = Faces(faces.root, faces.names[[0, 0, 0]], right_to_left)
    convert(together, tmp_path / "out", to=name, image_size=96)
    again = _read(tmp_path / "out", name)
    assert len(set(again.names)) == 1
    np.testing.assert_allclose(again.points_image, right_to_left, atol=1e-3)


@pytest.mark.parametrize("out", ["set", "set/out", "set/../set/out"])
def test_faces_are_not_written_into_their_own_data_set(out: str, tmp_path: Path) -> None:
    sample("pts", tmp_path / "set")
    with pytest.raises(InputError, match="expected a folder outside"):
        convert(_read(tmp_path / "set", "pts"), tmp_path / out, to="pts", image_size=96)
    assert not (tmp_path / "set" / "out").exists()


def test_several_faces_in_a_picture_need_a_crop_to_become_the_challenges(tmp_path: Path) -> None:
    sample("pts", tmp_path / "set")
    faces = _read(tmp_path / "set", "pts").take(np.array([0, 0, 1]))
    with pytest.raises(InputError, match="crop the faces"):
        convert(faces, tmp_path / "out", to="challenge", image_size=96)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    convert(faces, tmp_path / "out", to="challenge", crop_rule="challenge", image_size=96)
    assert _read(tmp_path / "out", "challenge").names.tolist() == [
        "afw/face.jpg", "afw/face.face2.jpg", "helen/testset/face.jpg"
    ]  # fmt: skip


def test_mixed_formats_are_told_apart_by_the_flag(tmp_path: Path) -> None:
    sample("pts", tmp_path / "set")
    sample("lapa", tmp_path / "set" / "more")
    command = ("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out")
    assert_refused(run(*command), "several (pts, lapa)", "name the format")
    assert run(*command, "--format", "lapa").code == 0


def test_a_subset_is_prepared_alone(tmp_path: Path) -> None:
    points_image = sample("pts", tmp_path / "set")
    command = ("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--subset")
    assert run(*command, "challenge").code == 0
    np.testing.assert_allclose(load_prepared(tmp_path / "out").points_image, points_image[2:], atol=1e-3)
    assert_refused(run(*command, "chalenge"), "challenge, common, full, train", "'chalenge'")


def test_the_command_converts(tmp_path: Path) -> None:
    points_image = sample("aflw2000", tmp_path / "set")
    outcome = run("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--to", "pts")
    assert outcome.code == 0, outcome
    np.testing.assert_allclose(_read(tmp_path / "out", "pts").points_image, points_image, atol=1e-3)
    assert_refused(
        run("preparation.py", "--root", tmp_path / "set", "--out", tmp_path / "out", "--to", "tsv"),
        "new or empty folder",
    )
