"""Draw points, head pose and eye openness on pictures and videos: python3 -m src.demo PICTURE|FOLDER|VIDEO.

Without boxes a picture counts as a crop around one face, as the challenge makes them. A video's faces are followed from
their own last landmarks. Beside the drawings goes faces.csv: one row a face and picture or frame.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from tqdm import tqdm

from src.boxes import BOX_COLUMNS, KINDS, read_boxes
from src.command_line import HelpFormatter, run_command
from src.datasets import listing
from src.datasets.listing import list_pictures
from src.demo.tracking import Smoothing, Tracker
from src.demo.video import is_animated, open_video, write_video
from src.errors import InputError
from src.eyes import eye_openness
from src.files import atomic_path, check_writable
from src.markup import NUM_POINTS
from src.pose import fit_pose
from src.predict.drawing import draw_faces
from src.predict.face import make_face
from src.predict.picture_input import read_picture
from src.predict.predictor import Predictor
from src.predict.search import crop_region
from src.visualization.sheet import save_picture

_MEASURES = ("score", "pitch", "yaw", "roll", "eye_left", "eye_right")
FACE_COLUMNS = (
    "picture",
    "frame",
    "face",
    *_MEASURES,
    *(f"{axis}{i}" for i in range(1, NUM_POINTS + 1) for axis in "xy"),
)
_LONGEST_LIST = 5  # frames that a message names


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("source", type=Path, help="a picture, a folder of pictures, an animated GIF, or a video")
    parser.add_argument("--boxes", type=Path, metavar="CSV", help=f"face boxes in pixels: {','.join(BOX_COLUMNS)}")
    parser.add_argument("--box_kind", choices=KINDS, default="landmarks", help="what the boxes hold (src/boxes.py)")
    parser.add_argument("--frames", action="store_true", help="the folder holds the frames of one video")
    parser.add_argument("--fps", type=float, default=25.0, help="frames a second of --frames")
    parser.add_argument("--raw", action="store_true", help="no smoothing over the frames of a video")
    parser.add_argument("--model_path", type=Path, default="best.pth.tar", help=".pth.tar, .onnx or .tflite")
    parser.add_argument("--out", type=Path, default="output/demo", help="folder of the drawings")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    source, out = arguments.source, arguments.out
    if not arguments.fps > 0:
        raise InputError(f"expected --fps above 0, found {arguments.fps}")
    if not source.exists():
        raise InputError(f"{source}: no such picture, folder or video")
    if arguments.frames and not source.is_dir():
        raise InputError(f"{source}: expected a folder of frames with --frames")
    if source.is_dir() and out.resolve() == source.resolve():
        raise InputError(f"--out {out}: expected another folder than the pictures' own")
    check_writable(out)  # before the work, not after it
    boxes = read_boxes(arguments.boxes) if arguments.boxes else {}
    predictor = Predictor(arguments.model_path, box_kind=arguments.box_kind)
    is_picture = listing.is_picture(source.name) and not is_animated(source)
    with atomic_path(out / "faces.csv") as temporary, _open_table(temporary) as file:
        rows = csv.writer(file)
        rows.writerow(FACE_COLUMNS)
        if arguments.frames or not (source.is_dir() or is_picture):
            if boxes and source.name not in boxes:
                raise InputError(f"--boxes: expected rows of {source.name}, found {next(iter(boxes))}")
            faces = _follow(predictor, arguments, boxes.get(source.name, [None]))
        else:
            names = list_pictures(source) if source.is_dir() else [source.name]
            faces = _draw_pictures(predictor, source if source.is_dir() else source.parent, names, boxes, out)
        rows.writerows(faces)
    print(f"{out / 'faces.csv'}: one row a face; the drawings lie beside it")


def _open_table(path: Path) -> TextIO:
    """A new text file that takes any file name, also one that is not UTF-8."""
    return open(path, "w", newline="", encoding="utf-8", errors="surrogateescape")


def _draw_pictures(
    predictor: Predictor, folder: Path, names: list[str], boxes: dict[str, list[np.ndarray]], out: Path
) -> Iterator[list]:
    """Draw independent pictures. Yields the rows of faces.csv."""
    unknown = sorted(set(boxes) - set(names))
    if unknown:
        raise InputError(f"--boxes: expected names of the {len(names)} pictures, found {unknown[0]}")
    for name in tqdm(names, desc="drawing", unit="picture", disable=None):
        picture = read_picture(folder / name)
        try:
            faces = predictor.faces(picture, boxes.get(name), crops=True)
        except InputError as error:
            raise InputError(f"{folder / name}: {error}") from None
        save_picture(draw_faces(picture, faces), out / f"{name}.png")
        yield from (_row(name, "", number, face.points, face.score) for number, face in enumerate(faces))


def _follow(predictor: Predictor, arguments: argparse.Namespace, boxes: list[np.ndarray | None]) -> Iterator[list]:
    """Follow the faces of a video and draw its frames. Yields the rows of faces.csv."""
    source = arguments.source
    smoothing = None if arguments.raw else Smoothing()
    trackers = [Tracker(predictor, box, smoothing=smoothing) for box in boxes]
    lost: list[list[int]] = [[] for _ in trackers]
    ending = ".mp4" if source.is_file() and not is_animated(source) else ".gif"
    drawn = arguments.out / f"{source.name}{ending}"
    with open_video(source, frames_per_second=arguments.fps) as video, write_video(drawn, video.seconds) as append:
        frames = tqdm(video.frames, total=video.count or None, desc="following", unit="frame", disable=None)
        for number, picture in enumerate(frames):
            tracks = [tracker.update(picture, video.seconds) for tracker in trackers]
            seen = [(face, track) for face, track in enumerate(tracks) if not track.is_lost]
            for face, track in enumerate(tracks):
                if track.is_lost:
                    lost[face].append(number)
            missing = [str(face) for face, track in enumerate(tracks) if track.is_lost]
            note = f"lost: face {', '.join(missing)}" if missing else ""
            shown = [
                make_face(track.points_image, track.score, 0.0, crop_region(picture, np.ones(3))) for _, track in seen
            ]
            append(draw_faces(picture, shown, note=note))
            yield from (_row(source.name, number, face, track.points_image, track.score) for face, track in seen)
    for face, numbers in enumerate(lost):
        if numbers:
            some = ", ".join(map(str, numbers[:_LONGEST_LIST])) + (", ..." if len(numbers) > _LONGEST_LIST else "")
            print(f"face {face}: lost in {len(numbers)} of {number + 1} frames ({some})")


def _row(picture: str, frame: int | str, face: int, points_image: np.ndarray, score: float) -> list:
    euler = fit_pose(points_image[None])[0]
    measures = (score, *euler, *eye_openness(points_image, euler[1]))
    return [picture, frame, face, *(f"{value:.3f}" for value in (*measures, *points_image.ravel()))]


if __name__ == "__main__":
    run_command(main)
