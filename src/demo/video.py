"""Frames of a video, of an animated picture, or of a folder of frames, one at a time; and the same forms written.

Animated pictures and folders need Pillow alone; video files need the optional PyAV (FFmpeg's libraries in a wheel).
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image, ImageSequence

from src.datasets.listing import list_pictures
from src.datasets.names import natural_order
from src.datasets.pictures import DAMAGED, MAX_PIXELS, PICTURE_FORMATS, open_picture, upright
from src.errors import InputError, about
from src.files import atomic_path
from src.predict.picture_input import read_picture
from src.reading import check_regular

_INSTALL = "install the optional video library: pip install av"
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
MAX_ANIMATED = 500  # frames of an animated picture, all of which Pillow holds in memory when it writes one
MAX_ANIMATED_PIXELS = 250_000_000  # of all its frames together


@dataclass(frozen=True)
class Video:
    """frames: upright RGB pictures of one size, to be read once. count: about how many, 0 if the file does not say."""

    frames: Iterator[Image.Image]
    seconds: float  # between two frames
    count: int


@contextlib.contextmanager
def open_video(path: str | Path, *, frames_per_second: float = 25.0) -> Iterator[Video]:
    """Open a video file, an animated GIF, WebP, PNG or AVIF, or a folder of frames in the order of their names.

    frames_per_second: of a folder, which does not tell. Raises InputError for a file that is no video, for one without
    frames or with frames of different sizes, and if a video file needs PyAV, which is not installed.
    """
    path = Path(path)
    if path.is_dir():
        names = natural_order(list_pictures(path))
        frames = (read_picture(path / name) for name in names)
        yield Video(_of_one_size(frames, path), 1 / frames_per_second, len(names))
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
    av = _av()
    device, form = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
    try:
        container = av.open(device.format(number), format=form)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"camera {number}: it cannot be opened ({error})") from None
    with container:
        stream = container.streams.video[0]
        frames = (_upright(frame) for frame in container.decode(stream))
        yield Video(frames, float(1 / (stream.average_rate or Fraction(25))), 0)


def is_animated(path: Path) -> bool:
    """Whether a picture file holds several frames."""
    if path.suffix.lower() not in _ANIMATED:
        return False
    try:
        with open_picture(path) as image:
            return getattr(image, "n_frames", 1) > 1
    except InputError:
        return False  # reading it as a picture says what is wrong


@contextlib.contextmanager
def write_video(path: str | Path, seconds: float) -> Iterator[Callable[[Image.Image], None]]:
    """Yield a function that appends RGB frames of one size to a new .gif or .mp4 file; the file appears when whole."""
    path = Path(path)
    with atomic_path(path) as temporary:
        if path.suffix == ".gif":
            frames: list[Image.Image] = []
            yield lambda frame: _append(frames, frame, path)
            first, *others = frames
            first.save(
                temporary, format="GIF", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0
            )
        else:
            with _encoder(temporary, seconds) as append:
                yield append


@contextlib.contextmanager
def _open_animated(path: Path) -> Iterator[Video]:
    with about(path), open_picture(path) as image:
        count = getattr(image, "n_frames", 1)
        _check_length(count, count * image.width * image.height)
        image.load()  # WebP and AVIF tell a frame's duration only then
        seconds = image.info.get("duration", 0) / 1000 or _FRAME_SECONDS
    with Image.open(path, formats=PICTURE_FORMATS) as image:
        frames = (upright(frame) for frame in ImageSequence.Iterator(image))
        frames = _readable(frames, path, (*DAMAGED, Image.DecompressionBombError))
        yield Video(_of_one_size(frames, path), seconds, count)


@contextlib.contextmanager
def _open_container(path: Path) -> Iterator[Video]:
    av = _av()
    try:
        check_regular(path)
        container = av.open(str(path), options=_FILES_ALONE)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: not a readable video ({getattr(error, 'strerror', error)})") from None
    with container:
        stream = container.streams.best("video")  # not its cover picture or a small preview
        if stream is None:
            raise InputError(f"{path}: expected a video, found a file without pictures")
        if stream.width * stream.height > MAX_PIXELS:
            raise InputError(
                f"{path}: expected frames of at most {MAX_PIXELS // 1_000_000} megapixels, found {stream.width} x "
                f"{stream.height}"
            )
        frames = (_upright(frame) for frame in container.decode(stream))
        rate = stream.average_rate or Fraction(25)
        count = stream.frames or round((container.duration or 0) / av.time_base * rate)
        yield Video(_of_one_size(_readable(frames, path, (av.FFmpegError,)), path), float(1 / rate), count)


def _upright(frame: object) -> Image.Image:
    """A decoded frame as RGB, turned and mirrored as its display matrix says (telephones record on their side)."""
    pixels = frame.to_ndarray(format="rgb24")
    matrix = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
    return Image.fromarray(pixels if matrix is None else display(pixels, np.frombuffer(bytes(matrix), np.int32)))


def display(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The pixels (H, W, 3) as a container's display matrix (9) shows them: shown x = a x + c y, y = b x + d y."""
    a, b, _, c, d = np.sign(np.rint(matrix[:5] / 65536))
    if a == 0:  # lying on its side: columns become rows
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: int(d) or 1, :: int(a) or 1])


