"""Summaries of a model's errors: over all faces, by region of the face, by head pose."""

from typing import TYPE_CHECKING

import numpy as np

from src.markup import REGIONS
from src.metrics import (
    FAILURE,
    auc,
    bootstrap_interval,
    failure_rate,
    mean_of_bins,
    nme,
    nme_by_region,
    nme_by_yaw,
    yaw_bins,
)

if TYPE_CHECKING:
    import pandas as pd


def error_summary(errors: np.ndarray) -> dict[str, float]:
    """nme, low and high (its 95 % interval) and failures, all in percent. errors: (N, K) in percent."""
    low, high = bootstrap_interval(errors)
    return {"nme": nme(errors), "low": low, "high": high, "failures": 100 * failure_rate(errors, FAILURE)}


def describe_errors(errors: np.ndarray, yaw: np.ndarray) -> str:
    """NME with its interval, by region and by |yaw|, failures and AUC, as lines to print.

    errors: (N, 68) in percent. yaw: (N,) in degrees.
    """
    summary = error_summary(errors)
    regions = ", ".join(f"{name} {value:.2f}" for name, value in nme_by_region(errors).items())
    bins = ", ".join(f"{name} {value:.2f} (n={count})" for name, (value, count) in nme_by_yaw(errors, yaw).items())
    mean = mean_of_bins(errors, yaw)
    return (
        f"NME {summary['nme']:.3f} % of {len(errors)} faces "
        f"(95 % interval {summary['low']:.3f}-{summary['high']:.3f})\n"
        f"  by region: {regions}\n"
        f"  by |yaw|:  {bins}{'' if np.isnan(mean) else f'; mean of the bins {mean:.2f}'}\n"
        f"  failures above {FAILURE:g} %: {summary['failures']:.1f} %, AUC {auc(errors, FAILURE):.3f}"
    )


def error_table(errors: np.ndarray, yaw: np.ndarray) -> "pd.DataFrame":
    """NME in percent: one row for all faces and one per bin of |yaw|; columns faces (their number), all, regions.

    errors: (N, 68) in percent. yaw: (N,) in degrees. A bin without a face holds NaN.
    """
    import pandas as pd  # test.py, which prints no table, begins earlier without it

    bins = {"all": np.ones(len(yaw), bool)} | yaw_bins(yaw)
    rows = []
    for chosen in bins.values():
        values = {"all": nme(errors[chosen])} | nme_by_region(errors[chosen]) if chosen.any() else {}
        rows.append({"faces": int(chosen.sum())} | values)
    return pd.DataFrame(rows, columns=["faces", "all", *REGIONS], index=pd.Index(bins, name="|yaw|"))
