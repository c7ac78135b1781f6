"""Files appear whole or not at all, also where the writer is killed or the disk is full."""

import errno
from pathlib import Path

import pytest
from commands import ROOT, run_process

from src.files import atomic_path, check_writable, write_text
from src.network import checkpoint

KILLS = 20


def test_writing_replaces_the_old_file_and_makes_folders(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "file.txt"
    write_text(target, "old")
    write_text(target, "Ä new\n")
    assert target.read_text(encoding="utf-8") == "Ä new\n"
    assert list(target.parent.iterdir()) == [target]


def test_nothing_is_visible_before_the_end(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == target.parent  # renaming across file systems would copy
    assert target.read_text() == "half"


def _write_half_and_fail(target: Path, error: type[BaseException]) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_a_failure_leaves_the_old_file_and_nothing_else(error: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_text(target, "old")
    with pytest.raises(error):
        _write_half_and_fail(target, error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disks_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as full, atomic_path(tmp_path / "file.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(tmp_path / "file.txt")


@pytest.mark.slow
def test_the_last_checkpoint_always_loads_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint_epoch_1.pth.tar"
    outcome = run_process(ROOT / "tests" / "killed_writer.py", path, KILLS)
    assert outcome.code == 0, outcome
    assert outcome.out.split() == ["whole"] * KILLS
    left = [other for other in tmp_path.iterdir() if other != path]
    assert left in ([], [path.with_name(f".{path.name}.partial")])  # what the last kill may leave half-written
    checkpoint.save(path, checkpoint.load(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError, match="found a file"):
        check_writable(tmp_path / "file" / "folder")