def _readable(frames: Iterator[Image.Image], path: Path, errors: tuple[type[Exception], ...]) -> Iterator[Image.Image]:
    """The same frames; the decoder's errors, and the lack of any frame, become an InputError."""
    number = 0
    try:
        for number, frame in enumerate(frames, start=1):  # noqa: B007 the number is what the message names
            yield frame
    except errors as error:
        raise InputError(f"{path}: frame {number + 1} cannot be decoded ({error}); the file may be cut short") from None
    if number == 0:
        raise InputError(f"{path}: expected a video, found no frames in it")


def _of_one_size(frames: Iterator[Image.Image], path: Path) -> Iterator[Image.Image]:
    """The same frames. Raises InputError at one of another size than the first: its points would be in other pixels."""
    size = None
    for number, frame in enumerate(frames):
        size = size or frame.size
        if frame.size != size:
            raise InputError(
                f"{path}: expected frames of {size[0]} x {size[1]} pixels, as the first one is, found {frame.width} x "
                f"{frame.height} in frame {number}; scale them to one size"
            )
        yield frame


def _check_length(count: int, pixels: int) -> None:
    if count > MAX_ANIMATED or pixels > MAX_ANIMATED_PIXELS:
        raise InputError(
            f"expected at most {MAX_ANIMATED} frames and {MAX_ANIMATED_PIXELS // 1_000_000} megapixels in an "
            f"animated picture, found {count} and {pixels / 1e6:.0f}; give a video file"
        )


def _append(frames: list[Image.Image], frame: Image.Image, path: Path) -> None:
    count = len(frames) + 1
    with about(path):
        _check_length(count, count * frame.width * frame.height)
    frames.append(frame.quantize())  # a third of the memory, and a palette of each frame's own


@contextlib.contextmanager
def _encoder(path: Path, seconds: float) -> Iterator[Callable[[Image.Image], None]]:
    av = _av()
    with av.open(str(path), "w", format="mp4") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = container.add_stream(codec, rate=Fraction(1 / seconds).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"  # what browsers play; it wants even sides
        size: tuple[int, int] | None = None  # of the first frame

        def append(frame: Image.Image) -> None:
            nonlocal size
            if size is None:
                size = stream.width, stream.height = frame.width // 2 * 2, frame.height // 2 * 2
            picture = av.VideoFrame.from_image(frame.crop((0, 0, *size)))
            container.mux(stream.encode(picture))

        yield append
        container.mux(stream.encode())


def _av() -> ModuleType:
    try:
        import av
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise InputError(f"this needs a library for videos and cameras; {_INSTALL}") from None
    return av
