"""Frames in and out: folders, animated pictures, video files, and files that are none of these."""

import contextlib
import struct
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from src.demo import video
from src.demo.video import Frame, display, is_animated, open_camera, open_video
from src.demo.written_video import write_video
from src.errors import InputError

COLORS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]


def _frames() -> list[Image.Image]:
    return [Image.new("RGB", (64, 48), color) for color in COLORS]


def _colors(path: Path) -> tuple[np.ndarray, float, int]:
    with open_video(path) as found:
        pixels = [np.asarray(frame.picture)[24, 32].astype(int) for frame in found.frames]
        return np.array(pixels), found.step, found.count


def _times(path: Path) -> list[float]:
    with open_video(path) as found:
        return [frame.seconds for frame in found.frames]


def _write(path: Path, times: Sequence[float] = (0.0, 0.08, 0.16, 0.24), step: float = 0.08) -> Path:
    with write_video(path, step) as append:
        for picture, seconds in zip(_frames(), times, strict=True):
            append(Frame(picture, seconds))
    return path


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    if ending == "mp4":
        pytest.importorskip("av")
    path = _write(tmp_path / f"film.{ending}")
    colors, step, count = _colors(path)
    np.testing.assert_allclose(colors, COLORS, atol=12)
    assert step == pytest.approx(0.08, rel=0.01)
    assert count == len(COLORS)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert is_animated(path) == (ending == "gif")


def test_a_folder_holds_frames_in_the_order_of_their_names(tmp_path: Path) -> None:
    for i, frame in enumerate(_frames()):
        frame.save(tmp_path / f"{i:03d}.png")
    colors, step, count = _colors(tmp_path)
    np.testing.assert_array_equal(colors, COLORS)
    assert (step, count) == (0.04, 4)
    assert _times(tmp_path) == pytest.approx([0, 0.04, 0.08, 0.12])


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "avif"])
def test_every_frame_of_an_animated_picture_is_read_at_its_rate(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"film.{ending}"
    first, *others = _frames()
    first.save(path, save_all=True, append_images=others, duration=40)
    colors, step, count = _colors(path)
    np.testing.assert_allclose(colors, COLORS, atol=12)
    assert (step, count) == (0.04, 4)
    assert is_animated(path)


def test_a_pngs_picture_for_viewers_without_motion_is_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    first, *others = _frames()
    first.save(path, save_all=True, default_image=True, append_images=others, duration=40)
    colors, step, count = _colors(path)
    np.testing.assert_array_equal(colors, COLORS[1:])
    assert (step, count) == (0.04, 3)


UNEVEN = [0.0, 0.1, 0.5, 0.54]  # seconds


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "avif"])
def test_an_animated_pictures_frames_have_their_own_times(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"film.{ending}"
    first, *others = _frames()
    first.save(path, save_all=True, append_images=others, duration=[100, 400, 40, 40])
    assert _times(path) == pytest.approx(UNEVEN)


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_frames_are_written_at_their_own_times(tmp_path: Path, ending: str) -> None:
    if ending == "mp4":
        pytest.importorskip("av")
    path = _write(tmp_path / f"film.{ending}", UNEVEN, 0.2)
    assert _times(path) == pytest.approx(UNEVEN, abs=1e-4)
    if ending == "mp4":
        with open_video(path) as found:
            assert found.duration == pytest.approx(0.74, abs=1e-3)  # the last frame is shown for 0.2 s


def test_a_gif_of_any_rate_does_not_drift(tmp_path: Path) -> None:
    times = _times(_write(tmp_path / "film.gif", [i * 0.034 for i in range(4)], 0.034))
    assert times == pytest.approx([0, 0.03, 0.07, 0.1])  # each within half a hundredth; 0.03 thrice would be 0.09


def test_times_that_do_not_go_on_are_replaced() -> None:
    picture = Image.new("RGB", (4, 4))
    stated = [5.0, 5.5, None, 6.0, 5.0, 5.25, 1e9]
    times = [frame.seconds for frame in video._timed(((picture, time) for time in stated), 0.1)]
    assert times == pytest.approx([0, 0.5, 0.6, 0.7, 0.8, 1.05, 1.15])


def test_frames_of_different_sizes_are_refused(tmp_path: Path) -> None:
    for i, frame in enumerate(_frames()):
        (frame if i < 2 else frame.resize((128, 96))).save(tmp_path / f"{i}.png")
    with pytest.raises(InputError, match="frames of 64 x 48 pixels, as the first one is, found 128 x 96 in frame 2"):
        _colors(tmp_path)


def test_of_two_streams_the_film_is_read_not_the_still(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        still = container.add_stream("mjpeg", rate=1, width=32, height=32, pix_fmt="yuvj420p")
        film = container.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        for stream, frames in ((still, [Image.new("RGB", (32, 32))]), (film, _frames())):
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_image(frame)))
            container.mux(stream.encode())
    colors, step, _ = _colors(path)
    np.testing.assert_allclose(colors, COLORS, atol=12)
    assert step == pytest.approx(0.1)


