"""The style of a name: the same everywhere, and no two alike in one plot."""

import pytest

from src.config import AUGMENTATIONS
from src.network.backbones import BACKBONES
from src.network.heads import HEADS
from src.visualization.style import color, figure, mark_mean_face, plot_style, plot_styles, title


@pytest.mark.parametrize("names", [BACKBONES, HEADS])
def test_no_two_names_of_a_kind_look_alike(names: dict[str, object]) -> None:
    styles = [tuple(plot_style(name).items()) for name in names]
    assert len(set(map(str, styles))) == len(styles)


def test_a_known_name_looks_the_same_at_every_position() -> None:
    assert plot_style("pip", 0) == plot_style("pip", 3)
    assert plot_style("something else", 0) != plot_style("something else", 1)


def test_titles_tell_the_count_and_the_seeds() -> None:
    assert title("Error", n=5, seeds=[1, 2]) == "Error\n(n = 5 validation faces, seeds 1, 2)"
    assert title("Error", n=5, seeds=[1]).endswith("seed 1)")
    assert title("Error", n=5, seeds=3, of="faces").endswith("(n = 5 faces, seed 3)")


def test_no_two_names_of_a_plot_share_a_color() -> None:
    at_its_own = list(AUGMENTATIONS).index("gray")
    names = [f"row {position}" for position in range(7)]
    names[(at_its_own + 1) % 7] = "gray"
    found = [style["color"] for style in plot_styles(names).values()]
    assert len(set(found)) == len(names)
    assert found[names.index("gray")] == color("gray")
    assert found[0] == color("row 0", 0)  # who collides with nobody keeps the color of the position


@pytest.mark.parametrize(("nme", "is_drawn"), [(6.0, True), (9.0, False)])
def test_a_mean_face_far_above_the_rest_does_not_squeeze_it(nme: float, is_drawn: bool) -> None:
    with figure() as (drawing, axes):
        axes.plot([1, 2], [4.0, 3.0])
        mark_mean_face(axes, nme)
        drawing.canvas.draw()
        assert (axes.get_ylim()[1] > nme) == is_drawn
        assert f"mean face ({nme:.2f})" in axes.get_legend_handles_labels()[1][-1]
