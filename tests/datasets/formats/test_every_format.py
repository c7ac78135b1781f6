"""The one table that every reader and every writer passes: frames, containers, crops, ties, links, sizes, spaces,
unmarked points. A new format takes part by its sample and its name in FORMATS."""

import contextlib
import os
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from dotted import CONTAINERS, CROP_RULES, ORIENTATIONS, assert_dots_and_points_stay_together, draw_dots
from PIL import Image
from sample_folders import COUNT, SIZE, sample

from src.datasets.conversion import convert
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import FORMATS, WRITABLE, detect_format, read_faces
from src.datasets.prepare import prepare
from src.errors import InputError

EVERY_READER = pytest.mark.parametrize("name", FORMATS)
EVERY_WRITER = pytest.mark.parametrize("to", WRITABLE)
PLACEHOLDERS = (-1.0, 0.0)


def _read(root: Path, name: str, **settings: object) -> Faces:
    return read_faces(Folder(root), name, **settings)


def _source(root: Path, to: str) -> Faces:
    """Faces that the format `to` can write."""
    name = "ivslab" if to == "ivslab" else "coco"
    sample(name, root)
    return _read(root, name)


def _states_sizes(root: Path, name: str) -> bool:
    return FORMATS[name].read(Folder(root)).coordinates.stated_size is not None


