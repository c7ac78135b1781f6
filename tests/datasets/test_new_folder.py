"""Converted folders: a command that was killed can be called again, and nobody's files are touched."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from commands import Outcome, assert_refused, run
from sample_folders import COUNT, sample

from src.datasets import conversion
from src.datasets.conversion import convert
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.datasets.new_folder import made_before, new_folder, note_made
from src.errors import InputError

_COUNTS = {"faces": 1, "broken": 0, "outside": 0, "left_out": ""}


class Killed(BaseException):
    """Ends a command at once."""


def _faces(folder: Path) -> Faces:
    sample("wflw", folder / "set")
    return read_faces(Folder(folder / "set"), "wflw")


def _convert(folder: Path, *flags: object) -> Outcome:
    return run("preparation.py", "--root", folder / "set", "--out", folder / "out", "--to", "pts", *flags)


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _tree(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_conversion_is_kept_when_it_is_called_again(tmp_path: Path) -> None:
    sample("wflw", tmp_path / "set")
    first = _convert(tmp_path)
    before = _content(tmp_path / "out")
    again = _convert(tmp_path)
    assert (again.code, again.err) == (0, "")
    assert again.out == first.out.replace(f"{COUNT} faces\n", f"{COUNT} faces (unchanged, kept)\n")
    assert _content(tmp_path / "out") == before
    assert _tree(tmp_path) == ["out", "set"]


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        (lambda folder: None, ("--crop", "challenge")),
        (lambda folder: next((folder / "set").rglob("*.jpg")).touch(), ()),
        (lambda folder: (folder / "out" / "notes.txt").write_text("mine"), ()),
        (lambda folder: next((folder / "out").rglob("*.pts")).write_text("mended"), ()),
        (lambda folder: next((folder / "out").rglob("*.pts")).unlink(), ()),
        (lambda folder: next((folder / "out").glob(".made_by.json")).write_text('{"fingerprint": [1]}'), ()),
        (lambda folder: next((folder / "out").glob(".made_by.json")).write_text("[]"), ()),
        (lambda folder: next((folder / "out").glob(".made_by.json")).unlink(), ()),
    ],
)
def test_a_folder_of_anything_else_is_refused_and_stays(change: object, flags: tuple, tmp_path: Path) -> None:
    sample("wflw", tmp_path / "set")
    assert _convert(tmp_path).code == 0
    change(tmp_path)
    before = _content(tmp_path)
    assert_refused(_convert(tmp_path, *flags), "new or empty folder")
    assert _content(tmp_path) == before


def test_a_conversion_that_was_killed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = _faces(tmp_path)

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("src.datasets.new_folder._remove", lambda folder: None)  # a killed run clears nothing up
        patch.setattr(conversion, "note_made", kill)
        with pytest.raises(Killed):
            convert(faces, tmp_path / "out", to="pts", image_size=64)
    assert _tree(tmp_path) == [".out.partial", "set"]
    (tmp_path / "out").mkdir()  # it stays empty where the process itself was killed
    assert _convert(tmp_path).code == 0
    assert _tree(tmp_path) == ["out", "set"]
    assert len(read_faces(Folder(tmp_path / "out"), "pts")) == COUNT


def test_a_disk_of_its_own_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    with pytest.raises(InputError, match="found the mount point of a disk"), new_folder(tmp_path):
        pytest.fail("nothing can be renamed to it")


def test_what_somebody_keeps_under_the_temporary_name_stays(tmp_path: Path) -> None:
    mine, faces = tmp_path / ".out.partial", _faces(tmp_path)
    mine.mkdir()
    (mine / "photo.jpg").write_text("mine")
    with pytest.raises(InputError, match=r"\.out\.partial: expected this name free"):
        convert(faces, tmp_path / "out", to="pts", image_size=64)
    assert (mine / "photo.jpg").read_text() == "mine"
    shutil.rmtree(mine)
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / ".made_by.json").touch()
    os.symlink(tmp_path / "album", mine)
    with pytest.raises(InputError, match="expected this name free"):
        convert(faces, tmp_path / "out", to="pts", image_size=64)
    assert _tree(tmp_path) == [".out.partial", "album", "set"]
    assert _tree(tmp_path / "album") == [".made_by.json"]
    mine.unlink()
    mine.mkdir()  # an empty one is nobody's loss
    convert(faces, tmp_path / "out", to="pts", image_size=64)


def test_a_marker_speaks_of_its_own_files(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as folder:
        (folder / "labels.txt").write_text("1 2")
        note_made(folder, "abc", _COUNTS)
    assert made_before(tmp_path / "out", "abc") == _COUNTS
    assert made_before(tmp_path / "out", "abd") is None
    (tmp_path / "out" / "labels.txt").write_text("1 2 3")
    assert made_before(tmp_path / "out", "abc") is None


def test_a_full_disk_is_that_of_the_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source), None, str(target))

    sample("wflw", tmp_path / "set")
    monkeypatch.setattr(shutil, "copyfile", fill)
    assert_refused(_convert(tmp_path), f"error: {tmp_path / 'out'}: No space left on device")
    assert _tree(tmp_path) == ["set"]


def test_an_empty_folder_behind_a_link_is_filled(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "out")
    with new_folder(tmp_path / "out") as folder:
        (folder / "file").write_text("whole")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / "file").read_text() == "whole"
