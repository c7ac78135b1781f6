"""Draw points, head pose and eye openness on pictures and videos: python3 -m src.demo SOURCE...

Faces are detected in whole pictures, or given by boxes. A video's faces are followed. Next to the drawings go faces.csv
and faces.json: one row or entry per face in each picture or frame.
"""

import argparse
import contextlib
from pathlib import Path

import numpy as np
from PIL import Image

from src.boxes import BOX_COLUMNS, KINDS, check_boxes, read_boxes
from src.command_line import progress, run_command
from src.datasets.listing import list_pictures
from src.datasets.names import counted, match_names, natural_order, spell_out
from src.datasets.picture_files import picture_shape
from src.demo.records import Records, open_records
from src.demo.smoothing import Smoothing
from src.demo.sources import Source, find_sources, left_out
from src.demo.tracking import Tracker
from src.demo.video import Frame, Video, check_length, is_animated, open_camera, open_video
from src.demo.written_video import write_video
from src.errors import InputError, about
from src.files import alone_in, check_target
from src.parser import Parser, add_convention, add_model_path
from src.predict.drawing import draw_faces
from src.predict.face import DOUBTFUL_BELOW
from src.predict.picture_input import read_picture
from src.predict.predictor import Predictor
from src.predict.shipped import MODEL_PATH
from src.visualization.sheet import save_picture

_ENOUGH = 0.8  # of the seconds that a video's file states: with fewer it may be cut short
_Boxes = dict[str, np.ndarray]


def parse_arguments() -> tuple[argparse.Namespace, list[Source]]:
    """The flags, and what they name. Raises InputError for flags that would have no effect on that."""
    parser = Parser(description=__doc__)
    parser.add_argument("sources", nargs="+", help="pictures, folders, quoted patterns, videos, a camera's number")
    parser.add_argument("--boxes", type=Path, metavar="CSV", help=f"face boxes in pixels: {','.join(BOX_COLUMNS)}")
    parser.add_argument("--box_kind", choices=KINDS, default="landmarks", help="brows to chin, or forehead to chin")
    parser.add_argument("--crops", action="store_true", help="pictures are crops around one face; detect nothing")
    parser.add_argument("--tiles", action="store_true", help="look for small faces in every picture and detection")
    parser.add_argument("--frames", action="store_true", help="the folder holds the frames of one video")
    parser.add_argument("--fps", type=float, default=25.0, help="frames per second of --frames")
    parser.add_argument("--every", type=int, default=12, help="frames from one detection in a video to the next")
    parser.add_argument("--raw", action="store_true", help="no smoothing over the frames of a video")
    add_model_path(parser, default=MODEL_PATH)
    add_convention(parser)
    parser.add_argument("--detector", type=Path, help=".tflite or .onnx (make detector's, or the package's)")
    parser.add_argument("--threads", type=int, default=1, help="of all computing")
    parser.add_argument("--out", type=Path, default="output/demo", help="folder of the drawings")
    arguments = parser.parse_args()
    if arguments.boxes:
        parser.refuse(["crops"], "goes without --boxes, which say where the faces are")
    else:
        parser.refuse(["box_kind"], "goes with --boxes CSV")
    if arguments.boxes or arguments.crops:
        parser.refuse(["detector", "tiles", "every"], "goes without --boxes and --crops: then nothing is detected")
    if not arguments.frames:
        parser.refuse(["fps"], "goes with --frames, for a folder of them; a video states its own rate")
    sources = find_sources(arguments.sources, frames=arguments.frames)
    if not any(source.is_video for source in sources):
        parser.refuse(["raw", "every"], "goes with a video, or with --frames for a folder of its frames")
    return arguments, sources


def main() -> None:
    arguments, sources = parse_arguments()
    out = arguments.out
    if not arguments.fps > 0:
        raise InputError(f"expected --fps above 0, found {arguments.fps}")
    if any(out.resolve() == (source.path if arguments.frames else source.path.parent).resolve() for source in sources):
        raise InputError(f"--out {out}: expected another folder than the pictures' own")
    for source in sources:  # before the work, not after it
        check_target(_drawn(source, out))
    boxes = _by_source(read_boxes(arguments.boxes), sources) if arguments.boxes else None
    predictor = Predictor(
        arguments.model_path,
        box_kind=arguments.box_kind,
        convention=arguments.convention,
        detector=arguments.detector,
        threads=arguments.threads,
    )
    pictures = [source for source in sources if not source.is_video]
    videos = [source for source in sources if source.is_video]
    sizes: dict[str, tuple[int, int]] = {}
    for source in pictures if boxes else ():
        with contextlib.suppress(InputError):  # of a picture that cannot be read, which is told with the others
            sizes[source.name] = picture_shape(source.path).shown
    for source in videos:
        if not source.is_camera:
            with _open(source, arguments) as video:  # one that cannot be read or drawn is refused before the work
                first = next(video.frames).picture
                sizes[source.name] = first.size
                if source.path.is_dir():
                    _check_drawing(source, video, first)
    for name, rows in (boxes or {}).items():
        with about(name):
            check_boxes(rows, *sizes.get(name, (np.inf, np.inf)))
    unreadable: list[InputError] = []
    with alone_in(out), open_records(out) as records:
        for source in progress(pictures, desc="drawing", unit="picture") if pictures else ():
            try:
                picture = read_picture(source.path)
            except InputError as error:
                unreadable.append(error)
                _drawn(source, out).unlink(missing_ok=True)  # an earlier run's would pass for this picture's
                continue
            _draw_picture(predictor, source, picture, boxes, arguments, records)
        if len(unreadable) == len(sources):
            raise unreadable[0]
        for source in videos:
            _follow(predictor, source, boxes, arguments, records)
    found = f"{counted(records.found, 'faces')} found{' in pictures and single frames' if videos else ''}"
    without = f"; none in {spell_out(records.empty)}" if records.empty else ""
    print(f"{found}, {records.doubtful} of them doubtful (score below {DOUBTFUL_BELOW}){without}")
    others = left_out(arguments.sources)
    if others:
        print(f"not read, for their format or their place in a subfolder: {spell_out(others)}")
    print(f"{out / 'faces.csv'}, faces.json: one row or entry per face; the drawings lie next to them")
    if unreadable:
        raise InputError(f"{len(unreadable)} of {counted(len(sources), 'sources')} not drawn: {spell_out(unreadable)}")


