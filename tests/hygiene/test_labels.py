"""Labels against a network's points: what is far off is found, and its cause named; odd shapes without a network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, assert_refused, load, run
from PIL import Image
from stand_in import write_faces

from src.config import ModelConfig
from src.datasets.challenge import read_annotations, write_annotations
from src.datasets.prepare import prepare
from src.datasets.prepared import PreparedFaces, load_prepared
from src.hygiene import labels
from src.hygiene.labels import check_labels, describe_check, write_sheet
from src.hygiene.shapes import odd_faces
from src.markup import FLIP_PERMUTATION, INNER_51

COUNT = 20


class _Seeing:
    """A network that finds every face of a prepared set, to a percent; squares carry their number in a pixel."""

    config = ModelConfig()

    def __init__(self, points_unit: np.ndarray) -> None:
        self.points_unit = points_unit + np.random.default_rng(0).normal(0, 0.005, points_unit.shape)

    def look(self, _: object, squares: np.ndarray, looks: int) -> np.ndarray:
        return np.stack([self.points_unit[squares[:, 0, 0, 0]]] * looks)


@pytest.fixture
def faces(tmp_path: Path) -> PreparedFaces:
    write_faces(tmp_path / "faces", COUNT)
    prepare([tmp_path / "faces"], tmp_path / "prepared", image_size=64)
    prepared = load_prepared(tmp_path / "prepared")
    images = np.array(prepared.images)
    images[:, 0, 0, 0] = np.arange(COUNT)
    return replace(prepared, images=images)


@pytest.fixture
def network(faces: PreparedFaces, monkeypatch: pytest.MonkeyPatch) -> _Seeing:
    seeing = _Seeing(faces.points_unit)
    monkeypatch.setattr(labels, "look_repeatedly", seeing.look)
    return seeing


def test_right_labels_raise_no_alarm(faces: PreparedFaces, network: _Seeing) -> None:
    check = check_labels(network, faces)
    assert check.errors.max() < labels.FAR
    assert check.is_recognized.all()
    assert describe_check(check, faces) == []
    assert odd_faces(faces) == {}
    assert len(check_labels(network, faces, most=7).rows) == 7


WRONG = {
    "left and right are swapped in the points' order": lambda points: points[:, FLIP_PERMUTATION],
    "shifted by one point (counted from 1)": lambda points: np.roll(points, -1, axis=1),
    "the points' order is reversed": lambda points: points[:, ::-1],
    "x and y are swapped": lambda points: points[..., ::-1],
    "the labels are mirrored": lambda points: points * [-1, 1] + [1, 0],
    "the picture is mirrored": lambda points: (points * [-1, 1] + [1, 0])[:, FLIP_PERMUTATION],
    "the picture is turned by 90 degrees": lambda points: np.stack([points[..., 1], 1 - points[..., 0]], axis=-1),
    "no other order or frame explains it": lambda points: points[np.arange(COUNT) - 1] * 0.5,
}


@pytest.mark.parametrize("cause", WRONG)
def test_the_likely_cause_is_named(cause: str, faces: PreparedFaces, network: _Seeing, tmp_path: Path) -> None:
    wrong = replace(faces, points_unit=WRONG[cause](faces.points_unit))
    check = check_labels(network, wrong)
    (line,) = describe_check(check, wrong)
    assert cause in line
    write_sheet(check, wrong, tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (4 * 256, 3 * 256)


def test_a_share_of_wrong_labels_is_told_by_source(faces: PreparedFaces, network: _Seeing) -> None:
    points = faces.points_unit.copy()
    points[10:15] = points[10:15, FLIP_PERMUTATION]
    two = replace(faces, points_unit=points, source=np.repeat([0, 1], 10), source_names=np.array(["one", "two"]))
    (line,) = describe_check(check_labels(network, two), two)
    assert "two: 5 of 10 faces" in line


def test_inner_points_are_compared_too(faces: PreparedFaces, network: _Seeing) -> None:
    inner = replace(faces, points_unit=faces.points_unit[:, INNER_51])
    assert describe_check(check_labels(network, inner), inner) == []


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("points far outside the picture", lambda face: face + 1.5),
        ("many points in one place", lambda face: np.repeat(face[:4], 17, axis=0)),
        ("no head's shape", lambda face: face[::-1]),
        ("no head's shape", lambda face: np.random.default_rng(0).uniform(0.2, 0.8, (68, 2))),
    ],
)
def test_odd_shapes_are_found_without_a_network(what: str, change: object, faces: PreparedFaces) -> None:
    points = faces.points_unit.copy()
    points[3] = change(points[3])
    found = odd_faces(replace(faces, points_unit=points))
    assert {name: rows.tolist() for name, rows in found.items()} == {what: [3]}


def test_swapped_sides_are_found_without_a_network(faces: PreparedFaces) -> None:
    swapped = replace(faces, points_unit=faces.points_unit[:, FLIP_PERMUTATION])
    assert len(odd_faces(swapped)["left and right swapped"]) > COUNT / 2


@pytest.mark.parametrize("flags", [("--image_size", 64), ("--to", "coco")])
def test_odd_shapes_are_said_where_no_network_is_at_hand(
    flags: tuple, challenge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load("preparation.py"), "MODEL", challenge / "absent.pth.tar")
    folder = challenge / "aflw_val"
    names, points_image = read_annotations(folder)
    write_annotations(folder, names, points_image[:, ::-1])
    words = f"label check: {COUNT} of {COUNT} faces: no head's shape"
    outcome = run("preparation.py", "--root", folder, "--out", challenge / "out", *flags)
    assert outcome.code == 0, outcome
    assert words in outcome.out
    outcome = run("src/hygiene/__main__.py", "--root", folder, "--clean", challenge / "clean", "--pairs", 0)
    assert words in outcome.out


@pytest.fixture
def challenge(tmp_path: Path) -> Path:
    for folder in ("synthetics_train", "aflw_val"):
        write_faces(tmp_path / "data" / folder, COUNT)
    return tmp_path / "data"


def _prepare_challenge(challenge: Path, *flags: object) -> Outcome:
    return run("preparation.py", "--data_root", challenge, "--out_root", challenge / "out", "--image_size", 64, *flags)


def test_new_arrays_are_checked_without_being_asked(challenge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(labels, "report_labels", lambda out, faces, model, most: asked.append((out.name, most)))
    monkeypatch.chdir(challenge)  # the shipped model lies next to the script
    assert _prepare_challenge(challenge).code == 0
    assert asked == [("AFLW_train_data", 200), ("AFLW_validation_data", 200)]
    assert _prepare_challenge(challenge).code == 0
    assert len(asked) == 2  # nothing new
    assert _prepare_challenge(challenge, "--check_labels").code == 0
    assert asked[2:] == [("AFLW_train_data", None), ("AFLW_validation_data", None)]
    names, points_image = read_annotations(challenge / "aflw_val")
    write_annotations(challenge / "aflw_val", names, points_image + 0.5)
    monkeypatch.setattr(load("preparation.py"), "MODEL", challenge / "absent.pth.tar")
    assert _prepare_challenge(challenge).code == 0
    assert len(asked) == 4


def test_the_check_is_made_up_for_where_a_run_was_killed_before_it(
    challenge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    asked = []
    monkeypatch.setattr(labels, "report_labels", interrupt)
    assert _prepare_challenge(challenge).code == 130
    monkeypatch.setattr(labels, "report_labels", lambda out, *_, **__: asked.append(out.name))
    for _ in range(2):
        outcome = _prepare_challenge(challenge)
        assert f"AFLW_train_data: {COUNT} faces (unchanged, kept)" in outcome.out
    assert asked == ["AFLW_train_data", "AFLW_validation_data"]
    (challenge / "out" / "AFLW_train_data" / "label_check.txt").write_text("of other faces")
    assert _prepare_challenge(challenge).code == 0
    assert asked[2:] == ["AFLW_train_data"]


def test_a_model_that_cannot_check_undoes_nothing(challenge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load("preparation.py"), "MODEL", challenge / "broken.pth.tar")
    (challenge / "broken.pth.tar").write_bytes(b"no model")
    outcome = _prepare_challenge(challenge)
    assert outcome.code == 0, outcome
    assert outcome.out.count("label check: left out (") == 2
    assert len(load_prepared(challenge / "out" / "AFLW_validation_data")) == COUNT


def test_the_frame_of_turned_pictures_is_said(challenge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load("preparation.py"), "MODEL", challenge / "absent.pth.tar")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 96)).save(challenge / "synthetics_train" / "face000.png", exif=exif)
    words = "synthetics_train: 1 face on pictures turned by EXIF whose labels do not state their frame, read as shown"
    assert words in _prepare_challenge(challenge).out
    assert words in _prepare_challenge(challenge).out  # and once more where nothing has changed


def test_the_command_checks_labels_where_asked(faces: PreparedFaces, tmp_path: Path) -> None:
    outcome = run("preparation.py", "--root", tmp_path / "faces", "--out", tmp_path / "out", "--check_labels")
    assert outcome.code == 0, outcome
    assert "label check: " in outcome.out
    assert (tmp_path / "out" / "label_check.png").is_file()


def test_a_model_that_is_absent_is_told_before_the_work(faces: PreparedFaces, tmp_path: Path) -> None:
    command = ("preparation.py", "--root", tmp_path / "faces", "--out", tmp_path / "out", "--check_labels")
    assert_refused(run(*command, tmp_path / "absent.pth.tar"), "absent.pth.tar: no such checkpoint")
    assert not (tmp_path / "out").exists()