@pytest.mark.parametrize(("size", "ratio"), [((32, 48), 2), ((64, 24), Fraction(1, 2))])
def test_pixels_that_are_not_square_become_so(tmp_path: Path, size: tuple[int, int], ratio: Fraction) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=size[0], height=size[1], pix_fmt="yuv420p")
        stream.codec_context.sample_aspect_ratio = ratio
        container.mux(stream.encode(av.VideoFrame.from_image(_frames()[0].resize(size))))
        container.mux(stream.encode())
    with open_video(path) as film:
        (frame,) = film.frames
    assert frame.picture.size == (round(size[0] * ratio), size[1])


def test_a_still_picture_is_not_animated(tmp_path: Path) -> None:
    stills = [f"still.{ending}" for ending in ("gif", "webp", "png", "avif")]
    for name in stills:
        _frames()[0].save(tmp_path / name)
    (tmp_path / "broken.gif").write_bytes(b"GIF89a")
    assert not any(is_animated(tmp_path / name) for name in (*stills, "broken.gif", "film.mp4"))


def test_an_error_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError), write_video(tmp_path / "film.gif", 0.1):
        raise InputError("the first frame is broken")
    assert list(tmp_path.iterdir()) == []


def test_too_long_an_animated_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_ANIMATED", 3)
    with pytest.raises(InputError, match="at most 3 frames"):
        _write(tmp_path / "film.gif")


def _claim_size(path: Path, width: int, height: int) -> None:
    """Let a GIF of small frames state another size of the whole."""
    content = path.read_bytes()
    path.write_bytes(content[:6] + struct.pack("<HH", width, height) + content[10:])


def test_an_animated_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = (Image.new("RGB", (20, 20), (6 * i, 0, 0)) for i in range(40))
    first.save(tmp_path / "film.gif", save_all=True, append_images=others)
    _claim_size(tmp_path / "film.gif", 6000, 6000)
    assert is_animated(tmp_path / "film.gif")
    with pytest.raises(InputError, match=r"film\.gif: expected at most 500 frames and 250 mega.*, found 40 and 1440"):
        _colors(tmp_path / "film.gif")
    monkeypatch.setattr(video, "MAX_ANIMATED_PIXELS", 3 * 64 * 48)
    with pytest.raises(InputError, match="give a video file"):
        _write(tmp_path / "long.gif")


