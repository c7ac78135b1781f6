"""Two conventions on the same faces: who is held out, and errors by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.conventions import describe, errors_of, of_sources, split
from src.markup import INNER_51


def _named(faces: PreparedFaces, names: list[str]) -> PreparedFaces:
    return replace(faces.take(np.arange(len(names))), names=np.array(names))


@pytest.fixture
def faces(prepared: Path) -> PreparedFaces:
    return load_prepared(prepared / "AFLW_train_data")


def test_neighbors_are_held_out_together_and_the_choice_is_always_the_same(faces: PreparedFaces) -> None:
    names = [f"folder/helen_{number:05d}.jpg" for number in range(4230, 4270)]
    training, held_out = split(_named(faces, names))
    assert len(training) + len(held_out) == 40
    assert not {name[:-5] for name in training.names} & {name[:-5] for name in held_out.names}
    other = split(_named(faces, [name.replace("folder", "elsewhere") for name in reversed(names)]))[1]
    assert {Path(name).name for name in other.names} == {Path(name).name for name in held_out.names}


def test_too_few_faces_to_hold_some_out_are_refused(faces: PreparedFaces) -> None:
    with pytest.raises(InputError, match="to hold out a tenth"):
        split(_named(faces, ["a1.jpg", "a2.jpg"]))


def test_faces_are_chosen_by_how_their_names_begin(faces: PreparedFaces) -> None:
    named = _named(faces, ["x/ytf_1.jpg", "x/helen_1.jpg", "y/afw_2.jpg", "x/helen_3.jpg"])
    assert list(of_sources(named, ["helen", "afw"]).names) == ["x/helen_1.jpg", "y/afw_2.jpg", "x/helen_3.jpg"]
    assert len(of_sources(named, [])) == 4
    with pytest.raises(InputError, match="expected faces of lfpw, found those of afw, helen, ytf"):
        of_sources(named, ["lfpw", "afw"])
    with pytest.raises(InputError, match="expected faces with the 68 points of the model, found 51"):
        of_sources(named.with_points(51), [])


def test_errors_and_their_difference_by_hand(faces: PreparedFaces) -> None:
    few = _named(faces, ["x/a_1.png", "x/b_1.png"])
    moved = few.points_unit + np.array([0.01, 0])  # of a square as large as the picture
    errors = errors_of(moved, few)
    np.testing.assert_allclose(errors["of the crop's side, 68 points"], 1.0, rtol=1e-4)
    eyes = np.linalg.norm(few.points_unit[:, 36] - few.points_unit[:, 45], axis=-1)
    inner = errors["inter-ocular, 51 inner points"]
    np.testing.assert_allclose(inner, np.repeat(1 / eyes[:, None], len(INNER_51), axis=1), rtol=1e-4)
    lines = list(describe(errors, {unit: values / 2 for unit, values in errors.items()}, np.array(["a", "b"])))
    assert (
        lines[0]
        == "  of the crop's side, 68 points: 1.000 -> 0.500 (0.500-0.500), difference -0.500 (-0.500 to -0.500)"
    )
    assert lines[3].startswith("  a (n=1): 1.00 -> 0.50, ")
