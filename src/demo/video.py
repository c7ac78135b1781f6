"""Frames of a video, of an animated picture, or of a folder of frames, one at a time, each with its own time.

Animated pictures and folders need Pillow alone; video files need the optional PyAV (FFmpeg's libraries in a wheel).
"""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from src.datasets.listing import list_pictures
from src.datasets.names import natural_order
from src.datasets.picture_files import DAMAGED, MAX_PIXELS, PICTURE_FORMATS, open_picture, upright
from src.errors import InputError, about, needed
from src.predict.picture_input import read_picture
from src.reading import check_regular

WITHOUT_AV = "pip install av, or give a GIF or a folder of frames"
_CAMERAS = {  # platform -> what FFmpeg opens, and as what
    "linux": ("/dev/video{}", "v4l2"),
    "darwin": ("{}", "avfoundation"),
    "win32": ("video={}", "dshow"),
}
# No playlists, which lead to other files, and no addresses.
_FILES_ALONE = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf,dv,h264,hevc",
                "protocol_whitelist": "file"}  # fmt: skip
_ANIMATED = (".gif", ".webp", ".png", ".avif")
_FRAME_SECONDS = 0.1  # of an animated picture that names no duration
_POSSIBLE = 1e-4, 3600.0  # seconds between two frames; others are a fault in the file
MAX_ANIMATED = 500  # frames of an animated picture, all of which Pillow holds in memory when it writes one
MAX_ANIMATED_PIXELS = 250_000_000  # of all its frames together


class Frame(NamedTuple):
    """An upright RGB picture of a video, shown `seconds` after the first one."""

    picture: Image.Image
    seconds: float


@dataclass(frozen=True)
class Video:
    """frames: pictures of one size, one after the other, to be read once. step: seconds between two, on average.

    count, duration: about how many frames and seconds there are, 0 if the file does not say.
    """

    frames: Iterator[Frame]
    step: float
    count: int = 0
    duration: float = 0.0


@contextlib.contextmanager
def open_video(path: str | Path, *, frames_per_second: float = 25.0) -> Iterator[Video]:
    """Open a video file, an animated GIF, WebP, PNG or AVIF, or a folder of frames in the order of their names.

    frames_per_second: of a folder, which has none. Raises InputError for a file that is no video, for one without
    frames or with frames of different sizes, and if a video file needs PyAV, which is not installed.
    """
    path = Path(path)
    if path.is_dir():
        names = natural_order(list_pictures(path))
        step = 1 / frames_per_second
        frames = ((read_picture(path / name), None) for name in names)  # they have no times
        yield Video(_of_one_size(_timed(frames, step), path), step, count=len(names))
    elif not path.is_file():
        raise InputError(f"{path}: no such video")
    elif path.suffix.lower() in _ANIMATED:
        with _open_animated(path) as video:
            yield video
    else:
        with _open_container(path) as video:
            yield video


@contextlib.contextmanager
def open_camera(number: int) -> Iterator[Video]:
    """A camera of this computer, until the program is interrupted. Raises InputError if there is none."""
    av = needed("av", remedy=WITHOUT_AV)
    device, form = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
    try:
        container = av.open(device.format(number), format=form)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"camera {number}: it cannot be opened ({error})") from None
    with container:
        stream = container.streams.video[0]
        step = float(1 / (stream.average_rate or Fraction(25)))
        frames = ((_upright(frame), frame.time) for frame in container.decode(stream))
        yield Video(_timed(_readable(frames, Path(f"camera {number}"), (av.FFmpegError,)), step), step)


def is_animated(path: Path) -> bool:
    """Whether a picture file holds several frames."""
    if path.suffix.lower() not in _ANIMATED:
        return False
    try:
        with open_picture(path) as image:
            return getattr(image, "is_animated", False)
    except InputError:
        return False  # reading it as a picture says what is wrong


@contextlib.contextmanager
def _open_animated(path: Path) -> Iterator[Video]:
    with about(path), open_picture(path) as image:
        count = getattr(image, "n_frames", 1)
        check_length(count, count * image.width * image.height)
        first = _first(image)
        image.seek(first)
        image.load()  # WebP and AVIF give a frame's duration only then
        step = _shown_for(image)
    with Image.open(path, formats=PICTURE_FORMATS) as image:
        frames = _readable(_animation(image), path, (*DAMAGED, Image.DecompressionBombError))
        yield Video(_of_one_size(_timed(frames, step), path), step, count - first)


def _first(image: Image.Image) -> int:
    """The number of an animated picture's first frame: before it, PNG may hold a picture for viewers without motion."""
    return int(getattr(image, "default_image", False))


