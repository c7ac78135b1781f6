"""From a label file's coordinates to the picture's: stated sizes, frames that nobody states, placeholders."""

from pathlib import Path

import numpy as np
import pytest
from dotted import assert_dots_and_points_stay_together, store
from PIL import Image
from stand_in import gaussian_dot, project, random_euler

from src.datasets.faces import Coordinates, Faces
from src.datasets.frames import settle
from src.errors import InputError
from src.geometry import apply_affine, invert_affine, orientation_affine


# What a label file states of its picture's size; the picture is stored as 160 x 120 and shown as said.
@pytest.mark.parametrize(
    ("orientation", "stated", "words"),
    [
        (1, (160, 120), ""),
        (6, (120, 160), ""),
        (6, (160, 120), "turned"),
        (5, (160, 120), "turned"),
        (1, (320, 240), "rescaled"),
        (6, (320, 240), "turned rescaled"),
        (1, (120, 160), "fault"),
        (1, (200, 120), "fault"),
        (3, (160, 120), "unsaid"),
        (8, (np.nan, np.nan), "unsaid"),
    ],
)
def test_the_stated_size_is_held_against_the_pictures(
    orientation: int, stated: tuple[float, float], words: str, tmp_path: Path
) -> None:
    shown_size = (120, 160) if orientation > 4 else (160, 120)
    face = project(random_euler(1))[0] * 100 + 5
    dot = gaussian_dot(shown_size, tuple(face[30]), sigma=2.0)
    store(tmp_path / "a.png", Image.fromarray(dot).convert("RGB"), orientation)
    written = face
    if "turned" in words:
        x, y = face.T
        written = np.column_stack({5: (y, x), 6: (y, 120 - x)}[orientation])
    if "rescaled" in words:
        written = written * 2
    read = Faces(tmp_path, np.array(["a.png"]), written[None], coordinates=Coordinates(stated_size=np.array([stated])))
    settled = settle(read, rescale="rescaled" in words)
    if words == "fault":
        assert "its labels state a picture of" in settled.faults[0]
        return
    assert settled.faults.tolist() == [""]
    np.testing.assert_allclose(settled.points_image[0], face, atol=1e-6)
    remarks = " ".join(settled.remarks)
    assert ("stored pixels" in remarks) == ("turned" in words)
    assert ("read as shown" in remarks) == (words == "unsaid")
    if "rescaled" in words:
        assert "set rescale" in settle(read).faults[0]
    assert_dots_and_points_stay_together(settled, "whole")


@pytest.mark.parametrize("stated", [None, np.full((1, 2), np.nan)])
def test_labels_without_a_stated_size_cannot_be_rescaled(stated: np.ndarray | None, tmp_path: Path) -> None:
    Image.new("RGB", (320, 240)).save(tmp_path / "a.png")
    face = project(np.zeros((1, 3))) * 100
    read = Faces(tmp_path, np.array(["a.png"]), face, coordinates=Coordinates(stated_size=stated))
    with pytest.raises(InputError, match="rescale expects labels that state their picture's size"):
        settle(read, rescale=True)
    np.testing.assert_allclose(settle(read).points_image, face)


def test_where_the_size_does_not_tell_the_frame_is_asked_for(tmp_path: Path) -> None:
    face = np.random.default_rng(0).uniform(30, 90, size=(68, 2))
    store(tmp_path / "a.png", Image.new("RGB", (120, 160)), 6)
    read = Faces(tmp_path, np.array(["a.png"]), face[None])
    np.testing.assert_allclose(settle(read, frame="stored").points_image[0, 0], [120 - face[0, 1], face[0, 0]])
    sizes = Coordinates(stated_size=np.array([[160.0, 120.0], [np.nan, np.nan]]))
    mixed = Faces(tmp_path, np.array(["a.png", "a.png"]), np.stack([face, face]), coordinates=sizes)
    with pytest.raises(InputError, match="choose with the setting frame"):
        settle(mixed)
    with pytest.raises(InputError, match="shown or stored"):
        settle(read, frame="raw")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_faces_that_stand_upright_in_the_stored_pixels_alone_stop_until_the_frame_is_said(
    orientation: int, tmp_path: Path
) -> None:
    upright = project(random_euler(3)) * 100
    shape = (160, 120) if orientation > 4 else (120, 160)
    for i in range(3):
        store(tmp_path / f"{i}.png", Image.new("RGB", (120, 160)), orientation)
    back = invert_affine(orientation_affine(orientation, *shape)[None])
    names = np.array([f"{i}.png" for i in range(3)])
    assert len(settle(Faces(tmp_path, names, upright))) == 3
    stored = Faces(tmp_path, names, apply_affine(back, upright))
    if orientation == 2:  # a mirrored face stands upright, too
        assert "read as shown" in settle(stored).remarks[0]
    else:
        with pytest.raises(InputError, match=r"3 of 3 faces .* upright in the stored pixels alone"):
            settle(stored)
    np.testing.assert_allclose(settle(stored, frame="stored").points_image, upright, atol=1e-6)
    settle(stored, frame="shown")


@pytest.mark.parametrize("value", [-1.0, 0.0])
@pytest.mark.parametrize("is_unmarked", [False, True])
def test_placeholders_are_no_points(value: float, is_unmarked: bool, tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(30, 90, size=(2, 68, 2))
    points[1, 40] = value
    Image.new("RGB", (160, 120)).save(tmp_path / "a.png")
    coordinates = Coordinates(origin=0.5, unmarked=is_unmarked)
    settled = settle(Faces(tmp_path, np.array(["a.png", "a.png"]), points, coordinates=coordinates))
    if is_unmarked:
        assert settled.left_out == {"faces with unmarked points": ["a.png"]}
        assert len(settled) == 1
    else:
        assert settled.faults[0] == ""
        assert "placeholders (-1 -1 or 0 0) at 40" in settled.faults[1]
