"""dlib's XML: whole pixels counted from 0, parts in any order or missing, boxes that are no faces, texts that lie."""

from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused, run
from PIL import Image
from sample_folders import SIZE, picture
from stand_in import project

from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.errors import InputError

FACE = (project(np.array([[5.0, 10, 3]]))[0] * min(SIZE) + (20, 0)).round()
NAMES = [f"{i:02d}" for i in range(68)]


def _box(points: np.ndarray = FACE, names: list[str] = NAMES, more: str = "") -> str:
    parts = [f"<part name='{name}' x='{x:g}' y='{y:g}'/>" for name, (x, y) in zip(names, points, strict=True)]
    return f"<box top='20' left='30' width='100' height='90' {more}><label>face</label>{''.join(parts)}</box>"


def _xml(*images: tuple[str, str]) -> str:
    """A file of pictures and their boxes."""
    inside = "".join(f"<image file='{name}'>{boxes}</image>" for name, boxes in images)
    return f"<?xml version='1.0' encoding='ISO-8859-1'?><dataset><images>{inside}</images></dataset>"


def _read(root: Path, **texts: str) -> Faces:
    """The faces of files by their names without an ending; pictures are there already or called 1.jpg and 2.jpg."""
    for name in ("1.jpg", "2.jpg"):
        if not (root / name).exists():
            picture(root / name)
    for name, text in texts.items():
        (root / f"{name}.xml").write_text(text, encoding="utf-8")
    assert detect_format(Folder(root)) == "dlib"
    return read_faces(Folder(root), "dlib")


def test_a_part_is_the_center_of_its_pixel_and_a_box_spans_whole_pixels(tmp_path: Path) -> None:
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    columns, rows = np.unique(FACE, axis=0).astype(int).T
    colors = np.random.default_rng(0).integers(1, 256, size=(len(rows), 3))
    pixels[rows, columns] = colors
    Image.fromarray(pixels).save(tmp_path / "1.png")
    names = [f"{i}" for i in range(len(rows))]
    faces = _read(tmp_path, a=_xml(("1.png", _box(np.column_stack([columns, rows]), names))))
    x, y = faces.points_image[0].T
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "1.png"))[np.int64(y), np.int64(x)], colors)
    np.testing.assert_array_equal(np.column_stack([x, y]) % 1, 0.5)
    np.testing.assert_array_equal(faces.boxes_image, [[30, 20, 130, 110]])


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (_box(FACE[:-1], NAMES[:40] + NAMES[41:]), "expected points 0 to 67 of the box at 30, 20, found 67 of them"),
        (_box(FACE[:-1], NAMES[:-1]), "expected 68 points as most faces have, found 67"),
        (_box(FACE[:5], NAMES[:5]), "expected 68 points as most faces have, found 5"),
        (_box(FACE, [*NAMES[:40], "39", *NAMES[41:]]), "of the box at 30, 20 once, found 39 again"),
        (_box(FACE[:2], ["nose", "mouth"]), "of the box at 30, 20 named by their numbers, found 'nose'"),
        (_box(FACE + 1000), "far outside the picture"),
    ],
)
def test_a_face_with_odd_parts_stops_or_is_left_out(box: str, words: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    faces = _read(root, a=_xml(("1.jpg", _box() + _box(FACE + 3)), ("2.jpg", box)))
    assert [words in fault for fault in faces.faults] == [False, False, True]
    command = ("preparation.py", "--root", root, "--out", tmp_path / "out", "--image_size", 64)
    assert_refused(run(*command), "2.jpg", words)
    assert "2 faces, 1 broken picture left out (" in run(*command, "--skip_broken").out


def test_a_file_whose_faces_all_have_odd_parts_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.jpg: expected points of .* named by their numbers, found 'lear'"):
        _read(tmp_path, a=_xml(("1.jpg", _box(FACE[:2], ["lear", "nose"]))))


def test_files_of_five_points_are_read_alone(tmp_path: Path) -> None:
    faces = _read(tmp_path, a=_xml(("1.jpg", _box(FACE[:5], NAMES[:5]))))
    np.testing.assert_array_equal(faces.points_image, FACE[None, :5] + 0.5)


def test_parts_may_be_numbered_from_1(tmp_path: Path) -> None:
    faces = _read(tmp_path, a=_xml(("1.jpg", _box(FACE, [str(i) for i in range(1, 69)]))))
    np.testing.assert_array_equal(faces.points_image, FACE[None] + 0.5)
    assert faces.remarks == ("points of 1 picture are numbered from 1 (1.jpg)",)


def test_what_is_no_face_is_left_out_and_named(tmp_path: Path) -> None:
    bare = "<box top='1' left='2' width='3' height='4'/>"
    boxes = _box() + _box(more="ignore='1'") + bare
    (tmp_path / "voc.xml").write_text("<annotation/>")
    faces = _read(tmp_path, a=_xml(("1.jpg", boxes), ("2.jpg", "")))
    assert faces.names.tolist() == ["1.jpg"]
    assert {words: names for words, names in faces.left_out.items() if names} == {
        "boxes to ignore, in pictures": ["1.jpg"],
        "boxes without parts, in pictures": ["1.jpg"],
        "pictures without a face": ["2.jpg"],
        "other .xml files": ["voc.xml"],
    }


def test_a_picture_listed_twice_counts_once_unless_its_faces_differ(tmp_path: Path) -> None:
    whole = _xml(("1.jpg", _box()), ("2.jpg", _box(FACE + 3)), ("./1.jpg", _box()))
    faces = _read(tmp_path, labels=whole, labels_train=_xml(("1.jpg", _box())))
    assert faces.names.tolist() == ["1.jpg", "2.jpg"]
    assert {name: mask.tolist() for name, mask in faces.subsets.items()} == {
        "labels": [True, True],
        "labels_train": [True, False],
    }
    assert "2 faces stated again, word for word, and counted once" in faces.remarks
    faces = _read(tmp_path, labels=whole, labels_train=_xml(("1.jpg", _box(FACE + 2))))
    assert "1 face on another face of the same picture: labeled twice? (1.jpg)" in faces.remarks


def test_names_are_utf_8_whatever_the_file_declares(tmp_path: Path) -> None:
    picture(tmp_path / "é.jpg")
    assert _read(tmp_path, a=_xml(("é.jpg", _box()))).faults.tolist() == [""]
    (tmp_path / "a.xml").write_bytes(_xml(("é.jpg", _box())).encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.xml: expected text in UTF-8, found other bytes; save it as UTF-8"):
        _read(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><dataset>&b;</dataset>", "without a document type"),
        ("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><dataset/>", "without a document type"),
        ("<dataset>&lol;</dataset>", "not readable XML"),
        (_xml(("1.jpg", _box()))[:-30], "not readable XML"),
        (_xml(("1.jpg", _box())).replace("left=", "west="), "expected an entry 'left'"),
        (_xml(("1.jpg", _box(names=["x' x='"] * 68))), "not readable XML"),
        (_xml(("1.jpg", _box())).replace(" y='", " y='1 "), "not in the expected form"),
        (_xml(), "at least one annotated face"),
    ],
)
def test_a_file_that_is_no_such_xml_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        _read(tmp_path, a=text)
