"""Confidence by test-time augmentation: the probability that a prediction's NME is below 3 %, from how looks disagree.

The looks are those of `src.predict.looks`: at the crop, then at the upright, enlarged face. The probability is a
logistic function of the logarithm of their disagreement (Platt scaling: "Probabilistic Outputs for Support Vector
Machines", 1999). `src.evaluation.calibrate` fits its two parameters.
"""

from dataclasses import dataclass

import numpy as np

LIMIT = 3.0  # percent of the crop's side: a prediction with a smaller NME counts as good
EPSILON = 1e-3  # percent: smallest disagreement, so that its logarithm is finite


@dataclass(frozen=True)
class Calibration:
    """Probability of a good prediction = logistic(intercept + slope * log(disagreement in percent))."""

    intercept: float
    slope: float

    def score(self, disagreement: np.ndarray) -> np.ndarray:
        """Scores in (0, 1) from disagreements in percent of the crop's side, of any shape."""
        return 1 / (1 + np.exp(-(self.intercept + self.slope * log_disagreement(disagreement))))


# Of best.pth.tar, by the number of looks, fitted on rendered faces, which it never saw in training:
# python3 -m src.evaluation.calibrate, with --looks 2 for the first.
SHIPPED = {2: Calibration(intercept=1.95, slope=-2.14), 3: Calibration(intercept=1.60, slope=-2.70)}
# Of its other conventions, fitted on held-out photographs: the same command with --held_out and --convention.
_OTHER_CONVENTIONS = {
    "300w": {2: Calibration(intercept=3.27, slope=-2.79), 3: Calibration(intercept=2.83, slope=-3.59)},
}


def shipped_calibration(looks: int, convention: str) -> Calibration:
    """The calibration of best.pth.tar; a convention without its own uses that of the model's own convention."""
    return _OTHER_CONVENTIONS.get(convention, SHIPPED)[looks]


def disagreement(found_unit: np.ndarray) -> np.ndarray:
    """How far each look's points lie from those of the previous look: (B,) in percent of the crop's side.

    found_unit: (looks, B, 68, 2) from `src.predict.looks.look`, at least two looks. Distances of corresponding points
    are averaged; distances of several pairs of looks are combined by the power mean with exponent 1/2.
    """
    return _power_mean(_mean_distance(found_unit[:-1], found_unit[1:]))


def tilted_disagreement(found_unit: np.ndarray, points_unit: np.ndarray, tilted_unit: np.ndarray) -> np.ndarray:
    """`disagreement` that includes the distance of a tilted look's points from the looks' mean, both (B, 68, 2)."""
    distances = _mean_distance(found_unit[:-1], found_unit[1:])  # (looks - 1, B)
    return _power_mean(np.concatenate([distances, _mean_distance(points_unit, tilted_unit)[None]]))


def log_disagreement(disagreement: np.ndarray) -> np.ndarray:
    """The logarithm that scores are computed from, finite where looks agree exactly. disagreement: percent."""
    return np.log(np.maximum(disagreement, EPSILON))


def _mean_distance(first_unit: np.ndarray, second_unit: np.ndarray) -> np.ndarray:
    """Mean distance of corresponding points (..., K, 2): (...) in percent."""
    return 100 * np.linalg.norm(second_unit - first_unit, axis=-1).mean(axis=-1)


def _power_mean(distances: np.ndarray) -> np.ndarray:
    """With exponent 1/2, over the first axis: two looks that agree by chance lower it more than a plain mean."""
    return np.sqrt(distances).mean(axis=0) ** 2
