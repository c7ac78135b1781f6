"""One found face: points, score, box, head pose and eyes, which can be drawn and turned into a plain dictionary."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from src.boxes import box_of_points
from src.pose import fit_pose, in_plane_rotation
from src.predict.drawing import draw_faces
from src.predict.eyes import eye_openness
from src.predict.picture_input import Picture, read_picture
from src.predict.search import Region
from src.predict.turns import turned

DOUBTFUL_BELOW = 0.5  # score: below it, points are drawn in another color
UPSIDE_DOWN_ABOVE = 120.0  # degrees of in-plane rotation
NOTHING_BELOW = 0.1  # score: below it, a detection is taken to be no face


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """A face in a picture. All coordinates are pixels of the picture (`src.geometry`: centers at .5).

    points: (68, 2). score: the probability that their NME is below 3 %. box: (4,) left, top, right, bottom, as given or
    detected, else that of the points. pose: (3,) pitch, yaw, roll in degrees (`src.pose`, but with a roll in
    (-180, 180], which covers heads that are sideways or upside down). eyes: (2,) aspect ratios (`src.predict.eyes`) of
    points 36-41 and of 42-47; NaN for a hidden eye. picture: the one that the face was found in.
    """

    points: np.ndarray
    score: float
    box: np.ndarray
    pose: np.ndarray
    eyes: np.ndarray
    picture: Image.Image

    def __repr__(self) -> str:
        box = ", ".join(f"{value:.0f}" for value in self.box)
        pitch, yaw, roll = self.pose
        return f"Face(score={self.score:.2f}, box=({box}), pitch={pitch:.0f}, yaw={yaw:.0f}, roll={roll:.0f})"

    @property
    def is_doubtful(self) -> bool:
        return self.score < DOUBTFUL_BELOW

    @property
    def is_upside_down(self) -> bool:
        """Whether the head is rotated by more than `UPSIDE_DOWN_ABOVE` in the picture's plane."""
        return bool(abs(in_plane_rotation(self.pose)) > UPSIDE_DOWN_ABOVE)

    def plot(self, picture: Picture | None = None) -> Image.Image:
        """A copy of `picture`, by default its own, with this face drawn on it; to draw several, pass the last plot.

        picture: anything that `src.predict.picture_input.read_picture` takes, such as an image that EXIF turns.
        """
        return draw_faces(self.picture if picture is None else read_picture(picture), [self])

    def to_dict(self) -> dict:
        """Plain numbers and lists, ready for JSON; a hidden eye is None."""
        eyes = [None if np.isnan(ratio) else round(float(ratio), 4) for ratio in self.eyes]
        return {
            "score": round(self.score, 4),
            "doubtful": self.is_doubtful,
            "box": [round(float(value), 2) for value in self.box],
            "pose": dict(zip(("pitch", "yaw", "roll"), (round(float(angle), 2) for angle in self.pose), strict=True)),
            "eyes": dict(zip(("left", "right"), eyes, strict=True)),
            "points": [[round(float(value), 3) for value in point] for point in self.points],
        }


def make_face(points_image: np.ndarray, score: float, roll: float, region: Region) -> Face:
    """The face of a region from points_image (68, 2) that were found in a view rotated by `roll` degrees."""
    pose = pose_of_points(points_image, roll)
    box = box_of_points(points_image) if region.is_crop else region.box
    return Face(points_image, float(score), box, pose, eye_openness(points_image, pose[1]), region.picture)


def pose_of_points(points_image: np.ndarray, roll: float) -> np.ndarray:
    """Pitch, yaw and roll (3,) in degrees of points_image (68, 2) that are about upright once `roll` is undone."""
    pitch, yaw, rest = fit_pose(turned(points_image, roll)[None])[0]
    return np.array([pitch, yaw, 180 - (180 - rest - roll) % 360])
