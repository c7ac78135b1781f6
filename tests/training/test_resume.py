"""Going on with a run whose surroundings have changed: what would mix two trainings is refused, the rest is said."""

import hashlib
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT, SMALL, Outcome, assert_refused, run
from conftest import Run, data_flags
from stand_in import forget_content

from src.config import TrainingConfig
from src.datasets.prepared import load_prepared, shared_faces
from src.files import alone_in
from src.network import checkpoint
from src.training.circumstances import circumstances, compare
from src.training.history import History, Totals
from src.training.options import parse, resume_command
from src.training.world import World


@pytest.fixture
def copied(trained: Run, tmp_path: Path) -> Run:
    """The finished run and its prepared faces, to be changed."""
    shutil.copytree(trained.folder, tmp_path / "run")
    shutil.copytree(trained.prepared, tmp_path / "prepared")
    return Run(tmp_path / "run", tmp_path / "prepared")


def _resume(copied: Run, *flags: object) -> Outcome:
    return run("train.py", "--resume", "--end_epoch", 2, *(flags or ("-j", 1)), *copied.flags)


def _change_labels(folder: Path, **changed: np.ndarray) -> None:
    with np.load(folder / "labels.npz") as labels:
        arrays = dict(labels)
    np.savez(folder / "labels.npz", **arrays | changed)
    forget_content(folder)


def test_an_unchanged_run_goes_on_without_a_word(copied: Run) -> None:
    outcome = _resume(copied)
    assert outcome.code == 0, outcome
    assert "note" not in outcome.out
    assert outcome.out.startswith(f"going on from {copied.snapshots / 'checkpoint_epoch_2.pth.tar'}\n")


def test_other_labels_and_other_names_are_refused(copied: Run) -> None:
    folder = copied.prepared / "AFLW_train_data"
    with np.load(folder / "labels.npz") as labels:
        points_unit, names = labels["points_unit"], labels["names"]
    _change_labels(folder, points_unit=points_unit + np.float32(0.001))
    assert_refused(_resume(copied), "the training faces", "changed since the snapshot")
    _change_labels(folder, points_unit=points_unit, names=names[::-1])
    assert_refused(_resume(copied), "the training faces")


def test_validation_faces_that_are_training_faces_are_said(copied: Run, prepared: Path) -> None:
    training, validation = (load_prepared(prepared / f"AFLW_{part}_data") for part in ("train", "validation"))
    assert shared_faces(training, validation) == []
    assert shared_faces(training, training.take([3, 5])) == training.names[[3, 5]].tolist()
    relabeled = replace(training, points_unit=training.points_unit + np.float32(0.01))
    assert shared_faces(relabeled, training.take([3, 5])) == training.names[[3, 5]].tolist()
    smaller = replace(training, images=training.images[:, ::2, ::2])
    assert shared_faces(smaller, validation) == []
    shutil.rmtree(copied.prepared / "AFLW_validation_data")
    shutil.copytree(copied.prepared / "AFLW_train_data", copied.prepared / "AFLW_validation_data")
    assert f"note: {len(training)} of {len(training)} validation faces are trained on, too" in _resume(copied).out


def test_fewer_faces_are_refused(copied: Run, challenge: Path) -> None:
    source = challenge.parent / "fewer"
    flags = ("--train_dirs", challenge / "aflw_val", "--data_root", challenge, "--image_size", 64)
    assert run("preparation.py", *flags, "--out_root", copied.prepared).code == 0, source
    assert_refused(_resume(copied), "the training faces")


def test_another_batch_size_or_network_is_refused(copied: Run) -> None:
    words = "the batch size changed since the snapshot: 8 then, 10 now"
    assert_refused(_resume(copied, "-j", 1, "--train_batchsize", 10), words)
    for flag, words in (
        ("--input_size 96", "input_size 96 in place of 64"),
        ("--crop .5 .5 .9", "crop (0.5, 0.5, 0.9)"),
    ):
        assert_refused(_resume(copied, "-j", 1, *flag.split()), "belongs to another network", words)


def test_other_settings_are_said(copied: Run) -> None:
    outcome = _resume(copied, "-j", 1, "--base_lr", 0.001, "--augmentation", "none")
    words = "learning_rate 0.001 in place of 0.002, augmentation none in place of full"
    assert f"note: other settings than the snapshot's from here on: {words}\n" in outcome.out


