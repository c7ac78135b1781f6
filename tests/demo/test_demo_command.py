"""python3 -m src.demo on pictures, folders and videos: its drawings, its table, and wrong input."""

import csv
import json
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, assert_refused, run
from PIL import Image
from rectangle_face import RectangleDetector, rectangle_picture, rectangle_points

from src.demo import video
from src.demo.records import FACE_COLUMNS
from src.demo.tracking import Tracker
from src.demo.video import open_video
from src.predict import predictor as predict
from src.predict.drawing import PREDICTED, draw_faces
from src.predict.face import make_face
from src.predict.search import crop_region

FACE, OTHER = (60, 40, 160, 140), (250, 120, 330, 200)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch, rectangle_model: None) -> None:
    """Every model and every detector finds white rectangles exactly."""
    monkeypatch.setattr(predict, "open_detector", lambda path, **options: RectangleDetector())


def _demo(source: object, out: Path, *flags: object) -> Outcome:
    return run("src/demo/__main__.py", source, "--out", out, *flags)


def _rows(out: Path) -> list[dict[str, str]]:
    with open(out / "faces.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _points(row: dict[str, str]) -> np.ndarray:
    return np.array([float(row[column]) for column in FACE_COLUMNS[-137:-1]]).reshape(68, 2)


def _boxes(path: Path, *rows: tuple) -> Path:
    lines = ["picture,left,top,right,bottom", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _film(path: Path, places: list[int | None]) -> Path:
    """A GIF of a face at x = places, or of nothing."""
    boxes = [() if x is None else ((x, 60, x + 60, 120),) for x in places]
    frames = [rectangle_picture((240, 160), *box) for box in boxes]
    for i, frame in enumerate(frames):
        frame.putpixel((0, i), (255, 0, 0))  # equal neighbors would become one frame
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    return path


def test_a_folder_of_pictures_becomes_drawings_and_tables(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    rectangle_picture((400, 240), FACE, OTHER).save(folder / "two.png")
    rectangle_picture((200, 200), FACE).save(folder / "one.png")
    rectangle_picture((200, 200)).save(folder / "none.png")
    outcome = _demo(folder, out)
    assert outcome.code == 0, outcome
    assert "3 faces found, 0 of them doubtful (score below 0.5); none in none.png" in outcome.out
    drawn = ["none.png.png", "one.png.png", "two.png.png"]
    assert sorted(file.name for file in out.iterdir()) == ["faces.csv", "faces.json", *drawn]
    rows = _rows(out)
    assert [(row["picture"], row["face"]) for row in rows] == [("one.png", "0"), ("two.png", "0"), ("two.png", "1")]
    np.testing.assert_allclose(_points(rows[0]), rectangle_points(FACE), atol=0.5)
    np.testing.assert_allclose(_points(rows[2]), rectangle_points(OTHER), atol=1.0)
    assert all(abs(float(row["yaw"])) < 5 for row in rows)
    entries = json.loads((out / "faces.json").read_text(encoding="utf-8"))
    assert [(entry["picture"], len(entry["faces"])) for entry in entries] == [
        ("none.png", 0),
        ("one.png", 1),
        ("two.png", 2),
    ]
    np.testing.assert_allclose(entries[1]["faces"][0]["points"], _points(rows[0]), atol=1e-3)
    drawing = np.asarray(Image.open(out / "two.png.png").convert("RGB")).astype(int)
    assert (np.abs(drawing - PREDICTED).sum(-1) < 60).sum() > 100


def test_pictures_without_a_row_of_boxes_have_no_face(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        rectangle_picture((400, 240), FACE, OTHER).save(folder / name)
    boxes = _boxes(tmp_path / "boxes.csv", ("b.png", *OTHER))
    outcome = _demo(folder, out, "--boxes", boxes)
    assert "1 face found" in outcome.out
    assert "none in a.png" in outcome.out
    np.testing.assert_allclose(_points(_rows(out)[0]), rectangle_points(OTHER), atol=0.5)


def test_videos_without_a_row_of_boxes_have_no_face(tmp_path: Path) -> None:
    films = [_film(tmp_path / name, [20, 24]) for name in ("a.gif", "b.gif")]
    boxes = _boxes(tmp_path / "boxes.csv", ("b.gif", 20, 60, 80, 120))
    outcome = run("src/demo/__main__.py", *films, "--out", tmp_path / "out", "--boxes", boxes)
    assert outcome.out.startswith("a.gif: 0 faces in 2 frames\nb.gif: 1 face in 2 frames")


def test_one_wrong_box_or_long_name_among_others_is_refused_before_the_work(tmp_path: Path) -> None:
    out, sources = tmp_path / "out", [tmp_path / "a.png", tmp_path / "b.png", _film(tmp_path / "film.gif", [20, 24])]
    for picture in sources[:2]:
        rectangle_picture((200, 200), FACE).save(picture)
    for wrong in (("b.png", 10, 10, 10, 40), ("film.gif", 900, 60, 980, 120)):
        boxes = _boxes(tmp_path / "boxes.csv", ("a.png", *FACE), wrong)
        outcome = run("src/demo/__main__.py", *sources, "--out", out, "--boxes", boxes)
        assert_refused(outcome, f"{wrong[0]}: expected a box")
    assert_refused(_demo(sources[0].rename(tmp_path / ("x" * 250 + ".png")), out), "name too long")
    assert not out.exists()


def test_sources_may_be_patterns_and_mixed(tmp_path: Path) -> None:
    for name in ("a1.png", "a2.png", "b.png"):
        rectangle_picture((200, 200), FACE).save(tmp_path / name)
    _film(tmp_path / "film.gif", [20, 24, 28])
    outcome = run("src/demo/__main__.py", tmp_path / "a*.png", tmp_path / "film.gif", "--out", tmp_path / "out")
    assert outcome.code == 0, outcome
    rows = _rows(tmp_path / "out")
    assert [row["picture"] for row in rows] == ["a1.png", "a2.png", *["film.gif"] * 3]
    assert [row["frame"] for row in rows] == ["", "", "0", "1", "2"]


def test_a_folder_may_hold_videos_and_what_is_not_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    (folder / "inside").mkdir(parents=True)
    rectangle_picture((200, 200), FACE).save(folder / "one.png")
    rectangle_picture((200, 200), FACE).save(folder / "inside" / "two.png")
    (folder / "telephone.heic").write_bytes(b"no picture here")
    (folder / "inside" / "clip.3GP").write_bytes(b"no video")
    (folder / "broken.mp4").write_bytes(b"no video")
    outcome = _demo(folder, tmp_path / "out")
    assert_refused(outcome, "broken.mp4")
    (folder / "broken.mp4").unlink()
    outcome = run("src/demo/__main__.py", folder, folder / "one.png", "--out", tmp_path / "out")
    assert "1 face found" in outcome.out  # the same file, named twice
    assert f"subfolder: {folder}/inside/clip.3GP, {folder}/inside/two.png, {folder}/telephone.heic" in outcome.out
    assert_refused(_demo(folder / "telephone.heic", tmp_path / "out"), "convert it")


@pytest.mark.parametrize("raw", [False, True])
def test_a_video_is_followed_and_a_lost_face_is_told(tmp_path: Path, raw: bool) -> None:
    film = _film(tmp_path / "film.gif", [20, 24, 28, 32, None, None, 36, 40])
    boxes = _boxes(tmp_path / "boxes.csv", ("film.gif", 20, 60, 80, 120))
    outcome = _demo(film, tmp_path / "out", "--boxes", boxes, *["--raw"] * raw)
    assert outcome.code == 0, outcome
    assert "face 0: lost in 2 of 8 frames (4, 5)" in outcome.out
    assert "film.gif: 1 face in 8 frames" in outcome.out
    rows = _rows(tmp_path / "out")
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3, 6, 7]
    np.testing.assert_allclose(_points(rows[-1]), rectangle_points((40, 60, 100, 120)), atol=0.5 if raw else 3)
    with Image.open(tmp_path / "out" / "film.gif.gif") as drawn:
        assert drawn.n_frames == 8


def test_a_folder_of_frames_is_followed_too(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(4):
        rectangle_picture((200, 200), (50 + 5 * i, 60, 140 + 5 * i, 150)).save(folder / f"{i}.png")
    outcome = _demo(folder, tmp_path / "out", "--frames", "--crops", "--fps", 10)
    assert outcome.code == 0, outcome
    assert len(_rows(tmp_path / "out")) == 4
    with Image.open(tmp_path / "out" / "frames.gif") as drawn:
        assert drawn.info["duration"] == 100


def test_a_folder_of_too_many_frames_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(4):
        rectangle_picture((200, 200), FACE).save(folder / f"{i}.png")
    monkeypatch.setattr(Tracker, "update", None)
    for name, value in (("MAX_ANIMATED", 3), ("MAX_ANIMATED_PIXELS", 4 * 384 * 384 - 1)):
        with monkeypatch.context() as limited:
            limited.setattr(video, name, value)
            assert_refused(_demo(folder, tmp_path / "out", "--frames"), "frames: expected at most ")


def test_a_drawing_leaves_its_picture_and_keeps_its_shape() -> None:
    picture = rectangle_picture((2560, 1440), (1000, 400, 1600, 1000))
    before = np.asarray(picture).copy()
    points = rectangle_points((1000, 400, 1600, 1000))
    region = crop_region(picture, np.array([0, 0, 2560]))
    sure, doubtful = (np.asarray(draw_faces(picture, [make_face(points, score, 0, region)])) for score in (0.9, 0.1))
    assert sure.shape == (720, 1280, 3)
    np.testing.assert_array_equal(np.asarray(picture), before)
    is_green = (np.abs(sure.astype(int) - PREDICTED).sum(-1) < 60).sum()
    assert is_green > 20 * max(1, (np.abs(doubtful.astype(int) - PREDICTED).sum(-1) < 60).sum())
    assert draw_faces(picture.resize((96, 54)), []).size == (384, 216)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "line 1: expected the header"),
        ("name,x\n", "expected the header picture,left,top,right,bottom"),
        ("picture,left,top,right,bottom\n", "at least one box"),
        ("picture,left,top,right,bottom\nface.png,1,2,x,4\n", "line 2: expected four numbers"),
        ("picture,left,top,right,bottom\nface.png,1,2\n", "line 2: expected four numbers"),
        ("picture,left,top,right,bottom\nface.png,80,25,120,75,160,5,180,5\n", "line 2: expected 5 values, found 9"),
        ("picture,left,left,top,right,bottom\nface.png,1,2,3,40,40\n", "expected the header picture,left,top"),
        ("picture,left,top,right,bottom\nother.png,1,2,30,40\n", "found other.png"),
        ("picture,left,top,right,bottom\nface.png,10,10,10,40\n", "wide and high"),
        ("picture,left,top,right,bottom\nface.png,900,10,990,90\n", "meets the 200 x 200 picture"),
    ],
)
def test_wrong_boxes_are_refused_and_leave_no_table(tmp_path: Path, table: str, words: str) -> None:
    rectangle_picture((200, 200), FACE).save(tmp_path / "face.png")
    (tmp_path / "boxes.csv").write_text(table)
    outcome = _demo(tmp_path / "face.png", tmp_path / "out", "--boxes", tmp_path / "boxes.csv")
    assert_refused(outcome, words)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def _noise(path: Path, times: Sequence[float]) -> Path:
    """A video file of dark noise whose frames are shown at these seconds."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, seconds in enumerate(times):
            noise = Image.effect_noise((160, 120), 40 + i).point(lambda value: value // 3).convert("RGB")
            frame = av.VideoFrame.from_image(noise)
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_video_cut_short_is_told(tmp_path: Path) -> None:
    _noise(tmp_path / "whole.mkv", [0.1 * i for i in range(20)])
    content = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    assert "may be cut short" not in _demo(tmp_path / "whole.mkv", tmp_path / "out").out
    cut = _demo(tmp_path / "cut.mkv", tmp_path / "out").out
    assert re.search(r"; the file states [12]\.\d s and may be cut short", cut)


def test_a_videos_frames_keep_their_times(tmp_path: Path) -> None:
    times = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.6, 1.6]  # an average rate would tell of many more frames
    path = _noise(tmp_path / "phone.mkv", times)
    outcome = _demo(path, tmp_path / "out", "--crops", "--raw")
    assert "may be cut short" not in outcome.out
    with open_video(tmp_path / "out" / "phone.mkv.mp4") as found:
        assert [frame.seconds for frame in found.frames] == pytest.approx(times, abs=1e-3)
    entries = json.loads((tmp_path / "out" / "faces.json").read_text(encoding="utf-8"))
    assert [entry["seconds"] for entry in entries] == pytest.approx(times)


def test_a_broken_picture_does_not_stop_the_others(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    rectangle_picture((200, 200), FACE).save(folder / "one.png")
    rectangle_picture((400, 240), FACE, OTHER).save(folder / "two.png")
    whole = (folder / "one.png").read_bytes()
    (folder / "a.png").write_bytes(whole)
    assert _demo(folder, out).code == 0
    (folder / "a.png").write_bytes(whole[: len(whole) // 2])
    outcome = _demo(folder, out)
    assert "3 faces found" in outcome.out
    assert not (out / "a.png.png").exists()  # the drawing of when the picture was whole
    assert_refused(outcome, f"error: 1 of 3 sources not drawn: {folder / 'a.png'}: ")
    assert [row["picture"] for row in _rows(out)] == ["one.png", "two.png", "two.png"]
    for name in ("one.png", "two.png"):
        (folder / name).write_bytes(whole[:60])
    assert_refused(_demo(folder, tmp_path / "other"), "a.png")
    assert not (tmp_path / "other" / "faces.csv").exists()


def test_wrong_sources_and_flags_are_refused(tmp_path: Path) -> None:
    picture, out = tmp_path / "face.png", tmp_path / "out"
    rectangle_picture((200, 200), FACE).save(picture)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    assert_refused(_demo(tmp_path / "none.png", out), "none.png: no such picture, folder or video")
    assert_refused(_demo(tmp_path / "broken.jpg", out), "broken.jpg")
    assert_refused(_demo(picture, out, "--frames"), "folder of frames")
    assert_refused(_demo(tmp_path / "none*.png", out), "no picture or video has such a name")
    assert_refused(_demo("987", out), "camera 987")
    (tmp_path / "other").mkdir()
    rectangle_picture((200, 200), FACE).save(tmp_path / "other" / "face.png")
    assert_refused(run("src/demo/__main__.py", picture, tmp_path / "other", "--out", out), "different names")
    assert_refused(_demo(tmp_path, tmp_path), "another folder")
    assert_refused(_demo(tmp_path, out, "--frames", "--fps", 0), "--fps above 0")
    assert_refused(_demo(picture, out, "--boxes", tmp_path / "none.csv"), "none.csv: no such file")
    film = _film(tmp_path / "film.gif", [20, 24])
    boxes = _boxes(tmp_path / "boxes.csv", ("other.gif", 20, 60, 80, 120))
    assert_refused(_demo(film, out, "--boxes", boxes), "expected names of the 1 sources, found other.gif")
