"""The verdict: pairs by seed, Student's interval, Holm's correction, and silence where nothing was learned."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.errors import InputError
from src.notebook.verdict import (
    LEARNED_NOTHING,
    NO_VERDICT,
    WITHIN_NOISE,
    change_on_faces,
    compare,
    judge,
    sentences,
    stability,
    with_mean_face,
)


def _rows(**values: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"way": way, "seed": seed, "nme": nme} for way, of_way in values.items() for seed, nme in enumerate(of_way)
    )


def test_a_difference_is_paired_by_seed() -> None:
    a, b = [3.0, 5.0, 4.0, 6.0], [2.5, 4.4, 3.6, 5.5]  # seeds differ by more than the rows do
    (row,) = compare(_rows(a=a, b=b), by="way", mean_face=10.0, against="a").to_dict("records")
    test = stats.ttest_rel(b, a)
    interval = test.confidence_interval(0.95)
    assert row["difference"] == pytest.approx(-0.5)
    assert (row["low"], row["high"], row["p"]) == pytest.approx((interval.low, interval.high, test.pvalue))
    assert (row["verdict"], row["against"], row["seeds"]) == ("lower", "a", 4)


def test_rows_are_paired_by_their_seed_and_not_by_their_place() -> None:
    rows = _rows(a=[3.0, 5.0, 4.0], b=[2.5, 4.4, 3.6])
    shuffled = rows.sort_values("nme", ignore_index=True)
    first = compare(rows, by="way", mean_face=10.0, against="a")
    pd.testing.assert_frame_equal(first, compare(shuffled, by="way", mean_face=10.0, against="a"))


def test_p_values_are_corrected_for_the_number_of_rows() -> None:
    rows = _rows(a=[3.0, 5.0, 4.0], b=[2.5, 4.4, 3.6], c=[3.1, 4.8, 4.1], d=[1.0, 3.1, 2.1])
    compared = compare(rows, by="way", mean_face=10.0, against="a").set_index("way")
    alone = {
        way: compare(rows[rows["way"].isin(["a", way])], by="way", mean_face=10.0, against="a")["p"].item()
        for way in "bcd"
    }
    assert compared.at["d", "p"] == pytest.approx(3 * alone["d"])
    assert compared.at["b", "p"] == pytest.approx(2 * alone["b"])
    assert compared.at["c", "p"] == pytest.approx(min(alone["c"], 1))
    assert compared.at["c", "verdict"] == WITHIN_NOISE
    assert compared.at["d", "verdict"] == "lower"


def test_steps_are_compared_with_the_one_above() -> None:
    compared = compare(_rows(a=[3.0, 5.0], b=[2.0, 4.1], c=[4.0, 6.2]), by="way", mean_face=None)
    assert compared[["way", "against"]].to_numpy().tolist() == [["b", "a"], ["c", "b"]]


def test_a_large_gap_that_seeds_do_not_share_is_noise() -> None:
    compared = compare(_rows(a=[3.0, 3.0, 3.0], b=[1.0, 3.2, 2.9]), by="way", mean_face=10.0, against="a")
    assert compared["difference"].item() < -0.5
    assert compared["verdict"].item() == WITHIN_NOISE
    assert "within noise" in sentences(compared)[0]


def test_many_comparisons_are_grouped_by_their_verdict() -> None:
    rows = _rows(a=[3, 4, 5], b=[1, 2, 3.01], c=[7, 8, 9.01], d=[3.1, 4.1, 4.8], e=[3.3, 3.8, 5])
    lower, higher, noise = sentences(compare(rows, by="way", mean_face=None, against="a"))
    assert lower.startswith("- Lower than a (Holm over 4, 3 seeds): b (-2.00, p = ")
    assert higher.startswith("- Higher than a (Holm over 4, 3 seeds): c (+4.00, p = ")
    assert noise.startswith("- Within noise of a (")
    assert all(f"{name} (" in noise for name in "de")


def test_nothing_is_said_near_the_mean_face() -> None:
    rows = _rows(a=[9.0, 9.1, 9.0], b=[8.5, 8.6, 8.5])
    compared = compare(rows, by="way", mean_face=10.0, against="a")
    assert compared["verdict"].tolist() == [NO_VERDICT]
    (line,) = sentences(compared)
    assert "mean face" in line
    assert compare(rows, by="way", mean_face=11.0, against="a")["verdict"].tolist() == ["lower"]


def test_one_seed_and_lacking_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="at least two seeds"):
        compare(_rows(a=[3.0], b=[2.0]), by="way", mean_face=10.0, against="a")
    with pytest.raises(InputError, match=r"same seeds.*b"):
        compare(_rows(a=[3.0, 4.0], b=[2.0]), by="way", mean_face=10.0, against="a")
    with pytest.raises(InputError, match="to compare with"):
        compare(_rows(a=[3.0, 4.0], b=[2.0, 1.0]), by="way", mean_face=10.0, against="z")
    with pytest.raises(InputError, match="two rows"):
        compare(_rows(a=[3.0, 4.0]), by="way", mean_face=10.0, against="a")
    with pytest.raises(InputError, match="one value for each"):
        compare(pd.concat([_rows(a=[3.0, 4.0], b=[1.0, 2.0])] * 2), by="way", mean_face=10.0, against="a")


def test_a_study_to_be_read_also_runs_with_one_seed_or_one_row() -> None:
    one_seed, one_row = _rows(a=[3.0], b=[2.0]), _rows(a=[3.0, 4.0])
    assert "one seed" in judge(one_seed, by="way", mean_face=10.0, against="a")[0]
    assert "single row" in judge(one_row, by="way", mean_face=10.0, against="a")[0]
    assert "one seed" in stability(one_seed, by="way")
    assert "single row" in stability(one_row, by="way")


def test_false_alarms_are_as_rare_as_promised() -> None:
    generator, wrong = np.random.default_rng(0), 0
    for _ in range(300):
        rows = _rows(**{name: list(generator.normal(5, 0.3, size=3)) for name in "abcd"})
        wrong += (compare(rows, by="way", mean_face=None, against="a")["verdict"] != WITHIN_NOISE).any()
    assert wrong <= 0.08 * 300


def test_the_mean_face_is_a_row_and_marks_what_learned_nothing() -> None:
    table = with_mean_face(pd.DataFrame({"way": ["a", "b"], "nme": [4.0, 6.0], "n": 3}), by="way", mean_face=10.0)
    assert table["n"].tolist() == [3, 3, pd.NA]
    assert table["way"].tolist() == ["a", "b", "mean face"]
    assert table["nme"].tolist() == [4.0, 6.0, 10.0]
    assert table["note"].tolist() == ["", LEARNED_NOTHING, ""]


def test_an_order_that_hangs_on_one_seed_is_called_so() -> None:
    assert "stays the same" in stability(_rows(a=[1.0, 1.1, 1.0], b=[2.0, 2.1, 2.2]), by="way")
    text = stability(_rows(a=[1.0, 1.0, 1.0], b=[0.0, 1.2, 1.1], c=[3.0, 3.0, 3.0]), by="way")
    assert all(words in text for words in ("not stable", "seed 0", "only c"))


@pytest.mark.parametrize(("shift", "verdict"), [(-0.5, "smaller"), (0.0, "noise"), (0.5, "larger")])
def test_a_change_on_the_same_faces_is_paired(shift: float, verdict: str) -> None:
    rng = np.random.default_rng(0)
    reference = rng.uniform(1, 9, size=(100, 1)) + rng.normal(0, 0.1, size=(100, 68))  # faces differ by more
    errors = reference + shift + rng.normal(0, 1, size=(100, 68))
    change = change_on_faces(errors, reference)
    assert change["change"] == pytest.approx(errors.mean() - reference.mean())
    assert change["low"] < change["change"] < change["high"]
    assert change["error is"] == verdict
