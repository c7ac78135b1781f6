"""Rendered videos for the page docs/demo, and what it gives away of them."""

import base64
import itertools
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image
from web_page import PAGE

av = pytest.importorskip("av")

RATE = 20  # steps per second; of the films' times
STEP = 3  # pixels per step, from the left to the right
SPEAKERS = {"glasses": (240, 150, 480, 390), "fringe": (735, 120, 945, 330)}  # of the group; each has half of the video


def shots(times: Sequence[int]) -> dict[int, Image.Image]:
    """Frames by their times, in steps of 1 / RATE: a face that moves, and in the second half another one."""
    frames = {}
    with Image.open(PAGE / "samples" / "group.jpg") as group:
        faces = {name: group.crop(place).resize((200, 200)) for name, place in SPEAKERS.items()}
    for time in times:
        name, gray = ("glasses", 40) if time < max(times) / 2 else ("fringe", 160)
        frames[time] = Image.new("RGB", (640, 480), (gray, gray, gray))
        frames[time].paste(faces[name], (80 + STEP * time, 140))
    return frames


def write_video(path: Path, frames: dict[int, Image.Image], **options: str) -> None:
    """Frames by their times, in steps of 1 / RATE, as a WebM file; options: of its container. Their size may change."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libvpx", rate=RATE)
        stream.width, stream.height = next(iter(frames.values())).size
        stream.pix_fmt = "yuv420p"
        for size, alike in itertools.groupby(frames.items(), lambda timed: timed[1].size):
            encoder = av.CodecContext.create("libvpx", "w")
            (encoder.width, encoder.height), encoder.pix_fmt, encoder.bit_rate = size, "yuv420p", 2_000_000
            encoder.time_base, encoder.options = Fraction(1, RATE), {"deadline": "realtime", "cpu-used": "8"}
            packets = []
            for time, picture in alike:
                frame = av.VideoFrame.from_image(picture)
                frame.pts, frame.time_base = time, encoder.time_base
                packets += encoder.encode(frame)
            for packet in packets + encoder.encode(None):
                packet.stream = stream
                container.mux(packet)


def read_frames(state: dict) -> list[dict]:
    """The frames of a JSON file that a step saved."""
    found = json.loads(base64.b64decode(state["given"]))
    assert (found["video"], found["width"], found["height"]) == ("two.faces.webm", 640, 480)  # the first frame's
    return found["frames"]
