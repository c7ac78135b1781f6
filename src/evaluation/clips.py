"""How well faces are tracked in videos: python3 -m src.evaluation.clips FOLDER, of annotated crops.

Crops move across photographs without faces: in two clips two faces cross, in one a cut leads from one face to two
others, in one a face leaves and comes back from the other side; in two more, small faces do all of this. Printed for
each clip: the number of frames with the right number of faces, the number of tracks, and how many of those end on
another face than they began on.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image

from src.boxes import affine_of_crop, crop_of_picture, cut_crop
from src.command_line import progress, run_command
from src.demo.tracking import Tracker
from src.errors import InputError
from src.evaluation.scenes import EDGE, background, read_crops, soft_disc
from src.geometry import apply_affine
from src.parser import Parser, add_convention, add_model_path, at_least, title
from src.predict.predictor import Predictor

_SIZE, _WIDE = (640, 480), (1280, 720)  # pixels; the second is for small faces
_FRAMES = 122  # per clip
_SECONDS = 1 / 25  # per frame
_RADIUS = 0.5 - EDGE  # of the disc that a pasted crop covers, relative to the crop's side
_SEEN, _HIDDEN = 0.8, 0.2  # share of a face's points in view: with more it must be found, with less it must not
_USED = 7  # crops
_LEFT, _RIGHT = (0, 90), (350, 70)  # top left corners of the crops between which crossing faces move, in pixels
_FAR_LEFT, _FAR_RIGHT = (300, 250), (620, 240)  # the same for small faces


@dataclass(frozen=True)
class MovingFace:
    """A square crop with points (68, 2) in its pixels. Its top left corner moves from start to end, (2,) each."""

    crop: Image.Image
    points: np.ndarray
    start: np.ndarray
    end: np.ndarray


@dataclass(frozen=True)
class Frame:
    """A picture with the points_image (68, 2) of its faces, and the share of each one's points that is in view."""

    picture: Image.Image
    points_image: list[np.ndarray]
    in_view: list[float]

    def is_right(self, count: int) -> bool:
        """Whether finding `count` faces is right. A partly covered face may count or not."""
        return sum(share >= _SEEN for share in self.in_view) <= count <= sum(share > _HIDDEN for share in self.in_view)


@dataclass(frozen=True)
class TrackingResult:
    """right: number of frames with the right number of faces. switched: number of tracks that end on another face than
    they began on."""

    frames: int
    right: int
    tracks: int
    switched: int


def move(ground: Image.Image, faces: list[MovingFace], frames: int) -> Iterator[Frame]:
    """The frames of faces that move over a background picture, the last face in front of the others."""
    for step in np.linspace(0, 1, frames):
        picture, placed, in_view = ground.copy(), [], []
        corners = [np.round(face.start + step * (face.end - face.start)) for face in faces]
        for i, (face, corner) in enumerate(zip(faces, corners, strict=True)):
            picture.paste(face.crop, tuple(corner.astype(int)), soft_disc(face.crop.width))
            placed.append(face.points + corner)
            is_seen = ((placed[-1] >= 0) & (placed[-1] < ground.size)).all(axis=1)  # (68,)
            for front, its_corner in zip(faces[i + 1 :], corners[i + 1 :], strict=True):
                middle = its_corner + front.crop.width / 2
                is_seen &= np.linalg.norm(placed[-1] - middle, axis=1) > _RADIUS * front.crop.width
            in_view.append(float(is_seen.mean()))
        yield Frame(picture, placed, in_view)


