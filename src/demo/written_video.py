"""Frames written to a video file or a GIF, each shown from its own time on."""

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from src.demo.video import WITHOUT_AV, Frame, check_length
from src.errors import about, needed
from src.files import atomic_path

_TICKS = 60_000  # a second of an MP4: whole numbers at 24, 25, 29.97, 30, 50 and 60 frames a second


@contextlib.contextmanager
def write_video(path: str | Path, step: float) -> Iterator[Callable[[Frame], None]]:
    """Yield a function that appends frames of one size to a new .gif or .mp4 file; the file appears when whole.

    step: seconds for which the last frame is shown.
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        if path.suffix == ".gif":
            frames: list[Frame] = []
            yield lambda frame: _append(frames, frame, path)
            first, *others = (frame.picture for frame in frames)
            durations = _gif_durations([*(frame.seconds for frame in frames), frames[-1].seconds + step])
            first.save(temporary, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)
        else:
            with _encoder(temporary, step) as append:
                yield append


def _append(frames: list[Frame], frame: Frame, path: Path) -> None:
    count = len(frames) + 1
    with about(path):
        check_length(count, count * frame.picture.width * frame.picture.height)
    # A third of the memory, and a palette of each frame's own.
    frames.append(frame._replace(picture=frame.picture.quantize()))


def _gif_durations(seconds: list[float]) -> list[int]:
    """Milliseconds between times, in the hundredths of a second that a GIF counts in, without drift.

    At least two of them, as browsers show a frame of one for a tenth of a second, and at most what 16 bits hold.
    """
    return (10 * np.diff(np.rint(100 * np.array(seconds))).clip(2, 65_535)).astype(int).tolist()


@contextlib.contextmanager
def _encoder(path: Path, step: float) -> Iterator[Callable[[Frame], None]]:
    av = needed("av", remedy=WITHOUT_AV)
    with av.open(str(path), "w", format="mp4") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = container.add_stream(codec, rate=30)  # what it plans with; every frame has its own time
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.codec_context.max_b_frames = 0  # packets in the order of their frames end when the last frame does
        stream.pix_fmt = "yuv420p"  # what browsers play; it wants even sides
        size: tuple[int, int] | None = None  # of the first frame

        def write(picture: object) -> None:
            for packet in stream.encode(picture):
                packet.duration = round(_TICKS * step)
                container.mux(packet)

        def append(frame: Frame) -> None:
            nonlocal size
            if size is None:
                size = stream.width, stream.height = tuple(side // 2 * 2 for side in frame.picture.size)
            picture = av.VideoFrame.from_image(frame.picture.crop((0, 0, *size)))
            picture.pts, picture.time_base = round(_TICKS * frame.seconds), stream.codec_context.time_base
            write(picture)

        yield append
        write(None)
