"""The style of a name: the same everywhere, and no two alike in one plot."""

from src.config import AUGMENTATIONS
from src.visualization.style import color, colors


def test_a_name_has_the_same_color_at_every_position() -> None:
    assert color("gray", 0) == color("gray", 5)
    assert color("something", 0) != color("something", 5)


def test_no_two_names_of_a_plot_share_a_color() -> None:
    at_its_own = list(AUGMENTATIONS).index("gray")
    names = [f"row {position}" for position in range(7)]
    names[(at_its_own + 1) % 7] = "gray"
    found = colors(names)
    assert len(set(found)) == len(names)
    assert found[names.index("gray")] == color("gray")
    assert found[0] == color("row 0", 0)  # who collides with nobody keeps the color of the position
