"""300-W and iVSLab files: headers, origins, subsets, several faces, and every way in which a file can be wrong."""

from pathlib import Path

import numpy as np
import pytest
from sample_folders import picture, pts_text, rows
from scipy.io import savemat
from stand_in import distinct_points

from src.datasets import conversion
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import detect_format, read_faces
from src.datasets.formats.ivslab import write as write_ivslab
from src.errors import InputError

POINTS = distinct_points(3) * 100


def _read(root: Path, text: str | bytes, name: str = "pts") -> Faces:
    picture(root / "a.jpg")
    (root / "a.pts").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_faces(Folder(root), name)


@pytest.mark.parametrize(
    "text",
    [
        pts_text(POINTS[0]),
        rows(POINTS[0]),
        pts_text(POINTS[0]).replace("\n", "\r\n"),
        pts_text(POINTS[0]).replace("n_points: ", "n_points:  "),
        "\ufeff" + pts_text(POINTS[0]),
        pts_text(POINTS[0]).replace("n_points", "N_Points"),
        "# by hand\n" + pts_text(POINTS[0]).replace("{\n", "{\n// jaw\n"),
    ],
    ids=["header", "no header", "Windows", "more spaces", "byte order mark", "capitals", "comments"],
)
def test_with_and_without_header_the_first_pixels_center_is_half_a_pixel(text: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(_read(tmp_path, text).points_image[0], POINTS[0] - 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "pictures"),
    [("Annotations/a.pts", "Images/a.jpg"), ("1/landmark/a.pts", "1/picture/a.png"), ("a.jpg.pts", "a.jpg"),
     ("annot/a.png.pts", "a.png")],
)  # fmt: skip
def test_pictures_in_a_folder_beside_or_named_with_their_ending_are_found(
    labels: str, pictures: str, tmp_path: Path
) -> None:
    picture(tmp_path / pictures)
    (tmp_path / labels).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / labels).write_text(pts_text(POINTS[0]))
    assert read_faces(Folder(tmp_path), "pts").names.tolist() == [pictures]


def test_labels_of_a_film_without_its_frames_are_refused(tmp_path: Path) -> None:
    (tmp_path / "001" / "annot").mkdir(parents=True)
    (tmp_path / "001" / "annot" / "000001.pts").write_text(pts_text(POINTS[0]))
    (tmp_path / "001" / "vid.avi").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"found films alone \(001/vid\.avi\); write their frames"):
        read_faces(Folder(tmp_path), "pts")


def test_the_trees_folders_are_the_lists(tmp_path: Path) -> None:
    folders = ["AFW", "helen/testset", "helen/trainset", "ibug", "lfpw/testset", "lfpw/trainset"]
    for folder in folders:
        picture(tmp_path / folder / "a.png")
        (tmp_path / folder / "a.pts").write_text(pts_text(POINTS[0]))
    faces = read_faces(Folder(tmp_path), "pts")
    members = {name: [folders[i] for i in np.flatnonzero(mask)] for name, mask in faces.subsets.items()}
    assert members == {
        "train": ["AFW", "helen/trainset", "lfpw/trainset"],
        "common": ["helen/testset", "lfpw/testset"],
        "challenge": ["ibug"],
        "full": ["helen/testset", "ibug", "lfpw/testset"],
    }
    assert faces.subset("challenge").names.tolist() == ["ibug/a.png"]


def test_a_name_in_another_unicode_form_is_the_same_name_unless_both_exist(tmp_path: Path) -> None:
    (tmp_path / "\u00e9.pts").write_text(pts_text(POINTS[0]))
    picture(tmp_path / "e\u0301.png")  # as macOS stores it
    faces = read_faces(Folder(tmp_path), "pts")
    assert (faces.names.tolist(), faces.faults.tolist()) == (["e\u0301.png"], [""])
    assert faces.left_out["pictures without labels"] == []
    picture(tmp_path / "\u00e9.jpg")
    assert read_faces(Folder(tmp_path), "pts").names.tolist() == ["\u00e9.jpg"]


@pytest.mark.parametrize(
    ("labels", "pictures"),
    [("v/annot", "v/frames"), ("v/annot", "v"), ("landmarks", "images"), ("Labels/a", "images/a"), ("pts", "imgs")],
)
def test_labels_in_a_folder_of_their_own_find_their_pictures(labels: str, pictures: str, tmp_path: Path) -> None:
    (tmp_path / labels).mkdir(parents=True)
    (tmp_path / labels / "1.pts").write_text(pts_text(POINTS[0]))
    assert read_faces(Folder(tmp_path), "pts").faults.tolist() == ["no such picture"]
    picture(tmp_path / pictures / "1.jpg")
    faces = read_faces(Folder(tmp_path), "pts")
    assert faces.names.tolist() == [f"{pictures}/1.jpg"]
    assert not any(faces.faults)
    picture(tmp_path / labels / "1.png")
    assert read_faces(Folder(tmp_path), "pts").names.tolist() == [f"{labels}/1.png"]


