"""Every wrong input ends in one line on stderr and exit code 2, without a traceback and without half a file."""

import errno
import os
import pickle
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command_lines import RunsCode, prediction, preparation, training
from commands import ROOT, assert_refused, load, run, run_process
from conftest import Run
from PIL import Image
from stand_in import write_faces

from src.command_line import run_command
from src.network import checkpoint


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "no prepared faces"),
        (lambda folder: (folder / "meta.json").write_text('{"version": 0}'), "expected prepared version"),
        (lambda folder: os.truncate(folder / "images.npy", 5000), "missing or damaged"),
        (lambda folder: os.truncate(folder / "labels.npz", 500), "missing or damaged"),
    ],
)
@pytest.mark.parametrize("name", ["AFLW_train_data", "AFLW_validation_data"])
def test_a_bad_prepared_folder_stops_training(
    name: str, damage: object, words: str, prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path / "data")
    damage(tmp_path / "data" / name)
    assert_refused(run(*training(tmp_path / "data", tmp_path / "run")), words, name, "preparation.py")
    assert not (tmp_path / "run").exists()


BAD_VALUES = {
    ("--input_size", "32"): "64 to 512 pixels",
    ("--train_batchsize", "0"): "--train_batchsize above 0",
    ("--train_batchsize", "1"): "--train_batchsize of at least 2",
    ("--train_batchsize", "41"): "lower train_batchsize",
    ("--val_batchsize", "-1"): "--val_batchsize",
    ("--end_epoch", "0"): "--end_epoch",
    ("--base_lr", "0"): "--base_lr",
    ("--base_lr", "nan"): "--base_lr",
    ("--ema", "1"): "--ema",
    ("--wd", "-0.1"): "--weight-decay",
    ("--minutes", "-1"): "--minutes",
    ("--keep", "0"): "--keep",
    ("--seed", "-1"): "--seed",
    ("--seed", "99999999999999999999"): "--seed",
    ("--workers", "-1"): "--workers",
    ("--source_weights", "1", "2"): "one source weight for each",
    ("--source_weights", "0"): "above 0",
    ("--source_weights", "-1"): "--source_weights",
    ("--source_weights", "nan"): "--source_weights",
    ("--device", "tpu"): "unknown device",
    ("--device", "cpu", "--amp", "fp16"): "expected amp off on a CPU",
}