@EVERY_READER
def test_readers_know_every_orientation_container_and_crop(name: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    sample(name, root)
    unturned = _read(root, name)
    for orientation in ORIENTATIONS:
        draw_dots(unturned, orientation, containers=CONTAINERS[orientation % len(CONTAINERS) :] + CONTAINERS)
        faces = _read(root, name)
        assert not any(faces.faults)
        np.testing.assert_allclose(faces.points_image, unturned.points_image, atol=1e-6)
        for crop_rule in CROP_RULES:
            assert_dots_and_points_stay_together(faces, crop_rule)


@EVERY_READER
def test_readers_turn_labels_of_stored_pixels(name: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    sample(name, root)
    unturned = _read(root, name)
    is_told = _states_sizes(root, name)
    for orientation in ORIENTATIONS:
        is_lying = orientation > 4
        for row in range(COUNT):  # draw_dots keeps the size, and this picture was of the other shape
            Image.new("RGB", SIZE).save(unturned.path(row))
        draw_dots(unturned, orientation, turn=False)
        faces = _read(root, name, frame=None if is_told and is_lying else "stored")
        assert not any(faces.faults)
        assert_dots_and_points_stay_together(faces, "whole")
        if is_told and is_lying:
            assert "stored pixels" in " ".join(faces.remarks)
        elif orientation > 1:
            assert "read as shown" in " ".join(_read(root, name).remarks)


@EVERY_READER
def test_readers_notice_pictures_that_were_resized(name: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    points_image = sample(name, root)
    coordinates = FORMATS[name].read(Folder(root)).coordinates
    for path in _read(root, name).names:
        Image.new("RGB", (2 * SIZE[0], 2 * SIZE[1])).save(root / path)
    faces = _read(root, name)
    if coordinates.stated_size is not None:
        assert all("state a picture of 160 x 120 pixels, found 320 x 240" in fault for fault in faces.faults)
        faces = _read(root, name, rescale=True)
    assert not any(faces.faults)
    scale = 2 if coordinates.in_shares or coordinates.stated_size is not None else 1
    np.testing.assert_allclose(faces.points_image, scale * points_image, atol=1e-4)


@EVERY_READER
@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_readers_take_no_placeholder_for_a_point(name: str, placeholder: float, tmp_path: Path) -> None:
    root = tmp_path / "set"
    points_image = sample(name, root, placeholder=placeholder)
    marked = points_image[np.isclose(points_image, sample(name, tmp_path / "marked")).all(axis=(1, 2))]
    assert len(marked) == COUNT - 1
    faces = _read(root, name)
    is_marked = np.isclose(faces.points_image[:, None], marked, atol=1e-4).all(axis=(2, 3)).any(axis=1)
    assert is_marked.sum() == COUNT - 1
    assert not any(faces.faults[is_marked])
    if len(faces) < COUNT:
        assert len(faces.left_out["faces with unmarked points"]) == 1
    else:
        assert "placeholders (-1 -1 or 0 0) at " in faces.faults[~is_marked][0]


@EVERY_READER
def test_readers_leave_out_and_name_a_face_of_nan(name: str, tmp_path: Path) -> None:
    points_image = sample(name, tmp_path / "set", placeholder=np.nan)
    faces = _read(tmp_path / "set", name)
    is_broken = ~np.isfinite(points_image).all(axis=(1, 2))
    assert [bool(fault) for fault in faces.faults] == is_broken.tolist()
    assert faces.faults[is_broken].tolist() == ["expected finite numbers, found NaN or infinity"]
    report = prepare([faces], tmp_path / "out", image_size=32, skip_broken=True, crop_rule=FORMATS[name].crop_rule)
    assert (report.faces, report.broken) == (COUNT - 1, 1)
    report = convert(faces, tmp_path / "tsv", to="tsv", image_size=32, skip_broken=True)
    assert (report.faces, report.broken) == (COUNT - 1, 1)


@EVERY_READER
def test_readers_follow_links_and_read_names_with_spaces(name: str, tmp_path: Path) -> None:
    points_image = sample(name, tmp_path / "far" / "a part")
    (tmp_path / "set").mkdir()
    if name == "lapa":  # its parts stand at the root
        for part in ("train", "val", "test"):
            (tmp_path / "set" / part).symlink_to(tmp_path / "far" / "a part" / part)
    elif name == "challenge":  # so does its annot.pkl
        (tmp_path / "set").rmdir()
        (tmp_path / "set").symlink_to(tmp_path / "far" / "a part")
    else:
        (tmp_path / "set" / "a part").symlink_to(tmp_path / "far" / "a part")
    faces = _read(tmp_path / "set", name)
    np.testing.assert_allclose(faces.points_image, points_image, atol=1e-4)
    assert all(faces.path(row).is_file() for row in range(COUNT))


@EVERY_READER
@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff"), ("utf-16-le", ""), ("utf-16-be", "")]
)
def test_readers_know_texts_in_utf_16(name: str, encoding: str, mark: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    points_image = sample(name, root)
    texts = [path for path in root.rglob("*") if path.suffix in (".json", ".txt", ".pts", ".tsv", ".yaml", ".xml")]
    for path in texts:
        path.write_bytes((mark + path.read_text().replace("\n", "\r\n")).encode(encoding))
    assert bool(texts) == (name not in ("challenge", "aflw2000", "cofw68"))
    assert detect_format(Folder(root)) == name
    np.testing.assert_allclose(_read(root, name).points_image, points_image, atol=1e-4)


@EVERY_READER
def test_readers_never_choose_between_two_pictures_of_one_stem(name: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    sample(name, root)
    names = _read(root, name).names
    stem, ending = os.path.splitext(names[0])
    other = f"{stem}{'.bmp' if ending != '.bmp' else '.png'}"
    Image.new("RGB", SIZE).save(root / other)
    with contextlib.suppress(InputError):
        faces = _read(root, name)
        np.testing.assert_array_equal(faces.names, names)
        assert faces.left_out["pictures without labels"] == [other]
        return
    with pytest.raises(InputError, match=f"{names[0]} and {other}|{other} and {names[0]}"):
        _read(root, name)


@EVERY_READER
def test_readers_name_an_absent_picture_and_its_namesake(name: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    sample(name, root)
    names = _read(root, name).names
    path = root / names[0]
    path.rename(path.with_name(path.name.upper()))
    faults = _read(root, name).faults
    if not any(faults):  # found by its stem, in any ending
        assert _read(root, name).names[0] == str(Path(names[0]).with_name(path.name.upper()))
        return
    assert [bool(fault) for fault in faults] == [True, False, False]
    assert "no such picture" in faults[0]


@EVERY_READER
def test_readers_name_an_empty_picture(name: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    sample(name, root)
    names = _read(root, name).names
    (root / names[1]).write_bytes(b"")
    assert _read(root, name).faults.tolist() == ["", "the file is empty", ""]


@EVERY_WRITER
def test_writers_know_every_orientation_container_and_crop(to: str, tmp_path: Path) -> None:
    source = _source(tmp_path / "set", to)
    endings = cycle(("jpg", "png", "webp", "tif", "avif"))
    for orientation, ending, crop_rule in zip(ORIENTATIONS, endings, cycle(CROP_RULES), strict=False):
        faces = replace(source, names=np.array([f"my face {i}.{ending}" for i in range(COUNT)]))
        for row in range(COUNT):
            Image.new("RGB", SIZE).save(faces.path(row))
        draw_dots(faces, orientation)
        out = tmp_path / str(orientation)
        convert(faces, out, to=to, crop_rule=crop_rule, image_size=128)
        assert_dots_and_points_stay_together(_read(out, to), "whole")


@EVERY_WRITER
def test_writers_refuse_files_that_would_be_one(to: str, tmp_path: Path) -> None:
    faces = _source(tmp_path / "set", to)
    ties = [["a.png", "A.png", "b.png"]] + [["1.jpg", "1.png", "2.png"]] * FORMATS[to].by_stem
    for names in ties:
        for name in names:
            Image.new("RGB", (160, 120)).save(faces.root / name)
        tied = replace(faces, names=np.array(names))
        with pytest.raises(InputError, match="files in the format"):
            convert(tied, tmp_path / "out", to=to, image_size=64)
    assert not (tmp_path / "out").exists()
    convert(tied, tmp_path / "out", to=to, crop_rule="challenge", image_size=64)
    assert len(_read(tmp_path / "out", to)) == COUNT


@EVERY_WRITER
def test_a_crops_name_is_never_another_pictures(to: str, tmp_path: Path) -> None:
    faces = _source(tmp_path / "set", to).take(np.array([0, 1, 2, 2]))
    names = ["images/0.jpg", "images/0.jpg", "images/0.face2.jpg", "images/0.png"]
    (tmp_path / "set" / "images").mkdir(exist_ok=True)
    for name in set(names):
        Image.new("RGB", (160, 120)).save(tmp_path / "set" / name)
    convert(replace(faces, names=np.array(names)), tmp_path / "out", to=to, crop_rule="challenge", image_size=64)
    assert len(set(_read(tmp_path / "out", to).names)) == 4


@EVERY_WRITER
def test_writers_leave_out_and_name_what_is_broken(to: str, tmp_path: Path) -> None:
    faces = _source(tmp_path / "set", to)
    faces.path(0).write_bytes(b"")
    faces = replace(faces, faults=np.array(["", "its labels are wrong", ""]))
    with pytest.raises(InputError, match="2 of 3 pictures are broken"):
        convert(faces, tmp_path / "out", to=to, image_size=64)
    assert not (tmp_path / "out").exists()
    report = convert(faces, tmp_path / "out", to=to, image_size=64, skip_broken=True)
    assert (report.faces, report.broken) == (1, 2)
    assert "the file is empty" in report.left_out
    assert "its labels are wrong" in report.left_out
    assert len(_read(tmp_path / "out", to)) == 1
