"""The Predictor's thresholds and constants, for programs in other languages that do the same, such as docs/demo.

An .onnx file for crops holds them as JSON in its property `rules`. Lengths are shares of a square's side, angles are in
degrees, disagreements in percent of the side.
"""

import json

from src.boxes import KINDS, BoxKind
from src.datasets.pictures import SQUARE_SIZE
from src.markup import flip_permutation
from src.pose import camera_weights
from src.predict import detector, turns
from src.predict.confidence import EPSILON, SHIPPED, shipped_calibration
from src.predict.face import DOUBTFUL_BELOW, NOTHING_BELOW, UPSIDE_DOWN_ABOVE
from src.predict.looks import SMALLEST, TILT
from src.predict.predictor import SAME_FACE, SAME_HEAD, UPSIDE_DOWN_SCORE


def rules_text(points: int, convention: str) -> str:
    """The rules as JSON, for networks of 68 or 51 points in a convention (`src.network.conventions`)."""
    calibrations = {looks: shipped_calibration(looks, convention) for looks in SHIPPED}
    rules = {
        "square_size": SQUARE_SIZE,  # pixels
        "mirrored": flip_permutation(points).tolist(),
        "camera_weights": camera_weights(points).tolist(),  # (points, 3), of `src.pose.fit_pose`
        "smallest": SMALLEST,
        "tilt": TILT,
        "calibrations": {looks: [each.intercept, each.slope] for looks, each in calibrations.items()},
        "least_disagreement": EPSILON,
        "doubtful_below": DOUBTFUL_BELOW,
        "nothing_below": NOTHING_BELOW,
        "retry_below": turns.RETRY_BELOW,
        "retry_above": turns.RETRY_ABOVE,
        "nearly_agree": turns.NEARLY_AGREE,
        "turns": {
            "tilted_power": turns.TILTED_POWER,
            "beside_power": turns.BESIDE_POWER,
            "factor": turns.DOUBT_FACTOR,
            "clearly": turns.CLEARLY,
            "believable": turns.BELIEVABLE,
        },
        "upside_down_above": UPSIDE_DOWN_ABOVE,
        "upside_down_score": UPSIDE_DOWN_SCORE,
        "same_face": SAME_FACE,
        "same_head": SAME_HEAD,
        "kinds": {name: _kind(kind) for name, kind in (KINDS | {"blazeface": detector.BlazeFace.kind}).items()},
        "least_detection": detector.LEAST_SCORE,
        "least_in_tiles": detector.LEAST_IN_TILES,
        "trace": detector.TRACE,
        "sure_detection": detector.SURE,
        "same_detection": detector.OVERLAP,
        "tilted": detector.TILTED,
        "levels": detector.LEVELS,
        "smallest_tile": detector.SMALLEST_TILE,
        "small_face": detector.SMALL_FACE,
        "large_picture": detector.LARGE_PICTURE,  # pixels
    }
    return json.dumps(rules)


def _kind(kind: BoxKind) -> dict:
    return {"share": kind.share, "center": kind.center}