def test_of_two_folders_of_pictures_none_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "1.pts").write_text(pts_text(POINTS[0]))
    for folder in ("frames", "images"):
        picture(tmp_path / folder / "1.jpg")
    with pytest.raises(InputError, match=r"labels of annot/1, found images/1\.jpg and frames/1\.jpg"):
        read_faces(Folder(tmp_path), "pts")


@pytest.mark.parametrize(
    ("to", "count", "holds"),
    [("pts", 51, "68"), ("challenge", 51, "68"), ("ivslab", 50, "68 or 51"), ("yolo_pose", 98, "68 or 51")],
)
def test_a_format_of_other_points_is_refused_before_pictures_are_copied(
    to: str, count: int, holds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "_copy_pictures", lambda *_: pytest.fail("it copied"))
    faces = Faces(tmp_path / "set", np.array(["a.jpg"]), np.resize(POINTS[:1], (1, count, 2)))
    with pytest.raises(InputError, match=f"expected faces of {holds} points for {to}, found {count}; coco holds any"):
        conversion.convert(faces, tmp_path / "out", to=to, image_size=32)
    assert not (tmp_path / "out").exists()


def test_files_of_boxes_are_not_another_format(tmp_path: Path) -> None:
    _read(tmp_path, pts_text(POINTS[0]))
    savemat(tmp_path / "bounding_boxes_afw.mat", {"bounding_boxes": np.zeros((1, 4))})
    assert detect_format(Folder(tmp_path)) == "pts"


def test_negative_coordinates_are_kept(tmp_path: Path) -> None:
    points = POINTS[0] - (120, 0)
    np.testing.assert_allclose(_read(tmp_path, pts_text(points)).points_image[0], points - 0.5, atol=1e-6)


def test_no_one_and_three_faces_in_a_file(tmp_path: Path) -> None:
    inner = POINTS[:, 17:]
    picture(tmp_path / "b.jpg")
    (tmp_path / "b.pts").write_text("")
    headers = ("version: 1(right one)", "version: 1(middle one)", "version: 1(left one)")
    text = "".join(pts_text(face).replace("version: 1", header) for face, header in zip(inner, headers, strict=True))
    faces = _read(tmp_path, text, "ivslab")
    assert faces.names.tolist() == ["a.jpg"] * 3
    np.testing.assert_allclose(faces.points_image, inner, atol=1e-6)
    assert faces.left_out == {"files without a face": ["b.pts"], "pictures without labels": ["b.jpg"]}


def test_ivslab_is_written_from_right_to_left(tmp_path: Path) -> None:
    points = POINTS + np.array([[10, 0], [300, 0], [150, 0]])[:, None]
    picture(tmp_path / "a.jpg")
    write_ivslab(Faces(tmp_path, np.array(["a.jpg"] * 3), points), tmp_path)
    assert (tmp_path / "a.pts").read_text().startswith("version: 1\nn_points: 51\n{\n")
    again = read_faces(Folder(tmp_path), "ivslab").points_image
    np.testing.assert_allclose(again, points[[1, 2, 0], 17:], atol=1e-6)


WRONG = {
    "67 points": (pts_text(POINTS[0][:67]), "expected 68 points, found 67"),
    "67 rows without header": (rows(POINTS[0][:67]), "expected 68 points, found 67"),
    "fewer rows than stated": (pts_text(POINTS[0]).replace("68", "69"), "the file says 69"),
    "cut before the brace": (pts_text(POINTS[0])[:-2], "truncated"),
    "cut in a row": (pts_text(POINTS[0])[:500], "truncated"),
    "cut after the header": ("version: 1\nn_points: 68\n", "truncated"),
    "words": (pts_text(POINTS[0]).replace("}", "left eye\n}", 1).replace("68", "69"), "found 69"),
    "three columns": (pts_text(POINTS[0]).replace("\n", " 1\n"), "a.pts"),
    "not text": (b"\xfc\xfd\x00\x81", "save it as UTF-8"),
    "half a letter": (b"\xff\xfe1\x00 ", "save it as UTF-8"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_named(kind: str, tmp_path: Path) -> None:
    text, words = WRONG[kind]
    with pytest.raises(InputError, match=r"a\.pts|a\.jpg") as refusal:
        _read(tmp_path, text)
    assert words in str(refusal.value)


def test_files_of_68_and_51_points_do_not_mix(tmp_path: Path) -> None:
    picture(tmp_path / "b.jpg")
    (tmp_path / "b.pts").write_text(pts_text(POINTS[0][17:]))
    with pytest.raises(InputError, match=r"b\.pts: expected 68 points, found 51"):
        _read(tmp_path, pts_text(POINTS[0]))
