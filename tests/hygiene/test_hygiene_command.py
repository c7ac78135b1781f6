"""python3 -m src.hygiene: what it reports, leaves out and splits."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused, run
from PIL import Image
from stand_in import project

from src.datasets.challenge import load_annotations, read_annotations, write_annotations


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """train of 20 pictures, of which face_3_1 is face_3_0 in JPEG; val of 5, of which the first is train's first."""
    train, val = tmp_path / "train", tmp_path / "val"
    _write(train, [f"face_{i}_0.png" for i in range(19)], seed=0)
    Image.open(train / "face_3_0.png").save(train / "face_3_1.jpg", quality=80)
    _annotate(train)
    _write(val, [f"face{i}.png" for i in range(5)], seed=100)
    shutil.copy(train / "face_0_0.png", val / "face0.png")
    return train, val


def _write(folder: Path, names: list[str], *, seed: int) -> None:
    folder.mkdir()
    for i, name in enumerate(names):
        small = np.random.default_rng(seed + i).integers(0, 256, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(small).resize((128, 128), Image.Resampling.BICUBIC).save(folder / name)
    _annotate(folder)


def _annotate(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.suffix != ".pkl")
    write_annotations(folder, names, np.repeat(128 * project(np.zeros((1, 3))), len(names), axis=0))


def test_duplicates_and_leakage_are_reported_and_drawn(folders: tuple[Path, Path], tmp_path: Path) -> None:
    sheet, remove = tmp_path / "sheet.png", tmp_path / "remove.txt"
    outcome = run("src/hygiene/__main__.py", "--root", *folders, "--sheet", sheet, "--remove", remove)
    assert outcome.code == 0, outcome
    assert "train: 20 pictures, 0 exact copies of another; 2 look alike in 1 groups" in outcome.out
    assert "1 and 1 pictures look alike, 0 and 0 are copies by name: LEAKAGE" in outcome.out
    assert remove.read_text().split() == [str(folders[0] / name) for name in ("face_0_0.png", "face_3_1.jpg")]
    assert Image.open(sheet).size == (4 * 256, 256)


def test_copies_by_name_are_leakage(folders: tuple[Path, Path]) -> None:
    flags = ("--root", *folders, "--distance", 0, "--pairs", 0, "--name_pattern", r"face_?(\d+)(?:_\d)?")
    outcome = run("src/hygiene/__main__.py", *flags)
    assert "6 and 5 are copies by name: LEAKAGE" in outcome.out


def test_broken_faces_stop_the_cleaning_or_are_left_out_and_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    train, _ = folders
    (train / "face_7_0.png").write_bytes(b"")
    command = ("src/hygiene/__main__.py", "--root", train, "--clean", tmp_path / "clean", "--pairs", 0)
    assert_refused(run(*command), "1 of 19 pictures are broken", "face_7_0.png: the file is empty", "set skip_broken")
    outcome = run(*command, "--skip_broken")
    assert "18 faces, 1 broken picture left out (" in outcome.out
    assert len(read_annotations(tmp_path / "clean")[0]) == 18


def test_a_copy_without_a_label_takes_no_labeled_face_away(folders: tuple[Path, Path], tmp_path: Path) -> None:
    train, _ = folders
    shutil.copy(train / "face_0_0.png", train / "a_copy.png")
    Image.open(train / "face_1_0.png").save(train / "face_0_1.png")
    run("src/hygiene/__main__.py", "--root", train, "--clean", tmp_path / "clean", "--pairs", 0)
    names = read_annotations(tmp_path / "clean")[0]
    assert len(names) == 19
    assert {"face_0_0.png", "face_1_0.png"} < set(names)


def test_maps_of_face_parts_are_no_pictures(tmp_path: Path) -> None:
    root = tmp_path / "renders"
    _write(root, [f"{i:06d}.png" for i in range(3)], seed=0)
    (root / "annot.pkl").unlink()
    for i in range(3):
        (root / f"{i:06d}_ldmks.txt").write_text("")
        Image.new("L", (128, 128)).save(root / f"{i:06d}_seg.png")
    outcome = run("src/hygiene/__main__.py", "--root", root, "--pairs", 0)
    assert f"{root}: 3 pictures, 0 exact copies of another" in outcome.out


def test_the_frame_of_turned_pictures_is_said_and_chosen(folders: tuple[Path, Path], tmp_path: Path) -> None:
    train, _ = folders
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(train / "face_7_0.png") as picture:
        picture.save(train / "face_7_0.png", exif=exif)
    stated = dict(zip(*load_annotations(train / "annot.pkl"), strict=True))["face_7_0.png"]
    for frame, expected in (("shown", stated), ("stored", 128 - stated)):
        command = ("--root", train, "--clean", tmp_path / frame, "--pairs", 0, "--frame", frame)
        outcome = run("src/hygiene/__main__.py", *command)
        assert f"whose labels do not state their frame, read as {frame}" in outcome.out
        written = dict(zip(*load_annotations(tmp_path / frame / "annot.pkl"), strict=True))["face_7_0.png"]
        np.testing.assert_allclose(written, expected, atol=1e-3)


def test_the_cleaned_folder_leaks_no_more(folders: tuple[Path, Path], tmp_path: Path) -> None:
    clean, sheet = tmp_path / "clean", tmp_path / "none.png"
    assert run("src/hygiene/__main__.py", "--root", *folders, "--clean", clean, "--pairs", 0).code == 0
    assert len(read_annotations(clean)[0]) == 18
    outcome = run("src/hygiene/__main__.py", "--root", clean, folders[1], "--sheet", sheet)
    assert "no leakage found" in outcome.out
    assert not sheet.exists()


def test_a_split_keeps_copies_together(folders: tuple[Path, Path], tmp_path: Path) -> None:
    flags = ("--root", folders[0], "--split", 0.3, "--pairs", 0)
    for seed in range(3):
        out = tmp_path / f"split{seed}"
        outcome = run("src/hygiene/__main__.py", *flags, "--seed", seed, "--out", out)
        assert outcome.code == 0, outcome
        train, validation = (set(read_annotations(out / part)[0]) for part in ("train", "validation"))
        assert not train & validation
        assert len(train | validation) == 20
        assert 5 <= len(validation) <= 6
        assert len({"face_3_0.png", "face_3_1.jpg"} & validation) in (0, 2)


def test_absent_pictures_stop_the_split_or_are_left_out_and_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    train, _ = folders
    (train / "face_7_0.png").unlink()
    command = ("src/hygiene/__main__.py", "--root", train, "--split", 0.9, "--out", tmp_path / "split", "--pairs", 0)
    assert_refused(run(*command), "face_7_0.png: no such picture", "set skip_broken")
    assert not (tmp_path / "split").exists()
    assert "1 broken picture left out (" in run(*command, "--skip_broken").out
    assert sum(len(read_annotations(tmp_path / "split" / part)[0]) for part in ("train", "validation")) == 19


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--split", 0.2), "--out"),
        (("--split", 1.5, "--out", "x"), "between 0 and 1"),
        (("--distance", 99), "0 to 32"),
        (("--name_pattern", "("), "regular expression"),
        (("--pairs", -1), "--pairs"),
    ],
)
def test_wrong_flags_are_refused(folders: tuple[Path, Path], flags: tuple[object, ...], word: str) -> None:
    assert_refused(run("src/hygiene/__main__.py", "--root", folders[1], *flags), word)


