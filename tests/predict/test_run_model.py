"""A list of pictures in, one text file per picture out."""

from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, assert_refused, load, run
from conftest import Run
from rectangle_face import RectangleDetector, RectangleFinder, rectangle_picture, rectangle_points

from src.predict import predictor as predict
from src.predict.__main__ import format_faces
from src.predict.predictor import Predictor


def write_list(path: Path, *pictures: object) -> Path:
    path.write_text("\n".join(map(str, pictures)) + "\n\n", encoding="utf-8")
    return path


def read_points(path: Path) -> np.ndarray:
    """Points (K, 2) of a file with one face, whose frame is checked."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "version: 1"
    assert lines[1] == f"n_points: {len(lines) - 4}"
    assert (lines[2], lines[-1]) == ("{", "}")
    return np.array([line.split(" ") for line in lines[3:-1]], float)


@pytest.mark.parametrize("count", [68, 51])
def test_every_picture_gets_its_points(trained: Run, challenge: Path, tmp_path: Path, count: int) -> None:
    folder, out = challenge / "aflw_test", tmp_path / "out"
    listed = write_list(tmp_path / "image_list.txt", folder / "face000.png", folder / "face001.png")
    outcome = run("src/predict/__main__.py", listed, out, "--model_path", trained.best, "--points", count, "--crops")
    assert outcome.code == 0, outcome
    assert sorted(path.name for path in out.iterdir()) == ["face000.txt", "face001.txt"]
    expected, _ = Predictor(trained.best)(folder / "face001.png")
    assert np.abs(read_points(out / "face001.txt") - expected[0, 68 - count :]).max() < 1e-3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_paths_may_start_at_the_list(trained: Run, challenge: Path, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "face.png").write_bytes((challenge / "aflw_test" / "face000.png").read_bytes())
    path = tmp_path / "list.txt"
    path.write_text("face.png\r\n", encoding=encoding)  # as Windows' editors and its shell write it
    outcome = run("src/predict/__main__.py", path, tmp_path, "--model_path", trained.best)
    assert outcome.code == 0, outcome
    assert (tmp_path / "face.txt").is_file()


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A list of two whole pictures: of two faces, and of none."""
    rectangle_picture((400, 240), (40, 60, 100, 120), (250, 100, 310, 160)).save(tmp_path / "group.png")
    rectangle_picture((400, 240)).save(tmp_path / "nobody.png")
    return write_list(tmp_path / "list.txt", tmp_path / "group.png", tmp_path / "nobody.png")


def test_a_path_that_means_two_pictures_is_refused(
    monkeypatch: pytest.MonkeyPatch, challenge: Path, tmp_path: Path
) -> None:
    for number, folder in enumerate(("here", "there")):
        (tmp_path / folder).mkdir()
        face = challenge / "aflw_test" / f"face00{number}.png"
        (tmp_path / folder / "face.png").write_bytes(face.read_bytes())
    monkeypatch.chdir(tmp_path / "here")
    listed = write_list(tmp_path / "there" / "list.txt", "face.png")
    assert_refused(run("src/predict/__main__.py", listed, tmp_path), "face.png: expected one such picture")


