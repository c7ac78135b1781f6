"""Flags that the others leave without effect are refused before the work, also with their default's value."""

from pathlib import Path

import pytest
from commands import assert_refused, run
from rectangle_face import rectangle_picture

from src.errors import InputError
from src.parser import Parser

_HYGIENE, _DEMO = "src/hygiene/__main__.py", "src/demo/__main__.py"
_CONVERSION = ("preparation.py", "--root", "absent", "--out", "out", "--to", "pts")
_CALIBRATION = "src/evaluation/calibrate.py"
IDLE = [
    (_CONVERSION, ("--image_size", 384), "--image_size goes with --crop"),
    (_CONVERSION, ("--crop", "whole", "--image_size", 256), "--image_size goes with --crop"),
    (_CONVERSION, ("--out_root", "data"), "--out_root goes without --root"),
    (("preparation.py",), ("--demo", 5, "--seed", 3), "--seed goes with --repose"),
    (
        ("preparation.py", "--train_dirs", "one", "--val_dir", "two"),
        ("--data_root", "three"),
        "--data_root goes without --val_dir",
    ),
    (("test.py", "--check", "absent.zip"), ("--annotations", "annot.pkl"), "--annotations goes with --test_dataroot"),
    (("test.py", "--check", "absent.zip"), ("--model_path", "best.pth.tar"), "--model_path goes with --test_dataroot"),
    (("test.py", "--check", "absent.zip"), ("--looks", 2), "--looks goes without --check"),
    (("test.py",), ("--normalize", "box"), "--normalize goes with --annotations"),
    (("train.py", "--recipe", "demo"), ("--end_epoch", 5), "--end_epoch goes without a time budget; add --minutes 0"),
    (("train.py",), ("--start_share", 0.3), "--start_share goes with --start_size"),
    (("train.py", "--teacher", "best.pth.tar"), ("--distill_weight", 5), "--distill_weight goes with --distill"),
    (("train.py", "--no-auxiliary"), ("--euler_branch", "both"), "--euler_branch goes with --auxiliary"),
    (("train.py", "--init", "best.pth.tar"), ("--widths", 8, 8), "--widths goes without --init"),
    (("src/training/soup.py", "a", "b", "--out", "c"), ("--batches", 9), "--batches goes with --dataroot"),
    (("src/predict/__main__.py", "l.txt", "out", "--boxes", "b.csv"), ("--crops",), "--crops goes without --boxes"),
    (("src/export/tflite.py",), ("--calibration_faces", 9), "--calibration_faces goes with --form int8"),
    (("bench.py", "--quick"), ("--repeats", 9), "--repeats goes without --quick"),
    ((_HYGIENE, "--root", "absent"), ("--seed", 1), "--seed goes with --split"),
    ((_HYGIENE, "--root", "absent"), ("--frame", "stored"), "--frame goes with --clean and --split"),
    ((_DEMO, "absent.jpg"), ("--box_kind", "detector"), "--box_kind goes with --boxes"),
    ((_DEMO, "absent.jpg", "--boxes", "b.csv"), ("--crops",), "--crops goes without --boxes"),
    ((_DEMO, "absent.jpg", "--boxes", "b.csv"), ("--tiles",), "--tiles goes without --boxes"),
    ((_DEMO, "absent.jpg", "--crops"), ("--detector", "d.tflite"), "--detector goes without --boxes and --crops"),
    ((_DEMO, "absent.gif", "--crops"), ("--every", 12), "--every goes without --boxes and --crops"),
    ((_DEMO, "film.mp4"), ("--fps", 30), "--fps goes with --frames"),
    ((_CALIBRATION,), ("--only", "helen"), "--only goes with --held_out"),
    ((_CALIBRATION, "--held_out", "absent"), ("--faces", 40), "--faces goes without --held_out"),
    (("src/notebook/__main__.py", "03", "--update"), ("--out_dir", "out"), "--out_dir goes without --update"),
    (
        ("src/autolabel/__main__.py", "--labeled", "one", "--unlabeled", "two", "--val_dir", "three"),
        ("--held_out", 0.3),
        "--held_out goes without --val_dir",
    ),
]


@pytest.mark.parametrize(("command", "flags", "words"), IDLE, ids=[words for *_, words in IDLE])
def test_an_idle_flag_is_refused_and_nothing_is_written(
    command: tuple, flags: tuple, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(run(*command, *flags), words)
    assert list(tmp_path.iterdir()) == []


def test_flags_of_videos_beside_pictures(tmp_path: Path) -> None:
    picture, out = tmp_path / "face.png", tmp_path / "out"
    rectangle_picture((96, 96), (20, 20, 60, 60)).save(picture)
    for flags in (("--raw",), ("--every", 12)):
        assert_refused(run(_DEMO, picture, "--out", out, *flags), f"{flags[0]} goes with a video")
    assert not out.exists()


def test_a_flag_counts_as_given_also_with_its_default() -> None:
    parser = Parser()
    parser.add_argument("--size", type=int, default=3)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("place", nargs="?")
    parser.parse_args(["--size", "3"])
    assert parser.given - {"place"} == {"size"}
    parser.refuse(["bare"], "goes with --size")
    with pytest.raises(InputError, match=r"^--size goes without --bare$"):
        parser.refuse(["bare", "size"], "goes without --bare")
