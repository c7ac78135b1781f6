"""What is said of a round."""

from src.autolabel.rounds import Round, describe


def test_an_error_of_no_label_is_told_without_a_number() -> None:
    nan = float("nan")
    errors = {"held_out_nme": 3.0, "certain_nme": 3.0, "uncertain_nme": nan, "pseudo_nme": 2.0, "left_out_nme": nan}
    line = describe(Round(round=1, human=5, pseudo=7, refined=0, moved=nan, steps=10, **errors))
    assert line.count("none") == 2
    assert "nan" not in line
