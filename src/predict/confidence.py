"""Confidence by test-time augmentation: the probability that a prediction's NME is below 3 %, from how looks disagree.

The looks are those of `src.predict.looks`: at the crop, then at the upright, enlarged face. The probability is a
logistic function of the logarithm of their disagreement (Platt scaling: "Probabilistic Outputs for Support Vector
Machines", 1999). `src.evaluation.calibrate` finds its two numbers.
"""

from dataclasses import dataclass

import numpy as np

from src.errors import InputError

LIMIT = 3.0  # percent of the crop's side: a prediction with a smaller NME counts as good
EPSILON = 1e-3  # percent: views that agree to the last digit
_PRIOR = 1e-3  # of the squared numbers: keeps a fit to separable faces finite
_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Calibration:
    """Probability of a good prediction = logistic(intercept + slope * log(disagreement in percent))."""

    intercept: float
    slope: float

    def score(self, disagreement: np.ndarray) -> np.ndarray:
        """Scores in (0, 1) from disagreements in percent of the crop's side, of any shape."""
        return 1 / (1 + np.exp(-(self.intercept + self.slope * _logarithm(disagreement))))


# Of best.pth.tar by the number of looks, on rendered faces, which it never saw in training:
# python3 -m src.evaluation.calibrate, with --looks 2 for the first
SHIPPED = {2: Calibration(intercept=2.04, slope=-2.03), 3: Calibration(intercept=1.89, slope=-2.60)}
# Of its other conventions, on photographs that these did not learn from: with --held_out and --convention.
_OTHER_CONVENTIONS = {
    "300w": {2: Calibration(intercept=3.52, slope=-2.67), 3: Calibration(intercept=3.17, slope=-3.22)},
}


def shipped_calibration(looks: int, convention: str) -> Calibration:
    """Of best.pth.tar; a convention that has no numbers of its own takes those of the model's."""
    return _OTHER_CONVENTIONS.get(convention, SHIPPED)[looks]


def disagreement(found_unit: np.ndarray) -> np.ndarray:
    """How far each look's points lie from those of the look before, (B,) in percent of the crop's side.

    found_unit: (looks, B, 68, 2), what `src.predict.looks.look` found, at least two. The mean distance of the same
    point; of several such distances the power mean of exponent 1/2.
    """
    return _power_mean(_mean_distance(found_unit[:-1], found_unit[1:]))


def tilted_disagreement(found_unit: np.ndarray, points_unit: np.ndarray, tilted_unit: np.ndarray) -> np.ndarray:
    """`disagreement` that counts in how far a tilted look's points lie from the looks' mean, both (B, 68, 2)."""
    distances = _mean_distance(found_unit[:-1], found_unit[1:])  # (looks - 1, B)
    return _power_mean(np.concatenate([distances, _mean_distance(points_unit, tilted_unit)[None]]))


def fit_calibration(disagreements: np.ndarray, is_good: np.ndarray) -> Calibration:
    """The most likely calibration, by Newton's method. disagreements (N,) in percent; is_good (N,) bool.

    Raises InputError unless there are good and bad predictions to tell apart.
    """
    if is_good.all() or not is_good.any():
        raise InputError(f"expected faces above and below {LIMIT:g} % NME, found one side alone; use other faces")
    inputs = np.stack([np.ones(len(is_good)), _logarithm(disagreements)], axis=1)  # (N, 2)
    numbers = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-inputs @ numbers))
        gradient = inputs.T @ (is_good - probability) - _PRIOR * numbers
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs + _PRIOR * np.eye(2)
        numbers = numbers + np.linalg.solve(curvature, gradient)
    return Calibration(float(numbers[0]), float(numbers[1]))


@dataclass(frozen=True)
class ReliabilityBin:
    """Faces of similar score: how many, their mean score, and the share that is good indeed."""

    count: int
    score: float
    good: float


def reliability(score: np.ndarray, is_good: np.ndarray, *, bins: int = 5) -> list[ReliabilityBin]:
    """Equally filled bins in order of the score. score (N,) in [0, 1]; is_good (N,) bool."""
    parts = np.array_split(np.argsort(score), min(bins, len(score)))
    return [ReliabilityBin(len(part), float(score[part].mean()), float(is_good[part].mean())) for part in parts]


def calibration_error(bins: list[ReliabilityBin]) -> float:
    """Mean |score - share of good predictions| over the faces (expected calibration error)."""
    return sum(part.count * abs(part.score - part.good) for part in bins) / sum(part.count for part in bins)


def _mean_distance(first_unit: np.ndarray, second_unit: np.ndarray) -> np.ndarray:
    """Between the same points of (..., K, 2): (...) in percent."""
    return 100 * np.linalg.norm(second_unit - first_unit, axis=-1).mean(axis=-1)


def _power_mean(distances: np.ndarray) -> np.ndarray:
    """Of exponent 1/2 over the first axis, so that no two looks that agree by chance hide two that do not."""
    return np.sqrt(distances).mean(axis=0) ** 2


def _logarithm(disagreements: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(disagreements, EPSILON))