def clips(crops: list[Image.Image], points_image: np.ndarray, rng: np.random.Generator) -> dict[str, Iterator[Frame]]:
    """The clips by name. crops: seven pictures, with points_image (7, 68, 2)."""

    def face(i: int, side: int, start: tuple[float, float], end: tuple[float, float]) -> MovingFace:
        crop_box = crop_of_picture(*crops[i].size)
        square = Image.fromarray(cut_crop(crops[i], crop_box, side))
        points = side * apply_affine(affine_of_crop(crop_box), points_image[i])
        return MovingFace(square, points, np.array(start, float), np.array(end, float))

    grounds = [background(*_SIZE, rng) for _ in range(5)] + [background(*_WIDE, rng) for _ in range(3)]
    half, rest = _FRAMES // 2, _FRAMES - _FRAMES // 2
    return {
        "crossing": move(grounds[0], [face(0, 250, _RIGHT, _LEFT), face(1, 300, _LEFT, _RIGHT)], _FRAMES),
        "crossing again": move(grounds[1], [face(2, 270, _LEFT, _RIGHT), face(3, 280, _RIGHT, _LEFT)], _FRAMES),
        "cut": chain(
            move(grounds[2], [face(4, 280, (60, 100), (200, 120))], half),
            move(grounds[3], [face(5, 260, _LEFT, (60, 90)), face(6, 260, (360, 100), (320, 140))], rest),
        ),
        "leaving, coming back": chain(
            move(grounds[4], [face(4, 280, (180, 100), (_SIZE[0] + 40, 100))], half),
            move(grounds[4], [face(4, 280, (-320, 120), (200, 120))], rest),
        ),
        "small, crossing": move(
            grounds[5],
            [
                face(0, 90, _FAR_LEFT, _FAR_RIGHT),
                face(1, 110, _FAR_RIGHT, _FAR_LEFT),
                face(2, 80, (900, 500), (980, 420)),
            ],
            _FRAMES,
        ),
        "small, cut, leaving, coming back": chain(
            move(grounds[6], [face(3, 100, (200, 400), (300, 380)), face(4, 90, (800, 200), (700, 240))], half // 2),
            move(grounds[7], [face(5, 80, (300, 300), (340, 320)), face(6, 100, (1000, 200), (1300, 200))], half),
            move(grounds[7], [face(5, 80, (340, 320), (380, 300)), face(6, 100, (-120, 400), (200, 400))], half),
        ),
    }


def follow(predictor: Predictor, frames: Iterable[Frame]) -> TrackingResult:
    """Run the tracker over a clip and count its errors."""
    tracker = Tracker(predictor)
    count, right = 0, 0
    first: dict[int, int] = {}  # a track's number -> the face that it began on
    last: dict[int, int] = {}
    for frame in frames:
        count += 1
        tracks = [track for track in tracker.update(frame.picture, _SECONDS) if not track.is_lost]
        right += frame.is_right(len(tracks))
        for track in tracks:
            errors = np.linalg.norm(np.stack(frame.points_image) - track.face.points, axis=2).mean(axis=1)
            last[track.number] = int(errors.argmin())
            first.setdefault(track.number, last[track.number])
    return TrackingResult(count, right, len(first), sum(first[number] != last[number] for number in first))


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    parser.add_argument("folder", type=Path, help="crops with an annot.pkl")
    add_model_path(parser)
    add_convention(parser)
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the faces and the photographs")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    rng = np.random.default_rng(arguments.seed)
    crops, points_image = read_crops(arguments.folder)
    predictor = Predictor(arguments.model_path, convention=arguments.convention)
    # A second face in a crop would be found in its clips, too, and rightly.
    alone = (i for i in rng.permutation(len(crops)) if len(predictor.faces(crops[i])) < 2)
    chosen = list(islice(alone, _USED))
    if len(chosen) < _USED:
        raise InputError(f"{arguments.folder}: expected {_USED} crops with one face, found {len(chosen)}")
    made = clips([crops[i] for i in chosen], points_image[chosen], rng)
    bar = progress(made.items(), desc="tracking", unit="clip")
    results = {name: follow(predictor, frames) for name, frames in bar}
    for name, result in results.items():
        print(
            f"{name}: {result.right} of {result.frames} frames right, {result.tracks} tracks, "
            f"{result.switched} of them switched"
        )
    right, total = sum(result.right for result in results.values()), sum(result.frames for result in results.values())
    print(f"{right} of {total} frames have the right number of faces")


if __name__ == "__main__":
    run_command(main)
