"""One table of frames that every reader and writer passes: a bright dot and its point stay together within a pixel."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_folders import COUNT, SAMPLES, sample
from stand_in import centroid, gaussian_dot

from src.datasets.conversion import convert
from src.datasets.decoding import Square, decode_faces
from src.datasets.faces import Convention, Faces
from src.datasets.folder import Folder
from src.datasets.formats import FORMATS, WRITABLE, read_faces
from src.datasets.frames import settle
from src.datasets.pictures import picture_shape
from src.errors import InputError

DOT = 30 - 17  # of 51 points: the nose tip, which every mark-up has
CROPS = ("whole", "box:2", "challenge")
TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE",
         8: "ROTATE_270"}  # fmt: skip


def _dot(face: np.ndarray) -> np.ndarray:
    return face[DOT + 17 if len(face) == 68 else DOT]


def _store(path: Path, shown: Image.Image, orientation: int) -> None:
    """Save what a camera stores for a picture that is shown like this; `path` keeps its name whatever its container."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = shown.transpose(getattr(Image.Transpose, TURNS[orientation])) if orientation in TURNS else shown
    options = {"lossless": True} if path.suffix == ".webp" else {}
    stored.save(path, exif=exif, quality=97, **options)


def _draw_dots(faces: Faces, orientation: int = 1) -> None:
    """Replace every picture by one with a dot at its face's nose tip."""
    for row in range(len(faces)):
        dot = gaussian_dot(picture_shape(faces.path(row)).shown, tuple(_dot(faces.points_image[row])), sigma=2.0)
        _store(faces.path(row), Image.fromarray(dot).convert("RGB"), orientation)


def _assert_dots_and_points_stay_together(faces: Faces, crop: str, size: int = 128) -> None:
    for row, square in enumerate(decode_faces([faces], size, crop=crop, description="test")):
        assert isinstance(square, Square), square
        expected = (np.append(_dot(faces.points_image[row]), 1) @ square.affine.T) * size
        assert np.abs(centroid(square.pixels[..., 1]) - expected).max() < 1, (crop, row)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_reader_in_every_orientation_and_crop(name: str, tmp_path: Path) -> None:
    sample(name, tmp_path / "set")
    unturned = read_faces(Folder(tmp_path / "set"), name)
    for orientation in range(1, 9):
        _draw_dots(unturned, orientation)
        faces = read_faces(Folder(tmp_path / "set"), name)
        assert not any(faces.faults)
        np.testing.assert_allclose(faces.points_image, unturned.points_image, atol=1e-6)
        for crop in CROPS:
            _assert_dots_and_points_stay_together(faces, crop)


@pytest.mark.parametrize("to", WRITABLE)
@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif"])
def test_every_writer_in_every_container_and_orientation(to: str, extension: str, tmp_path: Path) -> None:
    sample("ivslab" if to == "ivslab" else "coco", tmp_path / "set")
    faces = read_faces(Folder(tmp_path / "set"), "ivslab" if to == "ivslab" else "coco")
    names = np.array([f"my face {i}.{extension}" for i in range(COUNT)])
    faces = replace(faces, root=tmp_path, names=names)
    for row in range(COUNT):
        Image.new("RGB", (160, 120)).save(faces.path(row))
    for orientation in (1, 6):
        _draw_dots(faces, orientation)
        for crop in ("whole", "challenge"):
            out = tmp_path / f"{orientation}_{crop.partition(':')[0]}"
            convert(faces, out, to=to, crop=crop, image_size=128)
            _assert_dots_and_points_stay_together(read_faces(Folder(out), to), "whole")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_reader_follows_links_and_reads_names_with_spaces(name: str, tmp_path: Path) -> None:
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
    faces = read_faces(Folder(tmp_path / "set"), name)
    np.testing.assert_allclose(faces.points_image, points_image, atol=1e-4)
    assert all(faces.path(row).is_file() for row in range(COUNT))


@pytest.mark.parametrize("to", [name for name in WRITABLE if FORMATS[name].by_stem])
def test_writers_refuse_labels_that_would_be_one_file(to: str, tmp_path: Path) -> None:
    sample("coco", tmp_path / "set")
    faces = read_faces(Folder(tmp_path / "set"), "coco")
    for names in (["1.jpg", "1.png", "2.png"], ["a.png", "A.png", "b.png"]):
        for name in names:
            Image.new("RGB", (160, 120)).save(tmp_path / name)
        tied = replace(faces, root=tmp_path, names=np.array(names))
        with pytest.raises(InputError, match="files in the format"):
            convert(tied, tmp_path / "out", to=to, image_size=64)
    assert not (tmp_path / "out").exists()
    convert(tied, tmp_path / "out", to=to, crop="challenge", image_size=64)
    assert len(read_faces(Folder(tmp_path / "out"), to)) == COUNT


