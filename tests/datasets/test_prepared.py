"""The prepared folder: what it holds, when it is made again, and what happens when making it fails."""

import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import run_process
from PIL import Image
from stand_in import project, random_euler, write_faces

from src.datasets.challenge import write_annotations
from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.datasets.report import FolderReport
from src.errors import InputError

COUNT = 6


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    write_faces(folder, COUNT)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "prepared"


def _break(picture: Path) -> None:
    picture.write_bytes(picture.read_bytes()[:100])


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_points_go_in_and_out_again(out: Path, tmp_path: Path) -> None:
    for i, size in enumerate([(96, 96), (123, 77), (50, 301)]):
        _, points_image = write_faces(tmp_path / str(i), COUNT, seed=i, size=size)
        prepare([tmp_path / str(i)], out, image_size=64)
        prepared = load_prepared(out)
        np.testing.assert_allclose(prepared.points_image, points_image, atol=1e-4)
        assert prepared.size.tolist() == [[size[1], size[0]]] * COUNT


def test_angles_are_those_that_the_faces_were_projected_with(faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    np.testing.assert_allclose(load_prepared(out).euler, random_euler(COUNT), atol=1e-3)


def test_the_folder_holds_what_its_docstring_says(faces: Path, out: Path) -> None:
    report = prepare([faces], out, image_size=64)
    assert report == FolderReport(faces=COUNT, broken=0, outside=0, left_out="", redone=True)
    assert _files(out) == ["images.npy", "labels.npz", "list.txt", "meta.json"]
    prepared = load_prepared(out)
    assert len(prepared) == COUNT
    assert prepared.images.shape == (COUNT, 64, 64, 3)
    assert prepared.images.dtype == np.uint8
    assert isinstance(prepared.images, np.memmap)
    assert prepared.names.tolist() == [f"faces/face{i:03d}.png" for i in range(COUNT)]
    rows = [line.split(" ") for line in (out / "list.txt").read_text().splitlines()]
    assert [len(row) for row in rows] == [140] * COUNT
    assert [row[0] for row in rows] == prepared.names.tolist()
    values = np.array([row[1:] for row in rows], float)
    np.testing.assert_allclose(values[:, :136], prepared.points_image.reshape(COUNT, 136), atol=1e-3)
    np.testing.assert_allclose(values[:, 136:], prepared.euler, atol=1e-3)


def test_several_sources_keep_their_order_and_index(tmp_path: Path, out: Path) -> None:
    write_faces(tmp_path / "one", 3)
    write_faces(tmp_path / "two", 4)
    prepare([tmp_path / "one", tmp_path / "two"], out, image_size=32)
    prepared = load_prepared(out)
    assert prepared.source.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert prepared.source_names.tolist() == ["one", "two"]
    assert prepared.names[3] == "two/face000.png"


def test_a_second_run_keeps_everything(faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert not prepare([faces], out, image_size=64).redone
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def _another_picture(faces: Path, _: Path) -> None:
    Image.new("RGB", (96, 96)).save(faces / "face001.png")


def _other_points(faces: Path, _: Path) -> None:
    write_annotations(faces, [f"face{i:03d}.png" for i in range(COUNT)], project(random_euler(COUNT, 9)) * 96)


def _unfinished(_: Path, out: Path) -> None:
    (out / "meta.json").unlink()


@pytest.mark.parametrize("change", [_another_picture, _other_points, _unfinished])
def test_a_change_makes_the_folder_again(change: object, faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    change(faces, out)
    assert prepare([faces], out, image_size=64).redone
    assert len(load_prepared(out)) == COUNT


def test_another_size_makes_the_folder_again(faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    assert prepare([faces], out, image_size=48).redone
    assert load_prepared(out).images.shape[1:] == (48, 48, 3)


def test_a_broken_picture_stops_before_anything_is_replaced(faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    _break(faces / "face002.png")
    (faces / "face004.png").unlink()
    with pytest.raises(InputError, match=r"2 of 6 pictures are broken \(.*face002.*face004.*set skip_broken"):
        prepare([faces], out, image_size=64)
    assert len(load_prepared(out)) == COUNT
    assert _files(out) == ["images.npy", "labels.npz", "list.txt", "meta.json"]


def test_skipping_broken_pictures_leaves_them_out_and_counts_them(faces: Path, out: Path) -> None:
    _break(faces / "face002.png")
    report = prepare([faces], out, image_size=64, skip_broken=True)
    assert (report.faces, report.broken, report.outside) == (COUNT - 1, 1, 0)
    assert "face002.png: the picture cannot be decoded" in report.left_out
    prepared = load_prepared(out)
    assert [name[-7:-4] for name in prepared.names] == ["000", "001", "003", "004", "005"]
    np.testing.assert_allclose(prepared.points_image[2], project(random_euler(COUNT))[3] * 96, atol=1e-4)
    prepare([faces], out.with_name("whole"), image_size=64, skip_broken=True)
    assert _files(out) == ["images.npy", "labels.npz", "list.txt", "meta.json"]
    assert not prepare([faces], out, image_size=64, skip_broken=True).redone
    with pytest.raises(InputError, match="1 of 6"):
        prepare([faces], out, image_size=64)


def test_a_picture_and_its_row_belong_together_after_skipping(faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    whole = np.array(load_prepared(out).images)
    _break(faces / "face000.png")
    prepare([faces], out, image_size=64, skip_broken=True)
    np.testing.assert_array_equal(load_prepared(out).images, whole[1:])


def test_nothing_but_broken_pictures_is_refused_also_when_skipping(faces: Path, out: Path) -> None:
    for picture in faces.glob("*.png"):
        _break(picture)
    with pytest.raises(InputError, match="all 6 pictures are broken"):
        prepare([faces], out, image_size=64, skip_broken=True)
    assert not out.exists()


def test_points_far_outside_their_picture_count_as_broken(faces: Path, out: Path) -> None:
    points = project(random_euler(COUNT)) * 96
    points[3] += 500
    write_annotations(faces, [f"face{i:03d}.png" for i in range(COUNT)], points)
    with pytest.raises(InputError, match=r"face003.*far outside the picture \(96 x 96"):
        prepare([faces], out, image_size=64)


def test_the_message_stays_short_where_many_pictures_are_broken(tmp_path: Path, out: Path) -> None:
    names, points = write_faces(tmp_path / "many", 40)
    write_annotations(tmp_path / "many", [names[0], *(f"absent{name}" for name in names[1:])], points)
    with pytest.raises(InputError, match=r"39 of 40 .* and 29 more"):
        prepare([tmp_path / "many"], out, image_size=64)


def test_a_full_disk_is_noticed_before_it_kills_the_process(
    faces: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(faces)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match="free disk"):
        prepare([faces], out, image_size=64)
    assert not out.exists()


def test_a_disk_that_fills_up_leaves_a_folder_that_counts_as_absent(
    faces: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare([faces], out, image_size=64)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space left"):
            prepare([faces], out, image_size=48)
    with pytest.raises(InputError, match="no prepared faces"):
        load_prepared(out)
    assert not list(out.glob(".*"))
    prepare([faces], out, image_size=48)
    assert len(load_prepared(out)) == COUNT


def _absent(out: Path) -> None:
    shutil.rmtree(out)


def _other_version(out: Path) -> None:
    meta = json.loads((out / "meta.json").read_text())
    (out / "meta.json").write_text(json.dumps({**meta, "version": 99}))


def _pictures_cut_short(out: Path) -> None:
    content = (out / "images.npy").read_bytes()
    (out / "images.npy").write_bytes(content[: len(content) // 2])


def _labels_cut_short(out: Path) -> None:
    content = (out / "labels.npz").read_bytes()
    (out / "labels.npz").write_bytes(content[: len(content) // 2])


def _labels_missing(out: Path) -> None:
    (out / "labels.npz").unlink()


def _labels_of_another_folder(out: Path) -> None:
    meta = json.loads((out / "meta.json").read_text())
    (out / "meta.json").write_text(json.dumps({**meta, "faces": COUNT + 1}))


def _meta_damaged(out: Path) -> None:
    (out / "meta.json").write_text('{"version": 1, "fa')


def _meta_without_counts(out: Path) -> None:
    (out / "meta.json").write_text('{"version": 1}')


DAMAGES = {
    _absent: "no prepared faces",
    _other_version: "expected prepared version 1, found 99",
    _pictures_cut_short: "missing or damaged",
    _labels_cut_short: "missing or damaged",
    _labels_missing: "missing or damaged",
    _labels_of_another_folder: "expected 7 faces, as meta.json states, found 6",
    _meta_damaged: "no prepared faces",
    _meta_without_counts: "expected None faces",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_with_the_command_that_mends_it(damage: object, faces: Path, out: Path) -> None:
    prepare([faces], out, image_size=64)
    damage(out)
    with pytest.raises(InputError, match=f"{DAMAGES[damage]}.*preparation.py"):
        load_prepared(out)
    assert prepare([faces], out, image_size=64).redone
    assert len(load_prepared(out)) == COUNT


def _growth_of_memory(folder: Path, out: Path, image_size: int) -> int:
    """Megabytes by which preparing a folder raises the peak of a new process, with two threads and blocks of 8 MB."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("needs Linux: getrusage's peak includes that of the process which started this one")
    measure = (
        "import os, re, sys; os.sched_getaffinity = lambda _: {0, 1}\n"
        "from src.datasets import decoding, prepare\n"
        "decoding._BLOCK_BYTES = 8_000_000\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]) // 1024\n"
        "before = peak()\n"
        "prepare.prepare([sys.argv[1]], sys.argv[2], image_size=int(sys.argv[3])); print(peak() - before)"
    )
    outcome = run_process("-c", measure, folder, out, image_size)
    assert outcome.code == 0, outcome
    return int(outcome.out)


def _write_copies(folder: Path, count: int, side: int) -> None:
    """Annotated hard links of one picture."""
    write_faces(folder, 1, size=(side, side))
    names = [f"{i}.png" for i in range(count)]
    for name in names:
        (folder / name).hardlink_to(folder / "face000.png")
    write_annotations(folder, names, project(random_euler(count)) * side)


@pytest.mark.slow
def test_memory_stays_bounded_with_large_pictures(tmp_path: Path, out: Path) -> None:
    """12 pictures of 27 MB decoded: all at once would be 324 MB."""
    _write_copies(tmp_path / "large", 12, 3000)
    assert _growth_of_memory(tmp_path / "large", out, 192) < 250


@pytest.mark.slow
def test_memory_stays_bounded_with_many_faces(tmp_path: Path, out: Path) -> None:
    """500 squares of 256 pixels: a memory map of them, or a list, would add 98 MB."""
    _write_copies(tmp_path / "many", 500, 96)
    assert _growth_of_memory(tmp_path / "many", out, 256) < 50
    assert len(load_prepared(out)) == 500
