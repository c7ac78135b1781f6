"""Wrong annotations and pictures end the preparation in one line, or are skipped and counted."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_lines import RunsCode, preparation
from commands import assert_refused, run
from PIL import Image


def _annotate(root: Path, content: object) -> None:
    (root / "synthetics_train" / "annot.pkl").write_bytes(pickle.dumps(content))


def _content(root: Path) -> tuple[list[str], list]:
    return pickle.loads((root / "synthetics_train" / "annot.pkl").read_bytes())


def _with_name(name: str) -> object:
    def damage(root: Path) -> None:
        names, points = _content(root)
        _annotate(root, ([*names[:-1], name], points))

    return damage


def _with_face(face: object) -> object:
    def damage(root: Path) -> None:
        names, points = _content(root)
        _annotate(root, (names, [*points[:-1], face]))

    return damage


def _with_bytes(name: str, content: bytes | None) -> object:
    """Replace a file of the training folder, or cut it in half."""

    def damage(root: Path) -> None:
        path = root / "synthetics_train" / name
        _cut(path) if content is None else path.write_bytes(content)

    return damage


def _cut(path: Path) -> None:
    """Take a file's second half away; of a picture only decoding finds that out."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _with_picture(*size: int) -> object:
    return lambda root: Image.new("RGB", size).save(root / "synthetics_train" / "face001.png")


BAD_ANNOTATIONS = {
    "the data folder is missing": (shutil.rmtree, "no such folder"),
    "annot.pkl is missing": (lambda root: (root / "synthetics_train" / "annot.pkl").unlink(), "annot.pkl: not found"),
    "annot.pkl is a folder": (
        lambda root: (
            (root / "synthetics_train" / "annot.pkl").unlink(),
            (root / "synthetics_train" / "annot.pkl").mkdir(),
        ),
        "annot.pkl: not found",
    ),
    "annot.pkl is truncated": (_with_bytes("annot.pkl", None), "may be truncated"),
    "annot.pkl is empty": (_with_bytes("annot.pkl", b""), "may be truncated"),
    "annot.pkl is no pickle": (_with_bytes("annot.pkl", b"hello\n"), "not a readable pickle"),
    "annot.pkl holds code": (lambda root: _annotate(root, (["a"], [RunsCode()])), "expected only names and numbers"),
    "annot.pkl holds one list": (lambda root: _annotate(root, ["a", "b", "c"]), "expected a pair"),
    "a face of 67 points": (_with_face(np.zeros((67, 2))), "(67, 2)"),
    "more names than faces": (
        lambda root: _annotate(root, (_content(root)[0], _content(root)[1][:3])),
        "4 names and 3",
    ),
    "a name that leaves the folder": (_with_name("../face003.png"), "inside the folder"),
    "an absolute name": (_with_name("/etc/hostname"), "inside the folder"),
    "a name twice": (_with_name("face000.png"), "'face000.png' more than once"),
    "a name with a null byte": (_with_name("face\0.png"), "face\\x00.png"),
}


BAD_PICTURES = {
    "missing": (lambda root: (root / "synthetics_train" / "face001.png").unlink(), "no such picture"),
    "empty": (_with_bytes("face001.png", b""), "the file is empty"),
    "truncated": (_with_bytes("face001.png", None), "cannot be decoded"),
    "not a picture": (_with_bytes("face001.png", b"a page about faces" * 99), "not a picture"),
    "1 x 1": (_with_picture(1, 1), "found 1 x 1"),
    "20,000 px wide": (_with_picture(20_000, 30), "found 20000 x 30"),
    "a decompression bomb": (_with_picture(10_000, 9_900), "megapixels"),
}