@pytest.mark.parametrize("flags", BAD_VALUES, ids=" ".join)
def test_a_value_out_of_range_stops_training(flags: tuple[str, ...], prepared: Path, tmp_path: Path) -> None:
    assert_refused(run(*training(prepared, tmp_path / "run", *flags)), BAD_VALUES[flags])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--backbone", "resnet50"),
        ("--head", "transformer"),
        ("--loss", "hinge"),
        ("--augmentation", "all"),
        ("--recipe", "none"),
        ("--amp", "int8"),
        ("--end_epoch", "many"),
        ("--minutes", "inf"),
        ("--weight-decay", "nan"),
        ("--train_batchsize", "99999999999999999999"),
        ("--workers", "2000"),
        ("--processes", "2000"),
        ("--no-such-flag",),
    ],
    ids=" ".join,
)
def test_an_unknown_name_number_or_flag_is_refused_by_its_own(flags: tuple, prepared: Path, tmp_path: Path) -> None:
    assert_refused(run(*training(prepared, tmp_path, *flags)), flags[0].strip("-"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA, so asking for it is no mistake")
def test_cuda_without_cuda_is_refused(trained: Run, challenge: Path, tmp_path: Path) -> None:
    assert_refused(run(*training(trained.prepared, tmp_path / "run", "--device", "cuda")), "found 0 CUDA", "use cpu")
    assert_refused(
        run(*prediction(trained.best, challenge / "aflw_test", tmp_path), "--device", "cuda:1"), "found 0 CUDA"
    )


def _evil(path: Path) -> None:
    torch.save({"format": checkpoint.FORMAT, "model": {}, "weights": {}, "evil": RunsCode()}, path)


BAD_CHECKPOINTS = {
    "absent": (lambda path: path.unlink(), "no such checkpoint"),
    "truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "not a readable checkpoint"),
    "empty": (lambda path: os.truncate(path, 0), "not a readable checkpoint"),
    "a picture": (lambda path: Image.new("RGB", (9, 9)).save(path, "PNG"), "not a readable checkpoint"),
    "a pickle of today": (lambda path: path.write_bytes(pickle.dumps({"a": 1}, 5)), ""),
    "another program's": (lambda path: torch.save({"state_dict": {}}, path), "as train.py writes it"),
    "code": (_evil, "not a readable checkpoint"),
}


@pytest.mark.parametrize("kind", BAD_CHECKPOINTS)
def test_a_bad_checkpoint_is_refused_by_every_command_that_reads_one(
    kind: str, trained: Run, challenge: Path, tmp_path: Path
) -> None:
    damage, words = BAD_CHECKPOINTS[kind]
    path = tmp_path / "model.pth.tar"
    shutil.copy(trained.snapshots / "checkpoint_epoch_2.pth.tar", path)
    damage(path)
    assert_refused(run(*prediction(path, challenge / "aflw_test", tmp_path / "out")), words, str(path))
    for flag in ("--resume", "--init"):
        assert_refused(run(*training(trained.prepared, tmp_path / "run", flag, path)), words, str(path))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "run").exists()
    assert not Path("/tmp/landmark_code_ran").exists()


def test_weights_of_another_architecture_are_refused(trained: Run, challenge: Path, tmp_path: Path) -> None:
    content = checkpoint.load(trained.best)
    checkpoint.save(tmp_path / "model", content | {"model": content["model"] | {"backbone": "mobilenet_v2"}})
    refused = run(*prediction(tmp_path / "model", challenge / "aflw_test", tmp_path / "out"))
    assert_refused(refused, "expected weights of mobilenet_v2")
    snapshot = trained.snapshots / "checkpoint_epoch_2.pth.tar"
    other = run(*training(trained.prepared, tmp_path, "--resume", snapshot, "--backbone", "shufflenet_v2_x1_0"))
    assert_refused(other, "belongs to another network")
    assert_refused(run(*training(trained.prepared, tmp_path, "--resume", trained.best)), "found a model file")
    assert_refused(run(*training(trained.prepared, tmp_path, "--resume")), "found none; start a new run")


def test_bad_test_folders_are_refused(trained: Run, tmp_path: Path) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    assert_refused(run(*prediction(trained.best, pictures, out)), "no such folder")
    pictures.mkdir()
    assert_refused(run(*prediction(trained.best, pictures, out)), "found none")
    Image.new("RGB", (50, 50)).save(pictures / "good.png")
    (pictures / "bad.jpg").write_bytes(b"")
    assert_refused(run(*prediction(trained.best, pictures, out)), "bad.jpg: the file is empty")
    (pictures / "bad.jpg").unlink()
    Image.new("RGB", (50, 50)).save(pictures / "my face.png")
    assert_refused(run(*prediction(trained.best, pictures, out)), "names without spaces")
    assert_refused(run(*prediction(trained.best, pictures, pictures / ".." / "pictures")), "another folder than")
    assert not out.exists()


def test_bad_annotations_of_the_test_folder_are_refused(trained: Run, challenge: Path, tmp_path: Path) -> None:
    command = prediction(trained.best, challenge / "aflw_test", tmp_path / "out")
    assert_refused(run(*command, "--annotations", tmp_path / "absent.pkl"), "absent.pkl", "No such file")
    (tmp_path / "text.pkl").write_text("text")
    assert_refused(run(*command, "--annotations", tmp_path / "text.pkl"), "not a readable pickle")
    write_faces(tmp_path / "other", 12)
    os.remove(tmp_path / "other" / "annot.pkl")
    names = [f"other{i}.png" for i in range(12)]
    (tmp_path / "other.pkl").write_bytes(pickle.dumps((names, np.ones((12, 68, 2)))))
    assert_refused(run(*command, "--annotations", tmp_path / "other.pkl"), "found other names")


@pytest.mark.parametrize("flags", [("--batch_size", "0"), ("--preview", "-1")])
def test_values_out_of_range_stop_testing(flags: tuple, trained: Run, challenge: Path, tmp_path: Path) -> None:
    assert_refused(run(*prediction(trained.best, challenge / "aflw_test", tmp_path / "out"), *flags), flags[0])


def test_a_wrong_solution_is_refused(tmp_path: Path) -> None:
    assert_refused(run("test.py", "--check", tmp_path / "absent.txt"), "no such file")
    (tmp_path / "solution.txt").write_text("a.jpg 1 2 3\n")
    assert_refused(run("test.py", "--check", tmp_path / "solution.txt"), "expected 137 columns, found 4")


def test_an_output_folder_that_cannot_be_made_is_named(
    trained: Run, root: Path, challenge: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("I am a file")
    blocked = tmp_path / "file" / "folder"
    assert_refused(run(*prediction(trained.best, challenge / "aflw_test", blocked)), str(tmp_path / "file"))
    assert_refused(run(*training(trained.prepared, blocked)), str(tmp_path / "file"))
    assert_refused(run(*preparation(root), "--out_root", blocked), str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "I am a file"


@pytest.mark.slow
def test_a_full_disk_while_training_says_so_and_keeps_the_older_files(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Run(tmp_path / "full", trained.prepared)
    shutil.copytree(trained.folder, full.folder)
    before = {path: path.read_bytes() for path in full.folder.rglob("*") if path.is_file()}

    def write_nothing(_: Path, __: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_nothing)
        refused = run("train.py", "--resume", "--end_epoch", 3, "-j", 1, *full.flags)
    assert_refused(refused, "No space left on device", str(full.folder))
    # The summary may have its new row already; a resumed run writes the same one again.
    after = {path: path.read_bytes() for path in full.folder.rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    assert all(after[path] == before[path] for path in before if path.suffix == ".tar")
    assert run("train.py", "--resume", "--end_epoch", 3, "-j", 1, *full.flags).code == 0


@pytest.mark.slow
def test_a_process_that_may_not_write_large_files_says_so(trained: Run, tmp_path: Path) -> None:
    """The operating system refuses in the middle of a file, as a full disk does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    script, *flags = training(trained.prepared, tmp_path / "run")
    assert_refused(run_process(ROOT / script, *flags, preexec_fn=limit), "File too large", "best.pth.tar")
    assert not [path for path in (tmp_path / "run").rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("script", ["preparation.py", "train.py", "test.py"])
def test_every_command_as_a_process_ends_with_one_line_where_its_input_is_missing(script: str, tmp_path: Path) -> None:
    flags = {
        "preparation.py": ("--data_root", tmp_path / "absent", "--out_root", tmp_path / "out"),
        "train.py": ("--dataroot", tmp_path / "absent"),
        "test.py": ("--model_path", tmp_path / "absent"),
    }[script]
    assert_refused(run_process(ROOT / script, *flags), str(tmp_path / "absent"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_broken_picture_and_a_broken_checkpoint_give_one_line_in_a_process_too(root: Path, tmp_path: Path) -> None:
    """Libraries warn on stderr about odd files; in-process tests do not see that."""
    Image.new("RGB", (10_000, 9_900)).save(root / "synthetics_train" / "face001.png")
    script, *flags = preparation(root)
    assert_refused(run_process(ROOT / script, *flags), "megapixels")
    (tmp_path / "model").write_bytes(pickle.dumps({"a": 1}, 4))
    assert_refused(run_process(ROOT / "test.py", "--model_path", tmp_path / "model"), "not a readable checkpoint")


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        run_command(broken)


def test_ctrl_c_before_training_ends_quietly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(load("train.py"), "open_prepared", interrupt)
    outcome = run("train.py")
    assert (outcome.code, outcome.err) == (130, "interrupted\n")