def _animation(image: Image.Image) -> Iterator[tuple[Image.Image, float]]:
    """The frames of an animated picture with their times."""
    seconds = 0.0
    for frame in itertools.islice(ImageSequence.Iterator(image), _first(image), None):
        yield upright(frame), seconds
        seconds += _shown_for(image)


def _shown_for(image: Image.Image) -> float:
    """Seconds for which the decoded frame of an animated picture is shown."""
    return image.info.get("duration", 0) / 1000 or _FRAME_SECONDS


@contextlib.contextmanager
def _open_container(path: Path) -> Iterator[Video]:
    av = needed("av", remedy=WITHOUT_AV)
    try:
        check_regular(path)
        container = av.open(str(path), options=_FILES_ALONE)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: not a readable video ({getattr(error, 'strerror', error)})") from None
    with container:
        stream = container.streams.best("video")  # not its cover picture or a small preview
        if stream is None:
            raise InputError(f"{path}: expected a video, found a file without pictures")
        stretch = float(stream.sample_aspect_ratio or 1)  # of pixels that are not square
        width = round(stretch * stream.width)
        if not 0 < width * stream.height <= MAX_PIXELS:
            raise InputError(
                f"{path}: expected frames of at most {MAX_PIXELS // 1_000_000} megapixels, found {width} x "
                f"{stream.height}"
            )
        rate = stream.average_rate or Fraction(25)
        step = float(1 / rate)
        frames = ((_upright(frame, stretch), frame.time) for frame in container.decode(stream))
        frames = _timed(_readable(frames, path, (av.FFmpegError,)), step)
        duration = (stream.duration or 0) * stream.time_base or Fraction(container.duration or 0, av.time_base)
        count = stream.frames or round(duration * rate)
        yield Video(_of_one_size(frames, path), step, count, float(duration))


def _upright(frame: object, stretch: float = 1.0) -> Image.Image:
    """A decoded frame as RGB, stretched in width, then turned and mirrored as its display matrix says (telephones
    record on their side)."""
    pixels = frame.to_ndarray(format="rgb24", width=round(stretch * frame.width))
    matrix = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
    return Image.fromarray(pixels if matrix is None else display(pixels, np.frombuffer(bytes(matrix), np.int32)))


def display(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The pixels (H, W, 3) as a container's display matrix (9) shows them: shown x = a x + c y, y = b x + d y."""
    a, b, _, c, d = np.sign(np.rint(matrix[:5] / 65536))
    if a == 0 != b:  # lying on its side: columns become rows
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: int(d) or 1, :: int(a) or 1])


def _readable(
    frames: Iterator[tuple[Image.Image, float | None]], path: Path, errors: tuple[type[Exception], ...]
) -> Iterator[tuple[Image.Image, float | None]]:
    """The same frames; the decoder's errors, and the lack of any frame, become an InputError."""
    number = 0
    try:
        for number, frame in enumerate(frames, start=1):  # noqa: B007 the number is what the message names
            yield frame
    except errors as error:
        raise InputError(f"{path}: frame {number + 1} cannot be decoded ({error}); the file may be cut short") from None
    if number == 0:
        raise InputError(f"{path}: expected a video, found no frames in it")


def _timed(frames: Iterator[tuple[Image.Image, float | None]], step: float) -> Iterator[Frame]:
    """The frames at their own times. One without a time, or not after the one before, comes `step` after it."""
    seconds, before = 0.0, None
    for number, (picture, time) in enumerate(frames):
        passed = time - before if None not in (time, before) else 0.0
        if number:
            seconds += passed if _POSSIBLE[0] <= passed <= _POSSIBLE[1] else step
        before = time
        yield Frame(picture, seconds)


def _of_one_size(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    """The same frames. Raises InputError at one of another size than the first: its points would be in other pixels."""
    size = None
    for number, frame in enumerate(frames):
        width, height = frame.picture.size
        size = size or (width, height)
        if (width, height) != size:
            raise InputError(
                f"{path}: expected frames of {size[0]} x {size[1]} pixels, as the first one is, found {width} x "
                f"{height} in frame {number}; scale them to one size"
            )
        yield frame


def check_length(count: int, pixels: int) -> None:
    """Raise InputError for an animated picture that is too long. pixels: of all its frames together."""
    if count > MAX_ANIMATED or pixels > MAX_ANIMATED_PIXELS:
        raise InputError(
            f"expected at most {MAX_ANIMATED} frames and {MAX_ANIMATED_PIXELS // 1_000_000} megapixels in an "
            f"animated picture, found {count} and {pixels / 1e6:.0f}; give a video file"
        )