def _by_source(boxes: _Boxes, sources: list[Source]) -> _Boxes:
    """The boxes by their source's name. Raises InputError for a name that is no source's, in any spelling."""
    with about("--boxes"):
        name_of = match_names(boxes, [source.name for source in sources])
    return {name_of[key]: rows for key, rows in boxes.items()}


def _draw_picture(
    predictor: Predictor,
    source: Source,
    picture: Image.Image,
    boxes: _Boxes | None,
    arguments: argparse.Namespace,
    records: Records,
) -> None:
    given = None if boxes is None else boxes.get(source.name, [])  # no row is no face
    with about(source.path):
        faces = predictor.faces(picture, given, crops=arguments.crops, tiles=arguments.tiles or None)
    names = [f"face {number}" for number in range(len(faces))] if len(faces) > 1 else ()  # as in the tables
    save_picture(draw_faces(picture, faces, names=names), _drawn(source, arguments.out))
    records.add(source.name, faces)


def _follow(
    predictor: Predictor, source: Source, boxes: _Boxes | None, arguments: argparse.Namespace, records: Records
) -> None:
    """Follow the faces of a video, draw its frames, and say who was lost."""
    starts = boxes.get(source.name, []) if boxes is not None else "crop" if arguments.crops else None
    tracker = Tracker(
        predictor,
        starts,
        detect=starts is None,
        every=arguments.every,
        tiles=arguments.tiles or None,
        smoothing=None if arguments.raw else Smoothing(),
    )
    lost: dict[int, list[int]] = {}  # the frames in which each face was lost
    count, before = 0, 0.0
    file_names = natural_order(list_pictures(source.path)) if source.path.is_dir() else []
    with _open(source, arguments) as video, write_video(_drawn(source, arguments.out), video.step) as append:
        frames = progress(video.frames, total=video.count or None, desc="following", unit="frame")
        with contextlib.suppress(KeyboardInterrupt) if source.is_camera else contextlib.nullcontext():
            for picture, seconds in frames:
                tracks = tracker.update(picture, seconds - before)
                seen = [track for track in tracks if not track.is_lost]
                missing = [track.number for track in tracks if track.is_lost]
                for track in tracks:
                    lost.setdefault(track.number, []).extend([count] if track.is_lost else [])
                note = f"lost: face {', '.join(map(str, missing))}" if missing else ""
                numbers, faces = [track.number for track in seen], [track.face for track in seen]
                drawn = draw_faces(picture, faces, names=[f"face {number}" for number in numbers], note=note)
                append(Frame(drawn, seconds))
                name = file_names[count] if file_names else source.name
                records.add(name, faces, frame=count, seconds=seconds, numbers=numbers)
                count, before = count + 1, seconds
    is_short = before + video.step < _ENOUGH * video.duration
    missing = f"; the file states {video.duration:.1f} s and may be cut short" if is_short else ""
    cuts = f", cuts at frames {spell_out(tracker.cuts)}" if tracker.cuts else ""
    print(f"{source.name}: {counted(len(lost), 'faces')} in {counted(count, 'frames')}{missing}{cuts}")
    for number, missed in lost.items():
        if missed:
            print(f"face {number}: lost in {len(missed)} of {count} frames ({spell_out(missed)})")


def _open(source: Source, arguments: argparse.Namespace) -> contextlib.AbstractContextManager[Video]:
    if source.is_camera:
        return open_camera(int(str(source.path)))
    return open_video(source.path, frames_per_second=arguments.fps)


def _check_drawing(source: Source, video: Video, first: Image.Image) -> None:
    """Raise InputError for a folder with more frames than the GIF that is drawn of it may have."""
    width, height = draw_faces(first, []).size
    with about(source.path):
        check_length(video.count, video.count * width * height)


def _drawn(source: Source, out: Path) -> Path:
    """Where the drawing goes. GIFs and folders of frames need no video library, neither to read nor to write."""
    if not source.is_video:
        return out / f"{source.name}.png"
    needs_library = source.is_camera or (source.path.is_file() and not is_animated(source.path))
    return out / f"{source.name}{'.mp4' if needs_library else '.gif'}"


if __name__ == "__main__":
    run_command(main)
