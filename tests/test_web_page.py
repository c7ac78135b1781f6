"""The page docs/demo in headless Chromium: it finds the points that Python finds, and does all that it offers."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from PIL import Image
from turned_pictures import turned_pictures
from web_page import PAGE, drive, serve_page

from src.boxes import MEAN_SHARE, box_of_points
from src.demo.records import FACE_COLUMNS
from src.demo.smoothing import Smoothing
from src.predict.face import DOUBTFUL_BELOW, NOTHING_BELOW
from src.predict.predictor import Predictor

CORNERS = ([0.02, 0.2], [0.3, 0.85])  # a box around a face of the group, as shares of the picture
NO_FACE = ([0.9, 0.03], [0.98, 0.2])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serve_page()


def read_points(text: str) -> np.ndarray:
    """The page's list as (N, 68, 2)."""
    return np.array([line.split() for line in text.splitlines() if not line.startswith("#")], float).reshape(-1, 68, 2)


@pytest.fixture(scope="module")
def large_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole picture of 1600 x 1000 pixels with a face that lies and one that stands."""
    picture = Image.new("RGB", (1600, 1000), (120, 130, 140))
    for sample, side, place in (("face", 500, (100, 300)), ("lying", 420, (1000, 200))):
        with Image.open(PAGE / "samples" / f"{sample}.jpg") as crop:
            picture.paste(crop.resize((side, side)), place)
    path = tmp_path_factory.mktemp("page") / "large.png"
    picture.save(path)
    return path


def test_the_page_says_and_smooths_what_python_does() -> None:
    words = (PAGE / "index.html").read_text()
    assert f"{DOUBTFUL_BELOW} and more: sure" in words
    assert f"below {DOUBTFUL_BELOW}: doubtful" in words
    assert f"Below {NOTHING_BELOW} it counts as no face" in words
    assert "open the page from a web server, not as a file" in words  # there no script would run to say it
    text = (PAGE / "smoothing.js").read_text()
    found = {name: float(value) for name, value in re.findall(r"const (\w+) = ([\d.]+);", text)}
    expected = Smoothing()
    assert found["MIN_CUTOFF"] == expected.min_cutoff
    assert found["SPEED_FACTOR"] == expected.speed_factor
    assert found["SPEED_CUTOFF"] == expected.speed_cutoff
    assert found["SHARE"] == MEAN_SHARE


@pytest.mark.slow
def test_the_page_finds_the_predictors_faces_at_every_turn(address: str, tmp_path: Path) -> None:
    paths = turned_pictures(tmp_path)
    shown = drive(address, *(["choose", str(path)] for path in paths))
    predictor = Predictor(ROOT / "best.pth.tar", detector=PAGE / "detector.onnx")
    for path, state in zip(paths, shown, strict=True):
        expected = np.stack([face.points for face in predictor.faces(path)])
        expected = expected[np.argsort(expected[:, :, 0].min(axis=1))]  # (N, 68, 2) from the left to the right
        low, high = np.split(box_of_points(expected), 2, axis=-1)
        sides = np.sqrt((high - low).prod(axis=-1)) / MEAN_SHARE
        apart = np.linalg.norm(read_points(state["points"]) - expected, axis=2).mean(axis=1) / sides
        assert apart.max() < 0.006, path.name  # a browser reduces pictures by its own filter


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 800, "light"), (390, 844, "dark")])
def test_the_page_finds_pythons_faces(
    address: str, large_picture: Path, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    broken = tmp_path / "face.png"
    broken.write_bytes(b"no picture")
    upside_down_picture = tmp_path / "upside_down.png"
    with Image.open(large_picture) as upright:
        upright.transpose(Image.Transpose.ROTATE_180).save(upside_down_picture)
    shown, saved, upside_down, failed = drive(
        address,
        ["choose", str(large_picture)],
        ["save", "#png"],
        ["choose", str(upside_down_picture)],
        ["choose", str(broken)],
        width=width,
        height=height,
        scheme=scheme,
    )
    assert shown["status"].startswith("2 faces in ")
    assert "detector" in shown["status"]
    assert "ms per look" in shown["status"]
    assert shown["label"] == "large.png: 2 faces"
    assert shown["width"] == 1280
    assert shown["drawn"]["sure"] > 200
    assert shown["widest"] <= width
    predictor = Predictor(PAGE.parents[1] / "best.pth.tar", detector=PAGE / "detector.onnx")
    for text, path in ((shown["points"], large_picture), (upside_down["points"], upside_down_picture)):
        found = read_points(text)
        expected = sorted((face.points for face in predictor.faces(path)), key=lambda points: points[:, 0].min())
        assert np.linalg.norm(found - expected, axis=2).mean(axis=1).max() < 4  # pixels of crops of 500
    with Image.open(io.BytesIO(base64.b64decode(saved["given"]))) as picture:
        assert picture.size == (1600, 1000)
    assert failed["status"].startswith("face.png cannot be shown: this browser cannot read it as a picture")
    assert failed["isError"]
    assert (failed["points"], failed["width"], failed["label"]) == ("", 0, "No picture")
    assert failed["faces"] == []
    assert not failed["canExport"]
    assert (np.mean([int(part) for part in re.findall(r"\d+", failed["background"])[:3]]) < 64) == (scheme == "dark")


@pytest.mark.slow
def test_every_way_into_the_page_and_out_of_it(address: str, large_picture: Path) -> None:
    dropped, pasted, sample, boxed, beside, *_, searched, as_json, as_picture, saved, _, table, removed = drive(
        address,
        ["drop", [str(large_picture), str(PAGE / "samples" / "face.jpg")], "image/png"],
        ["paste", str(PAGE / "samples" / "face.jpg"), "image/jpeg"],
        ["sample", "group"],
        ["box", *CORNERS],
        ["box", *NO_FACE],
        ["drag", *CORNERS, "right", False],
        ["drag", *CORNERS, "left", True],
        ["click", "#small"],
        ["until", "detector"],
        ["copied", "#copy", "text/plain"],
        ["copied", "#copyPicture", "image/png"],
        ["save", "#json"],
        ["until", "Saved as group-faces.json"],
        ["save", "#csv"],
        ["click", "#faces li:nth-child(5) button"],
    )
    assert dropped["label"] == "large.png: 2 faces"
    assert dropped["status"].endswith(" Only the first of 2 files is shown.")
    assert pasted["label"] == "face.jpg: 1 face"
    assert sample["status"].startswith("4 faces in")
    assert boxed["status"].startswith("5 faces")
    assert len(boxed["faces"]) == 5
    assert len(searched["faces"]) == 5  # what a hand drew stays, unless it was found as well
    assert searched["faces"][-1] == beside["faces"][-1].replace("Face 6", "Face 5")
    copied = json.loads(as_json["given"])
    assert copied == json.loads(base64.b64decode(saved["given"]))
    assert (copied["width"], copied["height"], len(copied["faces"])) == (960, 420, 5)
    points = [described["points"] for described in copied["faces"]]
    np.testing.assert_allclose(points, read_points(searched["points"]), atol=0.001)
    assert [described["doubtful"] for described in copied["faces"]] == [
        "doubtful" in line for line in searched["faces"]
    ]
    assert as_picture["given"] == [960, 420]
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(table["given"]).decode())))
    assert set(rows[0]) < set(FACE_COLUMNS)
    assert [(row["picture"], row["face"], row["seconds"]) for row in rows] == [
        ("samples/group.jpg", str(number), "") for number in range(1, 6)
    ]
    columns = [f"{axis}{i}" for i in range(1, 69) for axis in "xy"]
    np.testing.assert_allclose([[float(row[name]) for name in columns] for row in rows], np.reshape(points, (5, 136)))
    assert removed["status"] == "4 faces."
    assert len(read_points(removed["points"])) == 4


@pytest.mark.slow
def test_small_faces_are_found_alone_and_beside_a_large_one_on_request(address: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (2000, 1500), (120, 130, 140))
    with Image.open(PAGE / "samples" / "group.jpg") as group:
        picture.paste(group, (900, 900))
    picture.save(tmp_path / "small.png")
    with Image.open(PAGE / "samples" / "face.jpg") as face:
        face.resize((80, 80)).save(tmp_path / "tiny.png")
        picture.paste(face.resize((800, 800)), (50, 50))
        picture.paste(face.resize((60, 60)), (300, 1200))
        picture.paste((120, 130, 140), (900, 900, 1860, 1320))
        picture.save(tmp_path / "beside.png")
        picture.paste(face.resize((160, 160)), (1000, 300))
    picture.save(tmp_path / "middling.png")
    tiny, alone, middling, few, _, beside = drive(
        address,
        ["choose", str(tmp_path / "tiny.png")],
        ["choose", str(tmp_path / "small.png")],
        ["choose", str(tmp_path / "middling.png")],
        ["choose", str(tmp_path / "beside.png")],
        ["click", "#small"],
        ["until", "faces in .*detector"],
    )
    assert tiny["width"] == 384  # enlarged, its points are not
    assert read_points(tiny["points"]).max() < 80
    found = read_points(alone["points"])
    assert len(found) == 4
    assert found.min() > 900
    assert len(middling["faces"]) == 3  # what is found in the first tiles leads to the tiny one, too
    assert len(few["faces"]) == 1
    assert len(beside["faces"]) == 2


@pytest.mark.slow
def test_the_page_without_a_mouse(address: str) -> None:
    empty, _, reached, asked, added, _, left, *_, asked_again = drive(
        address,
        ["tabs", 4],
        ["keys", ["Enter"], " ms \\("],  # on the last that Tab reached, the second sample
        ["tabs", 14],
        ["click", "#add"],
        ["keys", ["ArrowLeft", "Shift+ArrowRight", "ArrowUp", "Enter"], "your box"],
        ["click", "#add"],
        ["keys", ["Escape"], "faces"],
        ["click", "#add"],
        ["click", "#faces li:nth-child(1) button"],
        ["click", "#add"],
    )
    samples = [f"Sample: {words}" for words in ("one rendered face", "several rendered faces", "a face that lies")]
    assert empty["given"] == ["file", "camera", *samples[:2]]
    removals = [f"Remove face {number}" for number in range(1, 5)]
    buttons = ["small", "add", "copy", "copyPicture", "json", "csv", "png"]
    assert reached["given"] == [samples[2], "canvas", *removals, *buttons, "Points"]
    assert asked["status"].startswith("Drag around a face, or move the box by arrow keys")
    assert "your box" in added["status"]
    assert left["status"].startswith(f"{len(added['faces'])} faces")
    assert asked_again["status"] == asked["status"]  # a face that was taken out has ended the box before


@pytest.mark.slow
def test_a_finger_draws_a_box_only_when_asked(address: str) -> None:
    _, scrolled, _, boxed = drive(
        address,
        ["sample", "group"],
        ["finger", *CORNERS, ""],
        ["click", "#add"],
        ["finger", *CORNERS, "your box"],
        width=390,
        height=844,
    )
    assert len(scrolled["faces"]) == 4
    assert boxed["status"].startswith("5 faces")
