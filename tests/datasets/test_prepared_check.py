"""Prepared folders whose files load and whose content is wrong: each array and number is checked on opening."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused, run
from stand_in import forget_content, write_faces

from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.errors import InputError

COUNT = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_faces(tmp_path / "faces", COUNT)
    prepare([tmp_path / "faces"], tmp_path / "out", image_size=64)
    return tmp_path / "out"


def _assert_refused(folder: Path, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        load_prepared(folder)
    assert words in str(refusal.value)
    assert "run python3 preparation.py" in str(refusal.value)
    assert len(str(refusal.value)) < 500


BAD_IMAGES = {
    "floats": np.zeros((COUNT, 64, 64, 3), np.float32),
    "gray": np.zeros((COUNT, 64, 64), np.uint8),
    "four channels": np.zeros((COUNT, 64, 64, 4), np.uint8),
    "no squares": np.zeros((COUNT, 64, 32, 3), np.uint8),
    "fewer": np.zeros((COUNT - 1, 64, 64, 3), np.uint8),
    "another size": np.zeros((COUNT, 32, 32, 3), np.uint8),
    "none": np.zeros((), np.uint8),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_wrong_pictures_are_refused(kind: str, folder: Path) -> None:
    np.save(folder / "images.npy", BAD_IMAGES[kind])
    _assert_refused(folder, "")


BAD_LABELS = {
    "points_unit": [np.zeros((COUNT, 68)), np.zeros((COUNT, 67, 2)), np.zeros((COUNT, 68, 2), int), np.zeros(())],
    "affine": [np.zeros((COUNT, 3, 2)), np.zeros((COUNT, 2, 3)), np.full((COUNT, 2, 3), np.inf)],
    "size": [np.zeros((COUNT, 2)), np.full((COUNT, 2), -1), np.full((COUNT, 2), np.nan), np.zeros(COUNT)],
    "euler": [np.full((COUNT, 3), np.nan), np.zeros((COUNT, 2)), np.array(["a"] * COUNT)],
    "names": [np.arange(COUNT), np.array(["a"]), np.array("a")],
    "source": [np.full(COUNT, 1), np.full(COUNT, -1), np.zeros(COUNT), np.zeros((COUNT, 1), int)],
    "source_names": [np.array([], "U1"), np.arange(1), np.array("a")],
    "shares": [np.ones(2), np.full(1, np.nan), np.full(1, -1.0), np.array(["a"])],
    "surprise": [np.zeros(3)],
}
WORDS = {("points_unit", 1): "found 67", ("source_names", 0): "expected sources from 0 to -1"}
CASES = [(name, place) for name, values in BAD_LABELS.items() for place in range(len(values))]


@pytest.mark.parametrize(("name", "place"), CASES)
def test_wrong_labels_are_refused_and_named(name: str, place: int, folder: Path) -> None:
    with np.load(folder / "labels.npz") as labels:
        arrays = dict(labels)
    np.savez(folder / "labels.npz", **arrays | {name: BAD_LABELS[name][place]})
    _assert_refused(folder, WORDS.get((name, place), name))


def test_absent_and_damaged_labels_are_refused(folder: Path) -> None:
    with np.load(folder / "labels.npz") as labels:
        arrays = dict(labels)
    np.savez(folder / "labels.npz", **{name: values for name, values in arrays.items() if name != "euler"})
    _assert_refused(folder, "expected the arrays")
    np.savez(folder / "labels.npz", **arrays)
    content = bytearray((folder / "labels.npz").read_bytes())
    content[content.index(b"points_unit.npy") + 300] ^= 1
    (folder / "labels.npz").write_bytes(content)
    _assert_refused(folder, "the checksum of")


def test_labels_that_would_fill_the_memory_are_refused_before_they_are_read(folder: Path) -> None:
    with np.load(folder / "labels.npz") as labels:
        arrays = dict(labels)
    np.savez_compressed(folder / "labels.npz", **arrays | {"euler": np.zeros((20_000_000, 3), np.float32)})
    assert (folder / "labels.npz").stat().st_size < 1_000_000
    _assert_refused(folder, "in the archive, found 24")


@pytest.mark.parametrize(
    ("name", "value"),
    [("faces", 5), ("faces", True), ("faces", "4"), ("points", 51), ("image_size", 128), ("fingerprint", 7)],
)
def test_a_description_that_does_not_fit_is_refused(name: str, value: object, folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {name: value}))
    _assert_refused(folder, "meta.json")


def test_a_description_that_would_fill_the_memory_is_not_read(folder: Path) -> None:
    with open(folder / "meta.json", "a") as file:
        file.write(" " * 10_000_000)
    _assert_refused(folder, "meta.json is missing or damaged")


@pytest.mark.parametrize("name", ["images.npy", "labels.npz", "meta.json"])
def test_a_file_of_another_preparation_with_as_many_faces_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    write_faces(tmp_path / "others" / "faces", COUNT, seed=1)  # the same names
    prepare([tmp_path / "others" / "faces"], tmp_path / "other", image_size=64)
    load_prepared(tmp_path / "other")
    shutil.copy(tmp_path / "other" / name, folder / name)
    _assert_refused(folder, "of one preparation, found another's")
    assert prepare([tmp_path / "faces"], folder, image_size=64).redone
    load_prepared(folder)


def test_a_folder_of_an_older_version_states_no_content_and_is_read(folder: Path) -> None:
    forget_content(folder)
    assert len(load_prepared(folder)) == COUNT


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["images.npy", "labels.npz", "meta.json"])
def test_pipes_and_devices_are_not_opened(name: str, folder: Path) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(InputError):
        load_prepared(folder)
    (folder / name).unlink()
    os.symlink("/dev/zero", folder / name)
    with pytest.raises(InputError):
        load_prepared(folder)


@pytest.mark.parametrize("name", ["list.txt", "labels.npz", "meta.json"])
def test_other_peoples_files_of_our_names_are_not_replaced(name: str, tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", COUNT)
    other = tmp_path / "faces" / name
    other.write_text("{}")
    flags = ("--train_dirs", tmp_path / "faces", "--val_dir", tmp_path / "faces", "--out_root", tmp_path)
    assert_refused(run("preparation.py", "--root", other.parent, "--out", other.parent), f"{name}: found a file that")
    (tmp_path / "AFLW_validation_data").mkdir()
    other.rename(tmp_path / "AFLW_validation_data" / name)
    assert_refused(run("preparation.py", *flags), f"{name}: found a file that preparation did not write")
    assert (tmp_path / "AFLW_validation_data" / name).read_text() == "{}"
    assert not (tmp_path / "AFLW_train_data").exists()


def test_a_folder_without_its_pictures_is_made_again(folder: Path) -> None:
    (folder / "images.npy").unlink()
    assert prepare([folder.parent / "faces"], folder, image_size=64).redone


def test_a_sheet_of_other_labels_does_not_stay(folder: Path) -> None:
    sheet = folder / "label_check.png"
    sheet.write_bytes(b"the worst labels")
    assert not prepare([folder.parent / "faces"], folder, image_size=64).redone
    assert sheet.exists()
    write_faces(folder.parent / "faces", COUNT, seed=1)
    assert prepare([folder.parent / "faces"], folder, image_size=64).redone
    assert not sheet.exists()
