"""The page docs/demo with video files, in headless Chromium: played, sought, followed, and given away as JSON."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_film import RATE, STEP, read_frames, shots, write_video
from web_page import PAGE, drive, serve_page

av = pytest.importorskip("av")

SECONDS = 4  # of a video
UNREADABLE = "cannot be shown: this browser cannot play it; MP4 files with H.264 and WebM files work in most"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serve_page()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that moves, and after a cut another one, which goes on from there."""
    path = tmp_path_factory.mktemp("film") / "two.faces.webm"
    write_video(path, shots(range(RATE * SECONDS)), live="1")  # as browsers record: it does not tell its length
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 800, "light"), (390, 844, "dark")])
def test_a_video_is_played_and_its_points_are_kept(
    address: str, film: Path, width: int, height: int, scheme: str
) -> None:
    _, _, _, shown, _, over, as_json, _, as_picture, _, picture = drive(
        address,
        ["sample", "group"],
        ["choose", str(film), "video is open"],
        ["pace", "0.25"],
        ["until", "Video: "],
        ["until", "It is over"],
        ["wait", 500],
        ["save", "#json"],
        ["until", "Saved as two.faces-faces.json"],
        ["save", "#png"],
        ["until", "Saved as two.faces-faces.png"],
        ["sample", "face"],
        width=width,
        height=height,
        scheme=scheme,
    )
    assert shown["status"] == shown["label"] == "Video: 1 face."
    assert shown["drawn"]["sure"] > 100
    assert shown["faces"] == []  # those of the picture before
    assert shown["canExport"]
    assert shown["time"].endswith(" / 0:03")  # 3.95 s
    assert shown["widest"] <= width
    frames = read_frames(as_json)
    times = np.array([frame["seconds"] for frame in frames])
    assert over["status"].startswith(f"Video: 1 face. It is over: Save JSON keeps the points of {len(frames)} frames")
    np.testing.assert_allclose(RATE * times, np.rint(RATE * times), atol=0.05)  # each is a frame's own
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(SECONDS - 1 / RATE, abs=0.01)  # the last one is not missed
    numbers = [face["face"] for frame in frames for face in frame["faces"]]
    assert numbers == [1 if seconds < SECONDS / 2 else 2 for seconds in times]  # a cut
    middles = np.array([np.mean(frame["faces"][0]["points"], axis=0)[0] for frame in frames])
    for shot in (times < SECONDS / 2, times >= SECONDS / 2):
        apart = middles[shot] - STEP * RATE * times[shot]
        assert np.ptp(apart) < STEP  # so the times are those of the frames
    with Image.open(io.BytesIO(base64.b64decode(as_picture["given"]))) as saved:
        assert saved.size == (640, 480)
    assert (picture["time"], picture["label"]) == ("", "samples/face.jpg: 1 face")


@pytest.mark.slow
def test_a_seek_is_a_cut_and_a_later_look_replaces_an_earlier_one(address: str, film: Path) -> None:
    _, _, dropped, _, _, before, _, between, _, after = drive(
        address,
        ["drop", [str(film), str(film)], "video/webm", "video is open"],
        ["click", "#play"],
        ["until", "Video: "],
        ["wait", 2000],
        ["seek", 0.5],
        ["save", "#json"],
        ["seek", 2.5],
        ["save", "#json"],
        ["seek", 0.5],
        ["save", "#json"],
    )
    assert dropped["status"] == "Video: 1 face. Only the first of 2 files is shown."
    seen = [{frame["seconds"]: frame["faces"] for frame in read_frames(state)} for state in (before, between, after)]
    early, late = 0.5, 2.5
    first, second, third = seen[0][early][0]["face"], seen[1][late][0]["face"], seen[2][early][0]["face"]
    assert first < second < third
    assert seen[2] == {**seen[1], early: seen[2][early]}
    np.testing.assert_allclose(seen[2][early][0]["points"], seen[0][early][0]["points"], atol=3)  # pixels, unsmoothed


@pytest.mark.slow
def test_a_video_by_keyboard(address: str, film: Path) -> None:
    playing, reached, _, _, paused, slider, moved, pace, _, played = drive(
        address,
        ["paste", str(film), "video/webm", "video is open"],
        ["tabs", 7],
        ["keys", ["Space"], ""],
        ["until", "Video: "],
        ["wait", 2000],
        ["tabs", 1],
        ["keys", ["Home", "ArrowRight", "End", "Home"], "Video: "],
        ["tabs", 1],
        ["keys", ["Shift+Tab", "Shift+Tab", "Space"], ""],
        ["until", "It is over"],
    )
    assert (playing["play"], paused["play"]) == ("Pause", "Play")
    assert [*reached["given"][-2:], *slider["given"], *pace["given"]] == ["canvas", "play", "seek", "pace"]
    assert moved["time"] == "0:00 / 0:03"
    assert played["time"] == "0:03 / 0:03"


@pytest.mark.slow
def test_what_is_no_video_leaves_one_line_and_no_picture(address: str, film: Path, tmp_path: Path) -> None:
    broken, silent, animated = (tmp_path / name for name in ("broken.mp4", "sound.mp4", "film.gif"))
    broken.write_bytes(b"no video")
    with av.open(str(silent), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44_100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with Image.open(PAGE / "samples" / "face.jpg") as face:
        face.save(animated, save_all=True, append_images=[face.rotate(20)], duration=100)
    _, no_video, _, sound_alone, first, _, _, _, _, damaged, saved, _ = drive(
        address,
        ["sample", "face"],
        ["choose", str(broken)],
        ["choose", str(film), "Video: "],
        ["choose", str(silent)],
        ["choose", str(animated)],
        ["choose", str(film), "video is open"],
        ["click", "#play"],
        ["until", "Video: "],
        ["wait", 2000],
        ["damage"],
        ["save", "#json"],
        ["until", "Saved"],
    )
    for state, name in ((no_video, "broken.mp4"), (sound_alone, "sound.mp4")):
        assert state["status"] == f"{name} {UNREADABLE}"
        assert state["isError"]
        assert (state["width"], state["label"], state["time"]) == (0, "No picture", "")
        assert not state["canExport"]
    assert first["status"].endswith(" Only its first frame is looked at.")
    assert damaged["status"].startswith("two.faces.webm is damaged after 0:0")
    assert damaged["isError"]
    assert (damaged["time"], damaged["canExport"]) == ("", True)
    assert len(read_frames(saved)) > 0


@pytest.mark.slow
def test_a_video_and_a_camera_take_turns(address: str, film: Path) -> None:
    _, _, camera, video, _, off = drive(
        address,
        ["choose", str(film), "Video: "],
        ["click", "#camera"],
        ["until", "Camera: 2 faces"],
        ["choose", str(film), "Video: 1 face"],
        ["click", "#camera"],
        ["until", "Camera: 2 faces"],
        cameras=[{"label": "Front camera", "facing": "user", "faces": 2}],
    )
    assert camera["time"] == ""
    assert not camera["canExport"]
    assert video["time"].endswith(" / 0:03")
    assert off["time"] == ""