def test_faces_of_whole_pictures_are_detected(monkeypatch: pytest.MonkeyPatch, group: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    monkeypatch.setattr(predict, "open_detector", lambda path, **options: RectangleDetector())
    monkeypatch.setattr(load("src/predict/__main__.py"), "DETECTOR_PATH", group)  # a file that is there
    outcome = run("src/predict/__main__.py", group, tmp_path / "out")
    assert outcome.code == 0, outcome
    assert "2 faces, 0 of them doubtful" in outcome.out
    assert "1 picture without a face" in outcome.out
    expected = [rectangle_points(box) for box in ((250, 100, 310, 160), (40, 60, 100, 120))]  # from right to left
    lines = (tmp_path / "out" / "group.txt").read_text().splitlines()
    found = np.array([line.split(" ") for line in lines if line[0].isdigit()], float).reshape(2, 68, 2)
    assert np.abs(found - expected).max() < 1
    assert (tmp_path / "out" / "nobody.txt").read_text() == ""


@pytest.mark.parametrize("name", ["group.png", "{folder}/group.png"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_pictures_without_a_row_of_boxes_have_no_face(
    monkeypatch: pytest.MonkeyPatch, group: Path, tmp_path: Path, name: str, encoding: str
) -> None:
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    outcome = _run_with_boxes(group, name.format(folder=tmp_path.name), encoding=encoding)
    assert outcome.code == 0, outcome
    assert "1 face, 0 of them doubtful" in outcome.out
    assert "1 picture without a face" in outcome.out
    assert np.abs(read_points(tmp_path / "out" / "group.txt") - rectangle_points((40, 60, 100, 120))).max() < 1
    assert (tmp_path / "out" / "nobody.txt").read_text() == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [("GROUP.PNG", "there is the picture"), ("elsewhere/group.png", "group.png"), ("third.png", "no such picture")],
)
def test_boxes_of_unknown_pictures_are_refused(group: Path, tmp_path: Path, name: str, words: str) -> None:
    assert_refused(_run_with_boxes(group, name), "boxes.csv: expected names of the 2 sources", name, words)
    assert not (tmp_path / "out").exists()


def test_a_wrong_box_names_its_picture(monkeypatch: pytest.MonkeyPatch, group: Path) -> None:
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    assert_refused(_run_with_boxes(group, "group.png", box="0,0,0,0"), "group.png: expected a box at least 4 pixels")


def _run_with_boxes(pictures: Path, name: str, *, box: str = "40,60,100,120", encoding: str = "utf-8") -> Outcome:
    """Run on a list of pictures with one box, of the picture called `name`."""
    boxes, out = pictures.with_name("boxes.csv"), pictures.with_name("out")
    boxes.write_text(f"picture,left,top,right,bottom\n{name},{box}\n", encoding=encoding)
    return run("src/predict/__main__.py", pictures, out, "--boxes", boxes)


def test_a_missing_detector_is_said(monkeypatch: pytest.MonkeyPatch, trained: Run, group: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(load("src/predict/__main__.py"), "DETECTOR_PATH", tmp_path / "none.tflite")
    outcome = run("src/predict/__main__.py", group, tmp_path / "out", "--model_path", trained.best)
    assert outcome.code == 0, outcome
    assert "the face detector is missing, so each picture was taken as a crop around one face" in outcome.out
    assert "2 faces" in outcome.out


def test_broken_pictures_do_not_stop_the_others(monkeypatch: pytest.MonkeyPatch, group: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(predict, "open_model", lambda path, **options: RectangleFinder())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "group.png").read_bytes()[:90])
    names = ["broken.png", "group.png", "cut.png"]
    out, listed = tmp_path / "out", write_list(group, *(tmp_path / name for name in names))
    out.mkdir()
    (out / "cut.txt").write_text(format_faces(np.ones((1, 68, 2))))  # of an earlier run, when the picture was whole
    outcome = run("src/predict/__main__.py", listed, out, "--crops")
    assert_refused(outcome, "2 of 3 pictures not read", *(str(tmp_path / name) for name in ("broken.png", "cut.png")))
    assert "1 file, 68 points" in outcome.out
    assert [path.name for path in out.iterdir()] == ["group.txt"]
    write_list(group, tmp_path / "broken.png")
    assert_refused(run("src/predict/__main__.py", listed, tmp_path / "none", "--crops"), str(tmp_path / "broken.png"))
    assert not list((tmp_path / "none").glob("*"))


def test_faces_go_from_right_to_left() -> None:
    faces = np.full((3, 3, 2), 5.0)  # 3 faces of 3 points
    faces[..., 0] += np.array([5, 85, 45])[:, None]
    text = format_faces(faces)
    assert text.count("version: 1\nn_points: 3\n{\n") == 3
    assert [line for line in text.splitlines() if line[0].isdigit()][::3] == [
        "90.000 5.000",
        "50.000 5.000",
        "10.000 5.000",
    ]


def test_bad_lists_are_refused_before_anything_is_written(trained: Run, challenge: Path, tmp_path: Path) -> None:
    face, out = challenge / "aflw_test" / "face000.png", tmp_path / "out"
    model = ("--model_path", trained.best)
    missing = write_list(tmp_path / "missing.txt", face, "nowhere.png")
    twice = write_list(tmp_path / "twice.txt", face, face)
    empty = write_list(tmp_path / "empty.txt")
    assert_refused(run("src/predict/__main__.py", tmp_path / "no_list.txt", out, *model), "no_list.txt: no such file")
    assert_refused(run("src/predict/__main__.py", missing, out, *model), "nowhere.png: no such picture")
    assert_refused(run("src/predict/__main__.py", face, out, *model), f"{face}: expected a list of pictures")
    assert_refused(run("src/predict/__main__.py", missing.parent, out, *model), "expected a file, found a folder")
    assert_refused(run("src/predict/__main__.py", twice, out, *model), "different names")
    assert_refused(run("src/predict/__main__.py", empty, out, *model), "empty")
    assert_refused(
        run("src/predict/__main__.py", write_list(empty, face), out, "--model_path", tmp_path / "none.onnx"),
        "none.onnx",
    )
    own, labels = write_list(tmp_path / "face000.txt", face), tmp_path / "face001.txt"
    assert_refused(run("src/predict/__main__.py", own, tmp_path, *model), "face000.txt: found a text that this command")
    assert own.read_text() == f"{face}\n\n"
    labels.write_text("0 0.5 0.5 0.2 0.2\n")  # of YOLO, next to the pictures
    listed = write_list(tmp_path / "list.txt", challenge / "aflw_test" / "face001.png")
    assert_refused(run("src/predict/__main__.py", listed, tmp_path, *model), "face001.txt: found a text")
    assert labels.read_text() == "0 0.5 0.5 0.2 0.2\n"
    assert not out.exists()
