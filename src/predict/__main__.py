"""Points of a list of pictures as text: python3 -m src.predict image_list.txt out_dir --model_path best.tflite.

The list has one picture's path per line, relative to the working directory or to the list's own folder; a path that
means one picture here and another one there is refused. Each picture gets one `.pts`-like file named after it,
`<stem>.txt`, with a block for each of its faces from the picture's right to its left, as challenges for embedded
systems expect. Broken pictures get none and are named at the end. Coordinates are those of `src.geometry`. Faces are
detected in whole pictures, unless boxes say where they are or every picture is a crop around one face.
"""

import argparse
from pathlib import Path

import numpy as np

from src.boxes import read_boxes
from src.command_line import progress, run_command
from src.datasets.formats.ivslab import right_to_left
from src.datasets.formats.pts import FIRST_LINE, face_block
from src.datasets.names import counted, folded, match_names, spell_out
from src.errors import InputError, about
from src.files import alone_in, check_target, write_text
from src.markup import INNER_51, NUM_POINTS, select_points
from src.parser import Parser, add_convention, add_model_path
from src.predict.face import DOUBTFUL_BELOW
from src.predict.picture_input import read_picture
from src.predict.predictor import Predictor
from src.predict.shipped import DETECTOR_PATH
from src.reading import as_text, encoding_of, read_bytes, read_head

_COUNTS = (NUM_POINTS, len(INNER_51))


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("image_list", type=Path, help="a text file with one picture's path per line")
    parser.add_argument("out_dir", type=Path, help="where the text files go")
    add_model_path(parser)
    add_convention(parser)
    parser.add_argument("--boxes", type=Path, metavar="CSV", help="face boxes as src.demo takes them")
    parser.add_argument("--crops", action="store_true", help="pictures are crops around one face; nothing is detected")
    parser.add_argument("--points", type=int, choices=_COUNTS, default=NUM_POINTS, help="51 leaves the jaw out")
    arguments = parser.parse_args()
    if arguments.boxes:
        parser.refuse(["crops"], "goes without --boxes")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    pictures = read_list(arguments.image_list)
    boxes = read_boxes(arguments.boxes) if arguments.boxes else {}
    texts = [arguments.out_dir / f"{picture.stem}.txt" for picture in pictures]
    _check_texts(texts)
    names = [picture.as_posix() for picture in pictures]
    with about(arguments.boxes):
        matched = match_names(boxes, names)
    boxes_of = {name: boxes[key] for key, name in matched.items()}
    predictor = Predictor(arguments.model_path, convention=arguments.convention)
    is_detected = not boxes and not arguments.crops and DETECTOR_PATH.is_file()
    found, doubtful, without = 0, 0, []
    unreadable: list[InputError] = []
    with alone_in(arguments.out_dir):
        bar = progress(pictures, desc="predicting", unit="picture")
        for name, picture, text in zip(names, bar, texts, strict=True):
            try:
                image = read_picture(picture)
            except InputError as error:
                unreadable.append(error)
                text.unlink(missing_ok=True)  # an earlier run's would pass for this picture's
                continue
            if is_detected:
                faces = predictor.faces(image)
                points_image, score = np.array([face.points for face in faces]), [face.score for face in faces]
            else:
                with about(name):  # a box may be wrong
                    points_image, score = predictor(image, boxes_of.get(name, []) if boxes else None)
            if len(points_image) == 0:
                points_image = np.empty((0, NUM_POINTS, 2))
                without.append(name)
            found, doubtful = found + len(score), doubtful + sum(value < DOUBTFUL_BELOW for value in score)
            write_text(text, format_faces(select_points(points_image, arguments.points)))
        if len(unreadable) == len(pictures):
            raise unreadable[0]
    written = counted(len(pictures) - len(unreadable), "files")
    print(f"{arguments.out_dir}: {written}, {arguments.points} points per face")
    print(f"{counted(found, 'faces')}, {doubtful} of them doubtful (score below {DOUBTFUL_BELOW})")
    if not (boxes or arguments.crops or is_detected):
        print("the face detector is missing, so each picture was taken as a crop around one face; run make detector")
    if without:
        print(f"{counted(len(without), 'pictures')} without a face: {spell_out(without)}")
    if unreadable:
        raise InputError(f"{len(unreadable)} of {len(pictures)} pictures not read: {spell_out(unreadable)}")


def read_list(path: Path) -> list[Path]:
    """The pictures of a list. Raises InputError for a missing picture, and for two that would share a text file."""
    if not path.exists():
        raise InputError(f"{path}: no such file; expected a list of pictures, one path per line")
    with about(path), as_text():
        content = read_bytes(path)  # with names of files, which may be other bytes than UTF-8
        text = content.decode(encoding_of(content), errors="surrogateescape")
    if "\0" in text:
        raise InputError(f"{path}: expected a list of pictures, one path per line, found something else than text")
    lines = text.splitlines()
    pictures = [_locate(Path(line.strip()), path.parent) for line in lines if line.strip()]
    if not pictures:
        raise InputError(f"{path}: expected one picture's path per line, found an empty file")
    named: dict[str, Path] = {}
    for picture in pictures:
        key = folded(picture.stem)  # names that a case-insensitive file system takes for the same
        if key in named:
            raise InputError(f"{path}: expected different names, found {named[key]} and {picture}")
        named[key] = picture
    return pictures


def format_faces(points_image: np.ndarray) -> str:
    """points_image (N, K, 2) as blocks of a .pts file, from the picture's right to its left."""
    return "".join(face_block(points, decimals=3) for points in points_image[right_to_left(points_image)])


def _check_texts(texts: list[Path]) -> None:
    """Raise OSError or InputError if a text could not be written, or would replace one that no earlier call wrote, such
    as a picture's labels."""
    for text in texts:
        check_target(text)
        if text.is_file() and read_head(text, len(FIRST_LINE)) not in (b"", FIRST_LINE.encode()):
            raise InputError(f"{text}: found a text that this command did not write; name another out_dir")


def _locate(picture: Path, folder: Path) -> Path:
    found = [candidate for candidate in (picture, folder / picture) if candidate.is_file()]
    if not found:
        raise InputError(f"{picture}: no such picture; expected a path from here or from {folder}")
    if not found[0].samefile(found[-1]):
        raise InputError(f"{picture}: expected one such picture, found one here and one in {folder}; give whole paths")
    return found[0]


if __name__ == "__main__":
    run_command(main)
