"""Landmark errors. NME is the challenge's: mean point error / sqrt(H * W) of the source picture, in percent."""

from dataclasses import dataclass

import numpy as np

from src.errors import InputError
from src.markup import OUTER_EYE_CORNERS, REGIONS, as_68

FAILURE = 5.0  # percent: a face with a larger NME has failed
_DRAWS = 2000  # of a bootstrap
_YAW_BINS = ((0, 30), (30, 60), (60, np.inf))  # degrees of |yaw|; the last one is shown as 60-90


def point_errors(prediction_image: np.ndarray, target_image: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Error of every point in percent of sqrt(H * W). Points (N, K, 2) in pixels, size (N, 2). Returns (N, K)."""
    return 100 * _distances(prediction_image, target_image) / np.sqrt(size.prod(axis=-1, dtype=np.float64))[:, None]


def _distances(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N, K) between points (N, K, 2) of any type: of small integers, a difference may not be one."""
    return np.linalg.norm(np.subtract(prediction, target, dtype=np.float64), axis=-1)


def nme(errors: np.ndarray) -> float:
    """Mean over the points, then over the pictures. errors: (N, K) in percent."""
    return float(errors.mean(axis=1).mean())


def interocular_errors(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Error in percent of the distance between the outer eye corners, as in 300-W.

    Points (N, K, 2) of a set of `src.markup.POINT_SETS`. Returns (N, K). Raises InputError if a face's corners
    coincide, as they may in profile: the error is then undefined.
    """
    left, right = np.moveaxis(as_68(target)[:, OUTER_EYE_CORNERS], 1, 0)
    eyes = np.linalg.norm(left - right, axis=-1)
    if not eyes.all():
        raise InputError(f"expected outer eye corners apart, found {(eyes == 0).sum()} faces whose corners coincide")
    return 100 * _distances(prediction, target) / eyes[:, None]


def box_errors(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Error in percent of sqrt(w * h) of the true points' box, as in papers on AFLW2000-3D (Zhu et al., 2016).

    Points (N, K, 2). Returns (N, K). Raises InputError if a face's points span no box.
    """
    side = np.sqrt(np.ptp(target, axis=1).prod(axis=-1, dtype=np.float64))
    if not side.all():
        raise InputError(f"expected points that span a box, found {(side == 0).sum()} faces that do not")
    return 100 * _distances(prediction, target) / side[:, None]


def mean_of_bins(errors: np.ndarray, yaw: np.ndarray) -> float:
    """The unweighted mean over the bins of |yaw|: those papers' "mean". NaN if a bin holds no face."""
    return float(np.mean([nme(errors[chosen]) if chosen.any() else np.nan for chosen in yaw_bins(yaw).values()]))


def nme_by_region(errors: np.ndarray) -> dict[str, float]:
    """NME of each facial region that the points (a set of `src.markup.POINT_SETS`) cover. errors: (N, K) in percent."""
    errors_68 = as_68(errors[..., None])[..., 0]
    parts = {name: errors_68[:, region] for name, region in REGIONS.items()}
    return {name: nme(part) for name, part in parts.items() if not np.isnan(part).all()}


def yaw_bins(yaw: np.ndarray) -> dict[str, np.ndarray]:
    """Which faces lie in each bin of |yaw|: the bin's name ("0-30") -> (N,) bool. yaw: (N,) in degrees."""
    turn = np.abs(yaw)
    return {f"{low}-{min(high, 90)}": (turn >= low) & (turn < high) for low, high in _YAW_BINS}


def nme_by_yaw(errors: np.ndarray, yaw: np.ndarray) -> dict[str, tuple[float, int]]:
    """NME and number of faces in each |yaw| bin; bins without a face are left out. yaw: (N,) in degrees."""
    bins = yaw_bins(yaw).items()
    return {name: (nme(errors[chosen]), int(chosen.sum())) for name, chosen in bins if chosen.any()}


def cumulative_errors(errors: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """CED: share of the pictures whose NME is at most each threshold. errors: (N, K) and thresholds in percent."""
    return (errors.mean(axis=1)[:, None] <= thresholds).mean(axis=0)


def auc(errors: np.ndarray, limit: float) -> float:
    """Area under the CED up to `limit` percent, as a share of the perfect area. Exact, no grid."""
    return float(np.clip(1 - errors.mean(axis=1) / limit, 0, None).mean())


def failure_rate(errors: np.ndarray, limit: float) -> float:
    """Share of the pictures whose NME exceeds `limit` percent, or is NaN."""
    return float((~(errors.mean(axis=1) <= limit)).mean())


def bootstrap_interval(errors: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the NME, by drawing pictures with replacement."""
    per_picture, count = errors.mean(axis=1), len(errors)
    generator = np.random.default_rng(seed)
    # One draw at a time: all of them for 100,000 pictures would take gigabytes.
    means = [per_picture[generator.integers(count, size=count)].mean() for _ in range(_DRAWS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class ReliabilityBin:
    """Faces of similar score: their number, their mean score, and the share whose prediction is good."""

    count: int
    score: float
    good: float


def reliability(score: np.ndarray, is_good: np.ndarray, *, bins: int = 5) -> list[ReliabilityBin]:
    """Bins of equally many faces, in order of the score. score (N,) in [0, 1]; is_good (N,) bool."""
    parts = np.array_split(np.argsort(score), min(bins, len(score)))
    return [ReliabilityBin(len(part), float(score[part].mean()), float(is_good[part].mean())) for part in parts]


def calibration_error(bins: list[ReliabilityBin]) -> float:
    """Mean |score - share of good predictions| over the faces (expected calibration error)."""
    return sum(part.count * abs(part.score - part.good) for part in bins) / sum(part.count for part in bins)