@pytest.mark.parametrize("kind", BAD_ANNOTATIONS)
def test_bad_annotations_stop_the_preparation(kind: str, root: Path) -> None:
    damage, words = BAD_ANNOTATIONS[kind]
    damage(root)
    assert_refused(run(*preparation(root)), words, "synthetics_train")
    assert not (root.parent / "out").exists()
    assert not Path("/tmp/landmark_code_ran").exists()
    assert_refused(run(*preparation(root, "--skip_broken")), words)


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_bad_picture_stops_the_preparation_or_is_skipped_and_counted(kind: str, root: Path) -> None:
    damage, words = BAD_PICTURES[kind]
    damage(root)
    assert_refused(run(*preparation(root)), words, "face001.png", "1 of 4 pictures", "set skip_broken")
    assert not [path for path in (root.parent / "out").rglob("*") if path.is_file()]
    outcome = run(*preparation(root, "--skip_broken"))
    assert outcome.code == 0, outcome
    assert outcome.err == ""
    assert "AFLW_train_data: 3 faces, 1 broken picture left out (" in outcome.out


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda folder: (folder / "annot.pkl").unlink(), "annot.pkl: not found"),
        (lambda folder: (folder / "annot.pkl").write_bytes(b""), "may be truncated"),
        (lambda folder: (folder / "face001.png").unlink(), "face001.png: no such picture"),
        (lambda folder: (folder / "face001.png").write_bytes(b"text" * 99), "face001.png: not a picture"),
        (lambda folder: _cut(folder / "face001.png"), "1 of 4 pictures are broken"),
    ],
)
def test_bad_validation_faces_stop_the_preparation_before_it_writes(damage: object, words: str, root: Path) -> None:
    damage(root / "aflw_val")
    assert_refused(run(*preparation(root)), words, "aflw_val")
    assert not (root.parent / "out").exists()


def test_validation_faces_that_are_all_broken_stop_the_preparation_before_it_writes(root: Path) -> None:
    for path in (root / "aflw_val").glob("*.png"):
        _cut(path)
    for flags in ((), ("--skip_broken",)):
        assert_refused(run(*preparation(root, *flags)), "all 4 pictures are broken", "aflw_val/face000.png")
        assert not (root.parent / "out").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--repose", 0), "--repose goes without --root"),
        (("--demo", 0), "--demo goes without --root"),
        (("--val_dir", "x"), "--val_dir goes without --root"),
        (("--out_root", "x"), "--out_root goes without --root"),
        (("--face_model", "x"), "--face_model goes without --root"),
        (("--to", "pts", "--check_labels"), "without --to"),
    ],
)
def test_flags_of_the_challenge_are_refused_beside_a_data_set(flags: tuple, words: str, root: Path) -> None:
    assert_refused(run("preparation.py", "--root", root, "--out", root.parent / "out", *flags), words)
    assert not (root.parent / "out").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--face_model", "x"), "go with --face_model"),
        (("--repose", 1), "go with --face_model"),
        (("--occluded", 0.5), "go with --repose"),
        (("--repose", 1, "--adapt", "--face_model", "x"), "--repose adapts too"),
        (("--sources", "x", "--train_dirs", "y", "--face_model", "z"), "leave out --train_dirs"),
        (("--to", "pts"), "--to goes with --root"),
        (("--adapt", "--seed", -1, "--face_model", "x"), "--seed: expected a whole number from 0"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags: tuple, words: str, root: Path) -> None:
    assert_refused(run(*preparation(root, *flags)), words)
    assert not (root.parent / "out").exists()


def test_a_face_with_nan_stops_the_preparation_or_is_skipped_and_named(root: Path) -> None:
    _with_face(np.full((68, 2), np.nan))(root)
    words = "face003.png: expected finite numbers, found NaN or infinity"
    assert_refused(run(*preparation(root)), words, "1 of 4 pictures")
    outcome = run(*preparation(root, "--skip_broken"))
    assert f"AFLW_train_data: 3 faces, 1 broken picture left out ({root / 'synthetics_train' / words})" in outcome.out


@pytest.mark.parametrize("size", [0, 31, 1025, -5])
def test_a_wrong_image_size_is_refused(size: int, root: Path) -> None:
    assert_refused(run(*preparation(root)[:-1], size), "expected a whole number from 32 to 1024", str(size))


@pytest.mark.parametrize("count", [0, -3])
def test_rendering_no_faces_is_refused(count: int, tmp_path: Path) -> None:
    assert_refused(run("preparation.py", "--demo", count, "--data_root", tmp_path / "x"), str(count))
    assert not (tmp_path / "x").exists()


def test_rendering_into_a_folder_of_other_files_is_refused(root: Path) -> None:
    before = sorted(root.rglob("*"))
    assert_refused(run(*preparation(root, "--demo", 8)), "name another folder")
    assert sorted(root.rglob("*")) == before