def test_wrong_folders_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert_refused(run("src/hygiene/__main__.py", "--root", tmp_path / "absent"), "absent", "no such folder")
    assert_refused(run("src/hygiene/__main__.py", "--root", folders[0], folders[0]), "twice")
    sheet = ("--sheet", folders[1] / "pairs.png")
    assert_refused(run("src/hygiene/__main__.py", "--root", *folders, *sheet), "pairs.png: expected a place outside")
    picture = min(folders[1].glob("*.png"))
    content = picture.read_bytes()
    other = ("--remove", tmp_path / picture.name)
    assert_refused(run("src/hygiene/__main__.py", "--root", *folders, *other), "found a picture's name")
    for inside in (picture, folders[1] / "annot.pkl", folders[1] / "list.txt"):  # labels would be replaced by a list
        remove = ("--remove", inside)
        assert_refused(run("src/hygiene/__main__.py", "--root", *folders, *remove), f"{inside.name}: expected a place")
    assert picture.read_bytes() == content
    (folders[1] / os.fsdecode(b"\xff.png")).write_bytes(b"")
    assert_refused(run("src/hygiene/__main__.py", "--root", *folders), "UTF-8", "rename")
    shutil.rmtree(folders[0])
    folders[0].mkdir()
    assert_refused(run("src/hygiene/__main__.py", "--root", folders[0]), "found none")
