"""The page docs/demo visits every frame of a video, and looks for small faces in a frame that rests."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from PIL import Image
from web_film import RATE, read_frames, shots, write_video
from web_page import PAGE, drive, serve_page

from src.boxes import box_of_points
from src.demo.records import FACE_COLUMNS
from src.demo.tracking import Tracker
from src.demo.video import open_video
from src.predict.predictor import Predictor

UNEVEN = (1, 1, 3, 1, 2, 2, 1, 10, 1, 1, 4, 1)  # how long frames last, in steps of 1 / RATE


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serve_page()


@pytest.mark.slow
def test_every_frame_is_visited_however_long_each_lasts(address: str, tmp_path: Path) -> None:
    path = tmp_path / "two.faces.webm"
    write_video(path, shots(np.cumsum((0, *UNEVEN)).tolist()))
    *_, done, as_json, table, _, over, again = drive(
        address,
        ["choose", str(path), "Video: "],
        ["click", "#every"],
        ["until", "Every frame: "],
        ["until", "was looked at"],
        ["save", "#json"],
        ["save", "#csv"],
        ["click", "#play"],
        ["until", "It is over"],
        ["save", "#json"],
    )
    with open_video(path) as video:
        frames = list(video.frames)
    count = len(frames)
    assert count == 1 + len(UNEVEN)
    words = f"Every frame was looked at: {count} frames, 2 to {RATE} per second, {count} of them with faces."
    assert done["status"] == f"{words} Save JSON keeps the points of {count} frames."
    found = read_frames(as_json)
    np.testing.assert_allclose([frame["seconds"] for frame in found], [frame.seconds for frame in frames], atol=0.002)
    tracker = Tracker(Predictor(ROOT / "best.pth.tar", detector=PAGE / "detector.onnx"))
    last = 0.0
    for frame, described in zip(frames, found, strict=True):
        (track,) = (track for track in tracker.update(frame.picture, frame.seconds - last) if not track.is_lost)
        last = frame.seconds
        (face,) = described["faces"]
        assert face["face"] == track.number + 1
        points = track.face.points
        low, high = np.split(box_of_points(points), 2)
        apart = np.linalg.norm(points - face["points"], axis=1).mean() / np.sqrt((high - low).prod())
        assert apart < 0.02
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(table["given"]).decode())))
    assert set(rows[0]) < set(FACE_COLUMNS)
    assert [(row["picture"], int(row["frame"]), float(row["seconds"]), int(row["face"])) for row in rows] == [
        (path.name, i, frame["seconds"], frame["faces"][0]["face"]) for i, frame in enumerate(found)
    ]
    assert f"keeps the points of {count} frames." in over["status"]
    assert read_frames(again) == found  # a part that is played again does not replace them


@pytest.mark.slow
def test_a_visit_of_every_frame_is_stopped_and_another_file_ends_it(address: str, tmp_path: Path) -> None:
    path, count = tmp_path / "two.faces.webm", 80
    write_video(path, shots(range(count)))
    _, stopped, saved, _, sample = drive(
        address,
        ["choose", str(path), "Video: "],
        ["stop", "Every frame: 1 face"],
        ["save", "#json"],
        ["click", "#every"],
        ["sample", "face"],
    )
    assert stopped["status"].startswith("Stopped. Save JSON keeps the points of ")
    assert 0 < len(read_frames(saved)) < count
    assert (sample["time"], sample["label"]) == ("", "samples/face.jpg: 1 face")


@pytest.mark.slow
def test_frames_of_another_size_tell_it(address: str, tmp_path: Path) -> None:
    path, count = tmp_path / "two.faces.webm", 8
    wide = shots(range(count))
    frames = {time: wide[0] if time < count / 2 else wide[0].crop((0, 80, 320, 400)) for time in wide}  # same speaker
    write_video(path, frames)
    *_, done, saved = drive(
        address,
        ["choose", str(path), "Video: "],
        ["click", "#every"],
        ["until", "was looked at"],
        ["save", "#json"],
    )
    assert (done["width"], done["drawn"]["sure"] > 100) == (384, True)  # enlarged, for labels
    found = read_frames(saved)
    sizes = [(frame.get("width"), frame.get("height")) for frame in found]
    assert sizes == [(None, None)] * (count // 2) + [(320, 320)] * (count // 2)
    faces = [face for frame in found for face in frame["faces"]]
    numbers = [face["face"] for face in faces]
    assert numbers == [1] * (count // 2) + [2] * (count // 2)
    first, last = (np.mean(faces[i]["points"], axis=0) for i in (0, -1))
    np.testing.assert_allclose(last, first - (0, 80), atol=3)  # pixels of each frame


@pytest.mark.slow
def test_small_faces_are_found_in_a_frame_that_rests(address: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (1280, 960), (120, 130, 140))
    with Image.open(PAGE / "samples" / "face.jpg") as face:
        picture.paste(face.resize((600, 600)), (50, 50))
        picture.paste(face.resize((60, 60)), (900, 700))
    path = tmp_path / "two.faces.webm"
    write_video(path, dict.fromkeys(range(3), picture))
    _, resting, saved, sought = drive(
        address,
        ["choose", str(path), "Video: "],
        ["until", "Video: 2 faces"],
        ["save", "#json"],
        ["seek", 0.05],
    )
    assert resting["drawn"]["left"] < resting["drawn"]["sure"]
    found = json.loads(base64.b64decode(saved["given"]))["frames"]
    small = np.array(found[-1]["faces"][1]["points"])
    assert small.min(axis=0) == pytest.approx((910, 710), abs=15)
    assert np.ptp(small, axis=0).max() < 60
    assert sought["status"].startswith("Video: ")  # at once, not after all the views
