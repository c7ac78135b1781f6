"""Files appear whole or not at all, even if the writer is killed or the disk is full."""

import errno
import os
import re
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from commands import ROOT, run_process

from src.errors import InputError
from src.files import alone_in, atomic_path, check_target, check_writable, naming, write_text
from src.reading import check_regular, read_bytes

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


def test_a_folder_that_takes_the_files_place_is_named_and_no_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.mkdir()
    with pytest.raises(IsADirectoryError) as refusal:
        write_text(target, "text")
    assert refusal.value.filename == str(target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left"), "[Errno 28] No space left: 'new'"),
        (OSError(errno.ENOSPC, "No space left", "old"), "[Errno 28] No space left: 'old'"),
        (OSError("encoder error -2"), "[Errno 5] encoder error -2: 'new'"),
    ],
)
def test_an_error_without_a_file_gets_its_name(error: OSError, said: str) -> None:
    with pytest.raises(OSError, match=re.escape(said)) as raised, naming("new"):
        raise error
    assert str(raised.value) == said


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
    left = [other for other in tmp_path.iterdir() if other != path]  # half-written by those who were killed
    assert all(other.name.startswith(f".{path.name}.") and other.suffix == ".partial" for other in left)
    with alone_in(tmp_path):
        assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError, match="found a file"):
        check_writable(tmp_path / "file" / "folder")
    check_target(tmp_path / "new" / "model.onnx")
    with pytest.raises(IsADirectoryError, match="found a folder"):
        check_target(tmp_path)
    with pytest.raises(OSError, match="name too long"):
        check_target(tmp_path / "new" / ("x" * 300))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    os.symlink(tmp_path / "precious", tmp_path / "file.txt")
    with atomic_path(tmp_path / "file.txt") as first, atomic_path(tmp_path / "file.txt") as second:
        assert first != second  # two writers at once do not share a file
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "file.txt").is_symlink()
    assert (tmp_path / "file.txt").read_text() == "first"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "file.txt"}


def test_a_new_file_may_be_read_by_all_whom_the_user_lets(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_text(tmp_path / "ours", "text")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


_HOLDER = """
import sys, time
from src.files import alone_in, atomic_path
with alone_in(sys.argv[1]), atomic_path(sys.argv[1] + "/file") as path:
    path.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_second_run_in_a_folder_is_refused_until_the_first_is_gone_even_if_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "out")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "writing\n"
        with pytest.raises(InputError, match="another run is writing here"), alone_in(tmp_path / "out"):
            pass
        with alone_in(tmp_path / "another"):
            pass
        process.kill()
    assert len(list((tmp_path / "out").iterdir())) == 1  # what the killed run left
    with alone_in(tmp_path / "out"):
        assert list((tmp_path / "out").iterdir()) == []


def test_a_run_that_waits_comes_after_the_first(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with alone_in(tmp_path, wait=True):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with alone_in(tmp_path):
            waiting = pool.submit(second)
            time.sleep(0.1)
            order.append("first")
        waiting.result()
    assert order == ["first", "second"]


def test_what_a_living_writer_has_begun_stays(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "file") as path:
        path.write_text("half")
        with alone_in(tmp_path):
            assert path.exists()
    assert (tmp_path / "file").read_text() == "half"


def test_a_folder_that_was_made_and_stays_empty_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with alone_in(tmp_path / "old", tmp_path / "new" / "deep"):
        assert (tmp_path / "new" / "deep").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.timeout(10)
def test_only_regular_files_of_a_sane_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a" * 100)
    assert read_bytes(tmp_path / "file", most=100) == b"a" * 100
    with pytest.raises(InputError, match="expected at most"):
        read_bytes(tmp_path / "file", most=99)
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/dev/zero", tmp_path / "zero")
    for name in ("pipe", "zero", "."):
        with pytest.raises(InputError, match="expected a file, found a"):
            check_regular(tmp_path / name)


def test_a_device_or_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", Path("/dev/null"), Path("/dev/new"), Path("/dev/stdout")):
        with pytest.raises(InputError, match="found a device or pipe; name a file"):
            check_target(target)
        with pytest.raises(InputError, match="found a device or pipe; name a file"), atomic_path(target):
            pytest.fail("no file may be made there")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
