"""Whole commands on folders with a damaged file: exit code 0, or 2 with one line and nothing written."""

import shutil
from collections.abc import Callable
from pathlib import Path

from commands import SMALL, run
from fuzz_targets import Target, write_model, write_onnx
from stand_in import write_faces

from src.datasets.prepare import prepare
from src.predict.submission import write_solution


def _faces(folder: Path) -> None:
    write_faces(folder / "synthetics_train", 3, size=(40, 40))
    write_faces(folder / "aflw_val", 3, size=(40, 40))


def _model_and_pictures(folder: Path) -> None:
    write_model(folder)
    write_faces(folder / "pictures", 3, size=(40, 40))


def _prepared(folder: Path) -> None:
    for name in ("train", "validation"):
        write_faces(folder / "faces", 4, size=(40, 40))
        prepare([folder / "faces"], folder / name, image_size=64)
        shutil.rmtree(folder / "faces")


def _solution(folder: Path) -> None:
    write_model(folder)
    names, points_image = write_faces(folder / "pictures", 3, size=(40, 40))
    write_solution(folder / "solution.txt", names, points_image)


def _onnx_and_list(folder: Path) -> None:
    write_onnx(folder, is_sealed=True)
    names, _ = write_faces(folder / "pictures", 2, size=(40, 40), annotated=False)
    (folder / "list.txt").write_text("".join(f"pictures/{name}\n" for name in names))
    boxes = "".join(f"pictures/{name},5,5,35,35\n" for name in names)
    (folder / "boxes.csv").write_text(f"picture,left,top,right,bottom\n{boxes}")


def _command(*argv: object, one_by_one: bool = False) -> Callable[[Path], None]:
    """A reader that runs a command; words that begin with @ are paths inside its folder, @out is where it writes.

    one_by_one: the command writes a whole file for each input in turn, so that some may stand where it stops.
    """

    def read(folder: Path) -> None:
        outcome = run(*(folder / word[1:] if str(word).startswith("@") else word for word in argv))
        out = folder / "out"
        written = sorted(path.name for path in out.rglob("*") if path.is_file())
        shutil.rmtree(out, ignore_errors=True)
        if outcome.code not in (0, 2):
            raise AssertionError(f"exit code {outcome.code}: {outcome.err}")
        if outcome.code == 2 and (outcome.err.count("\n") != 1 or not outcome.err.startswith("error: ")):
            raise AssertionError(f"exit code 2 with {outcome.err!r}")
        if outcome.code == 2 and (written if not one_by_one else [name for name in written if ".partial" in name]):
            raise AssertionError(f"exit code 2, but {written} were written; {outcome.err!r}")

    return read


_TRAIN = ("--dataroot", "@train", "--val_dataroot", "@validation", "--snapshot", "@out/snapshot")
_FILES = ("--best_model", "@out/best", "--log_file", "@out/train.logs", "--summary", "@out/summary.csv")
_WITH_MODEL = ("--model_path", "@model.pth.tar")
_TEST = ("test.py", *_WITH_MODEL, "--test_dataroot", "@pictures", "--out_dir", "@out", "--looks", 1)
_PREDICT = ("src/predict/__main__.py", "@list.txt", "@out", "--model_path", "@model.onnx", "--boxes", "@boxes.csv")
_CLEAN = ("--clean", "@out/clean", "--sheet", "@out/sheet.png", "--pairs", 0)

COMMANDS = {
    "command_prepare": Target(
        _faces,
        "*/*",
        _command("preparation.py", "--data_root", "@.", "--out_root", "@out", "--image_size", 32, one_by_one=True),
        cases=2,
    ),
    "command_convert": Target(
        _faces,
        "*/*",
        _command("preparation.py", "--root", "@aflw_val", "--out", "@out", "--to", "pts"),
        cases=20,
    ),
    "command_train": Target(
        _prepared, "*/*[!t]", _command("train.py", *SMALL, "--end_epoch", 1, *_TRAIN, *_FILES), cases=1
    ),
    "command_test": Target(_model_and_pictures, "**/*", _command(*_TEST), cases=4),
    "command_score": Target(
        _model_and_pictures,
        "pictures/annot.pkl",
        _command(*_TEST, "--annotations", "@pictures/annot.pkl", "--preview", 0),
        cases=3,
    ),
    "command_check": Target(
        _solution, "*.zip", _command("test.py", "--check", "@solution.zip", "--test_dataroot", "@pictures"), cases=60
    ),
    "command_duplicates": Target(
        _faces,
        "*/*",
        _command("src/hygiene/__main__.py", "--root", "@synthetics_train", "@aflw_val", *_CLEAN),
        cases=5,
    ),
    "command_demo": Target(
        _model_and_pictures,
        "pictures/*.png",
        _command("src/demo/__main__.py", "@pictures", "--crops", *_WITH_MODEL, "--out", "@out", one_by_one=True),
        cases=3,
    ),
    "command_predict": Target(
        _onnx_and_list,
        "**/*",
        _command(*_PREDICT, one_by_one=True),
        cases=10,
    ),
    "command_export": Target(
        write_model, "*", _command("src/export/__main__.py", *_WITH_MODEL, "--out", "@out/model.onnx"), cases=1
    ),
}
