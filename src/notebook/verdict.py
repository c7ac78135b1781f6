"""Whether the rows of a study differ: the only place that decides this, for every notebook and page.

Rows are compared seed by seed, because rows of one seed share their faces, their order and their initial weights. The
mean difference comes with Student's t interval and the p-value of the paired t test, corrected by Holm ("A Simple
Sequentially Rejective Multiple Test Procedure", 1979) for the number of rows compared. If the best row is hardly better
than the mean face, nothing has been learned that could be compared, and there is no verdict.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from src.errors import InputError
from src.metrics import bootstrap_interval, nme

LEVEL = 0.05  # of significance; intervals have 1 - LEVEL
NEAR_MEAN_FACE = 0.8  # of the mean face's error: if the best row is above it, there is nothing to compare
HALF_MEAN_FACE = 0.5  # of the mean face's error: a row above it has learned nothing
_SINGLE = 3  # up to this number, each comparison gets its own sentence
WITHIN_NOISE, NO_VERDICT, LEARNED_NOTHING = "within noise", "no verdict", "learned nothing"


def compare(
    rows: pd.DataFrame, *, by: str, mean_face: float | None, against: str | None = None, value: str = "nme"
) -> pd.DataFrame:
    """Compare every row of a study with one of them, or with the row above it.

    rows: one line per row and seed, columns `by`, "seed" and `value`. against: the row that the others are compared
    with, chosen in advance; None compares each with the row above. mean_face: NME of the mean face in percent, None if
    `value` is not an NME.
    Returns one line per comparison with columns `by`, "against", "seeds", "difference" (mean over the seeds of
    `by` - "against"), "low" and "high" (95 % interval), "p" (corrected by Holm) and "verdict": lower, higher, within
    noise, no verdict. Raises InputError for a single seed, for rows with different seeds, and for a single row.
    """
    table = _by_seed(rows, by=by, value=value)
    names = list(table.columns)
    if against is not None and against not in names:
        raise InputError(f"expected one of {', '.join(map(str, names))} to compare with, found {against!r}")
    if len(names) < 2:
        raise InputError(f"expected at least two rows to compare, found {len(names)}")
    pairs = (
        list(zip(names[1:], names, strict=False)) if against is None else [(n, against) for n in names if n != against]
    )
    tests = [_paired(table[row].to_numpy() - table[other].to_numpy()) for row, other in pairs]
    result = pd.DataFrame(
        {
            by: [row for row, _ in pairs],
            "against": [other for _, other in pairs],
            "seeds": len(table),
            **{name: [test[i] for test in tests] for i, name in enumerate(("difference", "low", "high"))},
            "p": _holm([test[3] for test in tests]),
        }
    )
    learned = mean_face is None or table.mean().min() <= NEAR_MEAN_FACE * mean_face
    direction = np.where(result["difference"] < 0, "lower", "higher")
    result["verdict"] = np.where(result["p"] < LEVEL, direction, WITHIN_NOISE) if learned else NO_VERDICT
    return result


def sentences(compared: pd.DataFrame) -> list[str]:
    """The results of `compare` as sentences that claim no more, each beginning with "- ".

    Up to three comparisons get one line each; more are grouped by their verdict.
    """
    by, rows = compared.columns[0], compared.to_dict("records")
    if (compared["verdict"] == NO_VERDICT).all():
        return ["- No verdict: no row lies 20 % below the mean face, so nothing was learned that could be compared."]
    corrected = f"Holm over {len(rows)}, {rows[0]['seeds']} seeds" if len(rows) > 1 else f"{rows[0]['seeds']} seeds"
    if len(rows) <= _SINGLE:
        return [
            f"- {row[by]} against {row['against']}: {row['difference']:+.2f} (95 % interval {row['low']:+.2f} to "
            f"{row['high']:+.2f}; p = {row['p']:.2g}, {corrected}): {row['verdict']}."
            for row in rows
        ]
    other = rows[0]["against"] if compared["against"].nunique() == 1 else "the row above"
    lines = []
    for verdict, start in (("lower", "Lower than"), ("higher", "Higher than"), (WITHIN_NOISE, "Within noise of")):
        found = [
            f"{row[by]} ({row['difference']:+.2f}, p = {row['p']:.2g})" for row in rows if row["verdict"] == verdict
        ]
        if found:
            lines.append(f"- {start} {other} ({corrected}): {'; '.join(found)}.")
    return lines


def judge(rows: pd.DataFrame, **how: object) -> list[str]:
    """`sentences` of `compare`, or why there is no verdict: notebooks may also run with a single seed or row.

    how: `by`, `against`, `mean_face` and `value` of `compare`.
    """
    if rows[how["by"]].nunique() < 2:
        return ["- No verdict: a single row has nothing to be compared with."]
    if rows["seed"].nunique() < 2:
        return ["- No verdict: one seed cannot tell a difference from chance; set seeds to several."]
    return sentences(compare(rows, **how))


def change_on_faces(errors: np.ndarray, reference: np.ndarray, *, seed: int = 0) -> dict[str, object]:
    """How a finished model differs from another on the same faces, which says nothing about another training run.

    errors and reference: (N, K) in percent, the faces in the same order. seed: of the bootstrap.
    Returns "change" (of the NME, from the reference's), the ends "low" and "high" of its 95 % interval over the faces,
    and "error is": smaller, larger, or noise if the interval includes 0.
    """
    low, high = bootstrap_interval(errors - reference, seed=seed)
    verdict = "noise" if low <= 0 <= high else "smaller" if high < 0 else "larger"
    return {"change": nme(errors - reference), "low": low, "high": high, "error is": verdict}


def with_mean_face(table: pd.DataFrame, *, by: str, mean_face: float, value: str = "nme") -> pd.DataFrame:
    """The table with the mean face as its last row and a column "note" that marks rows that have learned nothing.

    A row has learned something if its `value` lies below half of the mean face's.
    """
    noted = table.assign(note=np.where(table[value] > HALF_MEAN_FACE * mean_face, LEARNED_NOTHING, ""))
    result = pd.concat([noted, pd.DataFrame([{by: "mean face", value: mean_face, "note": ""}])], ignore_index=True)
    whole = table.select_dtypes("integer").columns.drop(by, errors="ignore")
    return result.astype(dict.fromkeys(whole, "Int64"))  # counts stay integers although the last row lacks them


def stability(rows: pd.DataFrame, *, by: str) -> str:
    """One line, beginning with "- ": whether the order of the rows stays the same when any one seed is left out."""
    if rows[by].nunique() < 2:
        return "- A single row has no order."
    if rows["seed"].nunique() < 2:
        return "- The order is that of one seed."
    table = _by_seed(rows, by=by, value="nme")
    whole = _order(table)
    orders = {seed: _order(table.drop(index=seed)) for seed in table.index}
    changed = [str(seed) for seed, order in orders.items() if order != whole]
    if not changed:
        return "- The order stays the same when any one seed is left out."
    kept = [name for place, name in enumerate(whole) if all(order[place] == name for order in orders.values())]
    places = f"; only {', '.join(kept)} keep their place" if kept else ""
    return f"- The order is not stable: it changes when seed {' or '.join(changed)} is left out{places}."


def _order(table: pd.DataFrame) -> list[str]:
    """The names of a table of `_by_seed` in order of their mean."""
    return list(table.mean().sort_values(kind="stable").index)


def _by_seed(rows: pd.DataFrame, *, by: str, value: str) -> pd.DataFrame:
    """The values with one line per seed and one column per row of the study, in order of appearance."""
    if rows.duplicated([by, "seed"]).any():
        raise InputError(f"expected one value for each {by} and seed, found several")
    table = rows.pivot(index="seed", columns=by, values=value)[list(dict.fromkeys(rows[by]))]
    if len(table) < 2:
        raise InputError("a verdict expects at least two seeds, found one; set seeds to several")
    lacking = table.columns[table.isna().any()]
    if len(lacking):
        raise InputError(
            f"expected every row with the same seeds, found some missing of {', '.join(map(str, lacking))}"
        )
    return table


def _paired(differences: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, the ends of its interval, and p of the two-sided t test that it is 0. differences: (seeds,)."""
    mean, error = differences.mean(), stats.sem(differences)
    if error == 0:
        return mean, mean, mean, float(mean == 0)
    reach = stats.t.ppf(1 - LEVEL / 2, len(differences) - 1) * error
    return mean, mean - reach, mean + reach, 2 * stats.t.sf(abs(mean) / error, len(differences) - 1)


def _holm(p: Sequence[float]) -> np.ndarray:
    """Holm's correction: the smallest of n p-values times n, the next times n - 1, and so on, never decreasing."""
    order = np.argsort(p)
    corrected = np.maximum.accumulate(np.asarray(p)[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1)
    return result