@pytest.mark.slow
def test_other_threads_pictures_and_validation_faces_are_said(copied: Run) -> None:
    for name, damage in (("AFLW_train_data", '"0000"'), ("AFLW_validation_data", None)):
        folder = copied.prepared / name
        if damage:
            meta = (folder / "meta.json").read_text()
            start = meta.index('"fingerprint": ') + len('"fingerprint": ')
            (folder / "meta.json").write_text(meta[:start] + damage + "\n}\n")
        else:
            with np.load(folder / "labels.npz") as labels:
                points_unit = labels["points_unit"]
            _change_labels(folder, points_unit=points_unit + np.float32(0.001))
    outcome = _resume(copied, "-j", 2)
    torch.set_num_threads(1)
    assert outcome.code == 0, outcome
    assert outcome.out.count("note: ") == 3
    for words in ("other picture files", "validation faces differ", "another number of CPU threads"):
        assert words in outcome.out


def test_another_teacher_or_number_of_processes_is_refused() -> None:
    now = {"teacher": "aa", "processes": 2, "threads": 1, "device": "cpu"}
    with pytest.raises(ValueError, match="number of processes changed since the snapshot: 1 then, 2 now"):
        compare(now | {"processes": 1}, now)
    with pytest.raises(ValueError, match="the teacher's file changed"):
        compare(now | {"teacher": ""}, now)
    (note,) = compare(now | {"device": "cuda"}, now)
    assert "another kind of device" in note
    assert compare({}, now) == []  # a snapshot of an older version says nothing
    with pytest.raises(ValueError, match="does not say"):
        compare([1], now)


def test_a_shipped_teacher_is_found_from_any_folder(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, config = load_prepared(prepared / "AFLW_validation_data"), TrainingConfig(teacher="small.pth.tar")
    monkeypatch.chdir(tmp_path)
    now = circumstances(faces, faces, config=config, device=torch.device("cpu"), world=World())
    assert now["teacher"] == hashlib.sha256((ROOT / "small.pth.tar").read_bytes()).hexdigest()


def test_the_command_to_go_on_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resume_command(parse([])[0]) == "python3 train.py --resume"
    words = ["--snapshot", str(tmp_path / "my snapshots"), "-j", "3", "--keep", "5", "--base_lr", "1e-4"]
    flags, _ = parse([*words, *map(str, data_flags(tmp_path))])
    found = shlex.split(resume_command(flags))
    again, _ = parse(found[3:])
    assert "--base_lr" not in found  # the snapshot knows it
    for name in ("snapshot", "workers", "keep", "dataroot", "val_dataroot"):
        assert getattr(again, name) == getattr(flags, name)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert resume_command(flags).startswith("torchrun --nnodes=2 --nproc_per_node=2 train.py --resume --")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("history", value) for value in (None, [1], [{"epoch": 1}], [dict.fromkeys(History.COLUMNS, "1")])),
        *(("totals", value) for value in (None, [], [1, 2, 3], [1, 2, 3, None])),
        *(("trainer", value) for value in (None, [], {"auxiliary": True}, {"auxiliary": 7})),
        ("circumstances", 7),
    ],
)
def test_a_snapshot_with_a_wrong_entry_is_refused(name: str, value: object, copied: Run) -> None:
    path = checkpoint.latest_snapshot(copied.snapshots)
    checkpoint.save(path, checkpoint.load(path) | {name: value})
    assert_refused(_resume(copied), "snapshot")


@pytest.mark.parametrize(("name", "value"), [("step_count", -1), ("step_count", None), ("seconds", float("nan"))])
def test_a_trainers_count_that_is_none_is_refused(name: str, value: object, copied: Run) -> None:
    path = checkpoint.latest_snapshot(copied.snapshots)
    content = checkpoint.load(path)
    content["trainer"][name] = value
    checkpoint.save(path, content)
    assert_refused(_resume(copied), "the snapshot")


def test_the_best_model_of_earlier_epochs_is_not_lost_from_sight(copied: Run) -> None:
    copied.best.unlink()
    assert_refused(_resume(copied), f"{copied.best.parent}: expected best.pth.tar of the finished run")
    assert [path.name for path in copied.best.parent.iterdir()] == []


def test_another_network_is_described_in_words(copied: Run) -> None:
    outcome = _resume(copied, "--backbone", "shufflenet_v2_x1_0", "--points", 51, "-j", 1)
    assert_refused(outcome, "(backbone shufflenet_v2_x1_0 in place of shufflenet_v2_x0_5, points 51 in place of 68)")


def test_a_second_run_into_the_same_folders_is_refused(prepared: Path, tmp_path: Path) -> None:
    second = Run(tmp_path, prepared)
    for folder in (second.snapshots, second.best.parent):
        with alone_in(folder):
            assert_refused(run("train.py", *SMALL, "--end_epoch", 1, *second.flags), "another run is writing here")
    assert not list(tmp_path.iterdir())


def test_sums_of_an_epoch_go_out_and_in() -> None:
    totals = Totals()
    totals.add(1.0, 2.0, 0.1)
    assert Totals.restored(totals.state()).state() == totals.state()