def test_a_crops_name_is_never_another_pictures(tmp_path: Path) -> None:
    sample("coco", tmp_path / "set")
    faces = read_faces(Folder(tmp_path / "set"), "coco").take(np.array([0, 1, 2, 2]))
    names = ["images/0.jpg", "images/0.jpg", "images/0.face2.jpg", "images/0.png"]
    for name in set(names):
        Image.new("RGB", (160, 120)).save(tmp_path / "set" / name)
    faces = replace(faces, names=np.array(names))
    convert(faces, tmp_path / "out", to="coco", crop="challenge", image_size=64)
    again = read_faces(Folder(tmp_path / "out"), "coco")
    assert len(set(again.names)) == 4


# What a label file states of its picture's size; the picture is stored as 160 x 120 and shown as said.
@pytest.mark.parametrize(
    ("orientation", "stated", "words"),
    [
        (1, (160, 120), ""),
        (6, (120, 160), ""),
        (6, (160, 120), "turned"),
        (5, (160, 120), "turned"),
        (1, (320, 240), "rescaled"),
        (6, (320, 240), "turned rescaled"),
        (1, (120, 160), "fault"),
        (1, (200, 120), "fault"),
        (3, (160, 120), "unsaid"),
        (8, (np.nan, np.nan), "unsaid"),
    ],
)
def test_the_stated_size_is_held_against_the_pictures(
    orientation: int, stated: tuple[float, float], words: str, tmp_path: Path
) -> None:
    shown_size = (120, 160) if orientation > 4 else (160, 120)
    face = np.random.default_rng(0).uniform(30, 90, size=(68, 2))
    dot = gaussian_dot(shown_size, tuple(face[30]), sigma=2.0)
    _store(tmp_path / "a.png", Image.fromarray(dot).convert("RGB"), orientation)
    written = face
    if "turned" in words:
        x, y = face.T
        written = np.column_stack({5: (y, x), 6: (y, 120 - x)}[orientation])
    if "rescaled" in words:
        written = written * 2
    read = Faces(tmp_path, np.array(["a.png"]), written[None], convention=Convention(stated_size=np.array([stated])))
    settled = settle(read, rescale="rescaled" in words)
    if words == "fault":
        assert "its labels state a picture of" in settled.faults[0]
        return
    assert settled.faults.tolist() == [""]
    np.testing.assert_allclose(settled.points_image[0], face, atol=1e-6)
    remarks = " ".join(settled.remarks)
    assert ("stored pixels" in remarks) == ("turned" in words)
    assert ("read as shown" in remarks) == (words == "unsaid")
    if "rescaled" in words:
        assert "set rescale" in settle(read).faults[0]
    _assert_dots_and_points_stay_together(settled, "whole")


def test_where_the_size_does_not_tell_the_frame_is_asked_for(tmp_path: Path) -> None:
    face = np.random.default_rng(0).uniform(30, 90, size=(68, 2))
    _store(tmp_path / "a.png", Image.new("RGB", (120, 160)), 6)
    read = Faces(tmp_path, np.array(["a.png"]), face[None])
    np.testing.assert_allclose(settle(read, frame="stored").points_image[0, 0], [120 - face[0, 1], face[0, 0]])
    sizes = Convention(stated_size=np.array([[160.0, 120.0], [np.nan, np.nan]]))
    mixed = Faces(tmp_path, np.array(["a.png", "a.png"]), np.stack([face, face]), convention=sizes)
    with pytest.raises(InputError, match="say which with the setting frame"):
        settle(mixed)
    with pytest.raises(InputError, match="shown or stored"):
        settle(read, frame="raw")


@pytest.mark.parametrize("value", [-1.0, 0.0])
@pytest.mark.parametrize("is_unmarked", [False, True])
def test_placeholders_are_no_points(value: float, is_unmarked: bool, tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(30, 90, size=(2, 68, 2))
    points[1, 40] = value
    Image.new("RGB", (160, 120)).save(tmp_path / "a.png")
    convention = Convention(origin=0.5, unmarked=is_unmarked)
    settled = settle(Faces(tmp_path, np.array(["a.png", "a.png"]), points, convention=convention))
    if is_unmarked:
        assert settled.left_out == {"faces with unmarked points": ["a.png"]}
        assert len(settled) == 1
    else:
        assert settled.faults[0] == ""
        assert "placeholders (-1 -1 or 0 0) at 40" in settled.faults[1]