@pytest.mark.parametrize("size", [(60_000, 60_000), (9000, 9000), (3, 60_000)])
def test_a_still_bomb_is_no_video(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("P", (20, 20)).save(tmp_path / "large.gif")
    _claim_size(tmp_path / "large.gif", *size)
    assert not is_animated(tmp_path / "large.gif")
    with pytest.raises(InputError, match=r"large\.gif: (the picture is too large|expected)"):
        _colors(tmp_path / "large.gif")


def test_a_picture_of_a_format_that_is_not_meant_is_no_video(tmp_path: Path) -> None:
    Image.new("L", (20, 20)).save(tmp_path / "film.webp", "PPM")
    assert not is_animated(tmp_path / "film.webp")
    with pytest.raises(InputError, match=r"film\.webp: not a picture in a known format"):
        _colors(tmp_path / "film.webp")


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_a_list_that_leads_to_other_files_is_no_video(text: str, tmp_path: Path) -> None:
    pytest.importorskip("av")
    _write(tmp_path / "film.mp4")
    (tmp_path / "list.mp4").write_text(text.format("film.mp4"))
    with pytest.raises(InputError, match=r"list\.mp4: not a readable video"):
        _colors(tmp_path / "list.mp4")


def test_files_that_are_no_videos_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("text.mp4", "empty.mp4"):
        with pytest.raises(InputError, match=rf"{name}: not a readable video"):
            _colors(tmp_path / name)
    with pytest.raises(InputError, match="no such video"):
        _colors(tmp_path / "none.mp4")


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="without pictures"):
        _colors(tmp_path / "sound.mkv")


def test_a_video_cut_short_or_without_frames_is_refused(tmp_path: Path) -> None:
    whole = _write(tmp_path / "film.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.gif"):
        _colors(tmp_path / "cut.gif")
    with pytest.raises(InputError, match="no frames"):
        list(video._readable(iter([]), tmp_path / "film.mp4", (OSError,)))


def test_a_camera_that_fails_on_the_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")

    class Camera(contextlib.nullcontext):
        streams = SimpleNamespace(video=[SimpleNamespace(average_rate=30)])
        decode = staticmethod(lambda stream: map(av.error.err_check, [-1094995529]))  # invalid data

    monkeypatch.setattr(av, "open", lambda *_, **__: Camera())
    with open_camera(0) as camera, pytest.raises(InputError, match="camera 0: frame 1 cannot be decoded"):
        list(camera.frames)


def test_a_missing_video_library_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "film.mp4").write_bytes(b"any")
    with pytest.raises(InputError, match="pip install av"):
        _colors(tmp_path / "film.mp4")


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), [[1, 2], [3, 4], [5, 6]]),
        ((-1, 0, 0, 1), [[2, 1], [4, 3], [6, 5]]),
        ((1, 0, 0, -1), [[5, 6], [3, 4], [1, 2]]),
        ((-1, 0, 0, -1), [[6, 5], [4, 3], [2, 1]]),
        ((0, 1, -1, 0), [[5, 3, 1], [6, 4, 2]]),
        ((0, -1, 1, 0), [[2, 4, 6], [1, 3, 5]]),
        ((0, 1, 1, 0), [[1, 3, 5], [2, 4, 6]]),
        ((0, 0, 0, 0), [[1, 2], [3, 4], [5, 6]]),  # shows nothing, so it is a fault
    ],
)
def test_a_display_matrix_turns_and_mirrors(matrix: tuple[int, ...], shown: list[list[int]]) -> None:
    a, b, c, d = (65536 * value for value in matrix)
    pixels = np.array([[1, 2], [3, 4], [5, 6]])[..., None]
    np.testing.assert_array_equal(display(pixels, np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30]))[..., 0], shown)


@pytest.mark.parametrize("extension", ["webp", "png"])
def test_an_animated_pictures_orientation_counts(extension: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [Image.new("RGB", (64, 48), (i, 0, 0)) for i in (10, 200)]
    path = tmp_path / f"a.{extension}"
    frames[0].save(path, save_all=True, append_images=frames[1:], exif=exif)
    assert is_animated(path)
    with open_video(path) as video:
        assert [frame.picture.size for frame in video.frames] == [(48, 64)] * 2
