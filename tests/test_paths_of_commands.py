"""Every path that a command takes, given wrongly: empty, a file for a folder, a folder for a file. One line, nothing
written. A new flag with a path fails the first test until the table below says what it is for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import ROOT, SMALL, assert_refused, parser_of, run, scripts

pytestmark = pytest.mark.slow  # each of them may open models and data
IN_FILE, IN_FOLDER, OUT_FILE, OUT_FOLDER = "file to read", "folder to read", "file to write", "folder to write"


@dataclass(frozen=True)
class Command:
    """A script, what it is called with where all is right, and what each of its paths is for.

    Words in capitals, and the names of arguments without a flag, stand for right paths. A flag that goes with others
    has them behind it.
    """

    script: str
    given: tuple[str, ...]
    paths: dict[str, str]

    def argv(self, places: dict[str, Path], path: str, value: str) -> list[str]:
        """The command with another value of one path."""
        flag, *others = path.split()
        words = [*self.given, *others]
        if flag.startswith("-") and flag not in words:
            words += [flag, ""]
        changed = words.index(flag) + flag.startswith("-")
        right = [f"{places[word]}{i}" if word == OUT else str(places.get(word, word)) for i, word in enumerate(words)]
        return [*right[:changed], value, *right[changed + 1 :]]


MODEL, FACES, PICTURES, ARRAYS, OUT = "MODEL", "FACES", "PICTURES", "ARRAYS", "OUT"
_PICTURES = {"folder": IN_FOLDER, "--model_path": IN_FILE}
_TRAINED = ("--dataroot", ARRAYS, "--val_dataroot", ARRAYS)
_ARRAYS = {"--dataroot": IN_FOLDER, "--val_dataroot": IN_FOLDER}
_ONE = {"--model_path": IN_FILE, "--out": OUT_FILE}
_GIVEN = ("--model_path", MODEL, "--out", OUT)
COMMANDS = (
    Command(
        "preparation.py",
        ("--data_root", FACES, "--out_root", OUT, "--image_size", "32"),
        {
            "--data_root": IN_FOLDER,
            "--train_dirs": IN_FOLDER,
            "--val_dir": IN_FOLDER,
            "--out_root": OUT_FOLDER,
            "--sources --face_model FACES": IN_FILE,
            "--face_model --adapt": IN_FOLDER,
            "--check_labels": IN_FILE,
        },
    ),
    Command("preparation.py", ("--root", PICTURES, "--out", OUT), {"--root": IN_FOLDER, "--out": OUT_FOLDER}),
    Command("preparation.py", ("--root", PICTURES, "--out", OUT, "--to", "pts"), {"--out": OUT_FOLDER}),
    Command(
        "train.py",
        (*_TRAINED, *SMALL, *("--end_epoch", "1", "--snapshot", OUT, "--best_model", OUT, "--log_file", OUT)),
        _ARRAYS
        | {
            "--init": IN_FILE,
            "--snapshot": OUT_FOLDER,
            "--best_model": OUT_FOLDER,
            "--log_file": OUT_FILE,
            "--summary": OUT_FILE,
        },
    ),
    Command(
        "test.py",
        ("--model_path", MODEL, "--test_dataroot", PICTURES, "--out_dir", OUT, "--preview", "0"),
        {
            "--model_path": IN_FILE,
            "--test_dataroot": IN_FOLDER,
            "--out_dir": OUT_FOLDER,
            "--annotations": IN_FILE,
        },
    ),
    Command("test.py", (), {"--check": IN_FILE}),
    Command(
        "bench.py", ("--quick", "--only", "onnx", "--work", OUT, *_GIVEN[:3], "OUT.csv"), _ONE | {"--work": OUT_FOLDER}
    ),
    Command(
        "src/hygiene/__main__.py",
        ("--root", PICTURES, "--sheet", OUT),
        {
            "--root": IN_FOLDER,
            "--sheet": OUT_FILE,
            "--remove": OUT_FILE,
            "--clean": OUT_FOLDER,
            "--out --split 0.5": OUT_FOLDER,
        },
    ),
    Command("src/evaluation/whole_pictures.py", ("folder", "--model_path", MODEL), _PICTURES),
    Command("src/evaluation/box_errors.py", ("folder", "--model_path", MODEL), _PICTURES),
    Command("src/evaluation/damaged.py", ("folder", "--model_path", MODEL), _PICTURES),
    Command("src/evaluation/clips.py", ("folder", "--model_path", MODEL), _PICTURES),
    Command(
        "src/evaluation/calibrate.py",
        ("--held_out", ARRAYS, *_GIVEN[:3], "OUT.png"),
        _ONE | {"--held_out": IN_FOLDER, "--check_on": IN_FOLDER},
    ),
    Command(
        "src/evaluation/conventions.py",
        ("prepared", "--model_path", MODEL),
        {"prepared": IN_FOLDER, "--model_path": IN_FILE},
    ),
    Command("src/training/convention.py", ("prepared", "--minutes", "0.01", *_GIVEN), _ONE | {"prepared": IN_FOLDER}),
    Command(
        "src/training/soup.py", ("models", "models", "--out", OUT), {"models": IN_FILE, "--out": OUT_FILE} | _ARRAYS
    ),
    Command("src/export/__main__.py", ("--model_path", MODEL, "--out", "OUT.onnx"), _ONE),
    Command(
        "src/export/tflite.py",
        ("--model_path", MODEL, "--out", "OUT.tflite", "--form", "int8"),
        _ONE | {"--calibration": IN_FOLDER},
    ),
    Command(
        "src/export/detector.py",
        ("--detector", "x", "--out", "OUT.onnx"),
        {"--detector": IN_FILE, "--out": OUT_FILE},
    ),
    Command(
        "src/compression/prune.py",
        (*_TRAINED, "--rounds", "1", "--target_mb", "0.5", "--minutes_per_round", "0.01", *_GIVEN),
        _ONE | _ARRAYS | {"--reference": IN_FILE},
    ),
    Command(
        "src/compression/quantize.py",
        ("--calibration", ARRAYS, *_GIVEN[:3], "OUT.onnx"),
        _ONE | {"--calibration": IN_FOLDER},
    ),
    Command("src/compression/widen.py", _GIVEN, _ONE),
    Command(
        "src/compression/table.py",
        ("models", "--calibration", ARRAYS, "--val_dataroot", ARRAYS, "--out", "OUT.csv"),
        {"models": IN_FILE, "--calibration": IN_FOLDER, "--val_dataroot": IN_FOLDER, "--out": OUT_FILE},
    ),
    Command(
        "src/autolabel/__main__.py",
        ("--labeled", PICTURES, "--unlabeled", PICTURES, "--out", OUT, "--rounds", "0", "--end_epoch", "1"),
        {
            "--unlabeled": IN_FOLDER,
            "--labeled": IN_FOLDER,
            "--val_dir": IN_FOLDER,
            "--out": OUT_FOLDER,
        },
    ),
    Command(
        "src/autolabel/__main__.py",
        ("--labeled", PICTURES, "--labeled_count", "8", "--out", OUT, "--rounds", "0", "--end_epoch", "1"),
        {"--report_dir": IN_FOLDER},
    ),
    Command(
        "src/predict/__main__.py",
        ("image_list", "out_dir", "--model_path", MODEL),
        {"image_list": IN_FILE, "out_dir": OUT_FOLDER, "--model_path": IN_FILE, "--boxes": IN_FILE},
    ),
    Command(
        "src/demo/__main__.py",
        (PICTURES, "--model_path", MODEL, "--out", OUT),
        {"--model_path": IN_FILE, "--out": OUT_FOLDER, "--boxes": IN_FILE, "--detector": IN_FILE},
    ),
    Command(
        "src/light/build.py",
        ("--model_path", MODEL, "--out", OUT),
        {"--model_path": IN_FILE, "--detector": IN_FILE, "--out": OUT_FOLDER},
    ),
    Command(
        "src/notebook/__main__.py",
        ("03", "--out_dir", OUT),
        {"--file": IN_FILE, "--out_dir": OUT_FOLDER, "--report": OUT_FOLDER},
    ),
)
_CASES = [(command, path, kind) for command in COMMANDS for path, kind in command.paths.items()]


@pytest.fixture
def places(prepared: Path, challenge: Path, tmp_path: Path) -> dict[str, Path]:
    """Right paths by the words that stand for them; below tmp_path a list, a file and a folder."""
    picture = challenge / "synthetics_train" / "face000.png"
    (tmp_path / "file").write_text(f"{picture}\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "sealed").mkdir()
    arrays, pictures = prepared / "AFLW_train_data", challenge / "synthetics_train"
    right = {MODEL: ROOT / "small.pth.tar", "models": ROOT / "small.pth.tar", ARRAYS: arrays, "prepared": arrays}
    right |= {FACES: challenge, PICTURES: pictures, "folder": pictures, "image_list": tmp_path / "file"}
    right |= {OUT: tmp_path / "out", "out_dir": tmp_path / "out"}
    return right | {f"OUT{ending}": tmp_path / f"out{ending}" for ending in (".onnx", ".tflite", ".csv", ".png")}


def _wrong(kind: str, folder: Path) -> Iterator[Path]:
    if kind in (IN_FILE, OUT_FILE):
        yield folder / "folder"
    if kind in (IN_FOLDER, OUT_FOLDER):
        yield folder / "file"
    if kind in (OUT_FILE, OUT_FOLDER):
        yield folder / "file" / "below"
        yield folder / "sealed" / "below"
    else:
        yield folder / "absent"


def _state(folder: Path) -> list[tuple[str, bytes]]:
    return [(str(path), path.read_bytes() if path.is_file() else b"") for path in sorted(folder.rglob("*"))]


def test_the_table_knows_every_command_and_path() -> None:
    assert set(scripts()) == {command.script for command in COMMANDS}
    for script in scripts():
        paths = [action for action in parser_of(script)._actions if action.type is Path]
        flags = {(action.option_strings or [action.dest])[-1] for action in paths}
        known = {path.split()[0] for command in COMMANDS if command.script == script for path in command.paths}
        assert known == flags, script


@pytest.mark.parametrize(("command", "path", "kind"), _CASES, ids=[f"{c.script} {path}" for c, path, _ in _CASES])
def test_a_wrong_path_is_one_line_and_leaves_nothing(
    command: Command, path: str, kind: str, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # what a command writes by default would lie here
    may = os.access  # for a test's user may be one whom no permission stops
    monkeypatch.setattr(os, "access", lambda place, mode: place != tmp_path / "sealed" and may(place, mode))
    before = _state(tmp_path)
    assert_refused(run(command.script, *command.argv(places, path, "")), "expected a value, found ''")
    for value in _wrong(kind, tmp_path):
        named = value.parent if value.name == "below" else value
        assert_refused(run(command.script, *command.argv(places, path, str(value))), str(named))
        assert _state(tmp_path) == before
