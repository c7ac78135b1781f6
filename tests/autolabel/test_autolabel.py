"""Auto-labeling: labels are merged and never replaced, rounds go on, bad input leaves nothing."""

import csv
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import SMALL, Outcome, assert_refused, run
from stand_in import write_faces

from src.autolabel import rounds, training
from src.autolabel.agreement import predict_pictures, predict_views
from src.autolabel.labels import load_labels
from src.autolabel.output import count_pseudo
from src.autolabel.task import hide_labels, hide_pictures, open_task
from src.datasets.challenge import read_annotations
from src.errors import InputError
from src.network.checkpoint import load_model
from src.predict.inference import predict_unit
from src.training import loop as engine
from src.training import runs

COMMAND = "src/autolabel/__main__.py"


QUICK = (*SMALL, "--end_epoch", 1, "--copies", 2, "--accept", 1, "--review", 6, "--channel_shift", 20)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 labeled pictures, 12 unlabeled ones, of which one has a labeled one's name and one a labeled one's content."""
    root = tmp_path_factory.mktemp("photos")
    write_faces(root / "labeled", 30, seed=1)
    write_faces(root / "unlabeled", 12, seed=2, annotated=False)  # face000.png ... like the labeled ones
    for i in range(1, 12):
        (root / "unlabeled" / f"face{i:03d}.png").rename(root / "unlabeled" / f"new{i:03d}.png")
    shutil.copy(root / "labeled" / "face005.png", root / "unlabeled" / "copy_of_labeled.png")
    (root / "unlabeled" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """One round after the first on `photos`. Read only."""
    out = tmp_path_factory.mktemp("finished") / "run"
    outcome = autolabel(photos, out, "--rounds", 1)
    assert outcome.code == 0, outcome
    return out, outcome


def autolabel(photos: Path, out: Path, *more: object) -> Outcome:
    return run(
        COMMAND, "--unlabeled", photos / "unlabeled", "--labeled", photos / "labeled", "--out", out, *QUICK, *more
    )


@pytest.mark.slow
def test_the_first_view_is_the_plain_prediction(finished: tuple[Path, Outcome]) -> None:
    model, _ = load_model(finished[0] / "best.pth.tar")
    squares = torch.randint(0, 256, (2, 64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    np.testing.assert_allclose(predict_views(model, squares)[0], predict_unit(model, squares), atol=1e-6)


def test_broken_pictures_are_marked_and_do_not_stop_the_others(finished: tuple[Path, Outcome], photos: Path) -> None:
    model, _ = load_model(finished[0] / "best.pth.tar")
    found = predict_pictures(
        model, [photos / "unlabeled" / name for name in ("new001.png", "broken.png", "new002.png")]
    )
    assert found.is_broken.tolist() == [False, True, False]
    assert np.isfinite(found.points_image[[0, 2]]).all()
    alone = predict_pictures(model, [photos / "unlabeled" / "new002.png"])
    np.testing.assert_allclose(found.points_image[2], alone.points_image[0], atol=1e-3)


def test_labeled_pictures_leave_the_unlabeled_ones_whatever_their_name(photos: Path) -> None:
    task = open_task(photos / "unlabeled", photos / "labeled", val_dir=None, held_out=0.2, seed=0)
    assert "copy_of_labeled.png" not in task.names
    assert "face000.png" in task.names  # the name of another picture
    assert (len(task.human), len(task.held_out), len(task.names)) == (24, 6, 13)
    assert not set(task.human.names) & set(task.held_out.names)


def test_hidden_labels_are_those_of_the_unlabeled_pictures(photos: Path) -> None:
    task = hide_labels(photos / "labeled", 10, val_dir=None, held_out=5, seed=0)
    names, points_image = read_annotations(photos / "labeled")
    assert (len(task.human), len(task.held_out), len(task.names)) == (10, 5, 15)
    assert len({*task.human.names, *task.held_out.names, *task.names}) == 30
    np.testing.assert_array_equal(task.truth[3], points_image[names.index(task.names[3])])


def test_labels_come_from_one_folder_and_pictures_from_another(photos: Path, tmp_path: Path) -> None:
    write_faces(tmp_path / "elsewhere", 12, seed=5)
    task = hide_pictures(photos / "labeled", 8, tmp_path / "elsewhere", held_out=4, seed=0)
    names, points_image = read_annotations(tmp_path / "elsewhere")
    assert (len(task.human), len(task.held_out), len(task.names)) == (8, 4, 8)
    assert task.human.root == photos / "labeled"
    assert {*task.held_out.names, *task.names} == set(names)
    assert not task.is_held_out_from_labeled  # the folders' pictures may share names, and the merged folder takes one's
    np.testing.assert_array_equal(task.truth[3], points_image[names.index(task.names[3])])
    with pytest.raises(InputError, match="validation pictures"):
        hide_pictures(photos / "labeled", 8, photos / "labeled", held_out=4, seed=0)
    with pytest.raises(InputError, match="1 to 30 labels"):
        hide_pictures(photos / "labeled", 31, tmp_path / "elsewhere", held_out=4, seed=0)


def test_human_labels_stay_and_pseudo_labels_join_them(finished: tuple[Path, Outcome], photos: Path) -> None:
    out, _ = finished
    names, points_image = read_annotations(out / "labels")
    human_names, human_points = read_annotations(photos / "labeled")
    with open(out / "labels" / "labels.csv", encoding="utf-8", newline="") as file:
        rows = {row["picture"]: row for row in csv.DictReader(file)}
    assert list(rows) == names
    assert [name for name in names if rows[name]["label"] == "human"] == sorted(human_names, key=names.index)
    for name, points in zip(human_names, human_points, strict=True):
        np.testing.assert_array_equal(points_image[names.index(name)], points)
        assert (out / "labels" / name).read_bytes() == (photos / "labeled" / name).read_bytes()
    pseudo = [row for row in rows.values() if row["label"] == "pseudo"]
    assert len(pseudo) == count_pseudo(out / "labels") > 0
    assert all(float(row["certainty"]) >= 0.5 and int(row["since_round"]) <= int(row["round"]) for row in pseudo)
    for row in pseudo:
        original = photos / "unlabeled" / row["original"]
        assert (out / "labels" / row["picture"]).read_bytes() == original.read_bytes()
        assert row["picture"] == row["original"].replace("face000", "pseudo_face000")


def test_the_review_lists_every_unlabeled_picture_from_the_least_certain_on(finished: tuple[Path, Outcome]) -> None:
    with open(finished[0] / "review.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    assert rows[0] == {"picture": "broken.png", "label": "broken", "certainty": "0.0000"}
    values = [float(row["certainty"]) for row in rows]
    assert values == sorted(values)
    labels = [row["label"] for row in rows]
    assert labels == sorted(labels, key=["broken", "left out", "kept"].index)
    assert (finished[0] / "review.png").stat().st_size > 0


def test_a_finished_round_is_not_repeated_and_more_rounds_go_on(
    finished: tuple[Path, Outcome], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished[0], out)
    trained, train_in = [], training.train_in

    def train_and_note(folder: Path, *arguments: object, **options: object) -> object:
        trained.append(folder.name)
        return train_in(folder, *arguments, **options)

    monkeypatch.setattr(training, "train_in", train_and_note)
    again = autolabel(photos, out, "--rounds", 1)
    assert again.code == 0, again
    assert trained == []
    assert (out / "rounds.csv").read_bytes() == (finished[0] / "rounds.csv").read_bytes()
    more = autolabel(photos, out, "--rounds", 2)
    assert more.code == 0, more
    assert trained == ["round_2"] or "no longer falls" in again.out
    assert_refused(autolabel(photos, out, "--accept", 0.5), "other faces or settings", "another folder")


def test_copies_that_are_left_out_are_said(finished: tuple[Path, Outcome]) -> None:
    assert "1 unlabeled picture left out, copies of others or of labeled ones" in finished[1].out


@pytest.mark.slow
def test_an_interrupted_round_goes_on(
    finished: tuple[Path, Outcome], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rounds, "label_pictures", interrupt)  # after training, before the round is finished
        assert autolabel(photos, tmp_path / "run", "--rounds", 1).code == 130
    assert not (tmp_path / "run" / "round_0" / "round.json").exists()
    trained = (tmp_path / "run" / "round_0" / "best.pth.tar").stat().st_mtime_ns
    assert autolabel(photos, tmp_path / "run", "--rounds", 1).code == 0
    assert (tmp_path / "run" / "round_0" / "best.pth.tar").stat().st_mtime_ns == trained
    assert (tmp_path / "run" / "rounds.csv").read_bytes() == (finished[0] / "rounds.csv").read_bytes()


@pytest.mark.slow
def test_ctrl_c_saves_and_the_same_command_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate, fit, resumed = engine.evaluate, runs.fit, []

    def evaluate_and_interrupt(*arguments: object, **options: object) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGINT)
        return evaluate(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "evaluate", evaluate_and_interrupt)  # Ctrl-C at the end of the first epoch
        assert autolabel(photos, tmp_path / "run", "--end_epoch", 2, "--rounds", 0).code == 130
    monkeypatch.setattr(runs, "fit", lambda *a, **k: resumed.append(k["resume"] is not None) or fit(*a, **k))
    assert autolabel(photos, tmp_path / "run", "--end_epoch", 2, "--rounds", 0).code == 0
    assert resumed == [True]
    assert not (tmp_path / "run" / "round_0" / "snapshot").exists()
    with open(tmp_path / "run" / "round_0" / "summary.csv", encoding="utf-8", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def test_it_stops_where_the_held_out_error_no_longer_falls(
    finished: tuple[Path, Outcome], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, model = iter([5.0, 4.0, 4.2, 3.0]), finished[0] / "best.pth.tar"

    def train_on(_sources: object, _held_out: object, folder: Path, **_: object) -> training.Trained:
        folder.mkdir()
        shutil.copy(model, folder / "best.pth.tar")
        return training.Trained(next(errors), steps=1)

    monkeypatch.setattr(rounds, "train_on", train_on)
    outcome = autolabel(photos, tmp_path / "run", "--rounds", 5)
    assert outcome.code == 0, outcome
    assert "no longer falls" in outcome.out
    assert "best: round 1, held-out NME 4.000 %" in outcome.out
    with open(tmp_path / "run" / "rounds.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["held_out_nme"]) for row in table] == [5, 4, 4.2]
    assert int(table[2]["refined"]) == int(table[2]["pseudo"]) > 0
    assert float(table[2]["moved"]) == 0  # the same model made both


@pytest.mark.slow
def test_an_experiment_measures_against_the_hidden_labels(photos: Path, tmp_path: Path) -> None:
    experiment = ("--labeled_count", 12, "--held_out", 6, "--rounds", 1, "--report_dir", photos / "labeled")
    outcome = run(COMMAND, "--labeled", photos / "labeled", "--out", tmp_path / "run", *QUICK, *experiment)
    assert outcome.code == 0, outcome
    with open(tmp_path / "run" / "comparison.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["faces"] for row in table][2:] == ["12", "24"]
    assert len({row["model"] for row in table}) == 4
    assert all(float(row["held_out_nme"]) > 0 and float(row["report_nme"]) > 0 for row in table)
    with open(tmp_path / "run" / "rounds.csv", encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    labels = load_labels(tmp_path / "run" / "round_0" / "labels.npz")
    task = hide_labels(photos / "labeled", 12, val_dir=None, held_out=6, seed=7414)
    errors = 100 * np.linalg.norm(labels.points_image - task.truth, axis=-1)[labels.is_certain].mean() / 96
    assert float(last["pseudo_nme"]) == pytest.approx(errors, rel=1e-4)


@pytest.mark.parametrize("name", ["aflw_test", "aflw_val", "AFLW_test"])
def test_the_challenges_own_pictures_are_refused_by_name(photos: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(photos / "unlabeled", tmp_path / name)
    (tmp_path / "harmless").symlink_to(tmp_path / name)
    for folder in (tmp_path / name, tmp_path / "harmless"):
        arguments = ("--unlabeled", folder, "--labeled", photos / "labeled", "--out", tmp_path / "run")
        assert_refused(run(COMMAND, *arguments), name.lower(), "the unlabeled folder")
    assert_refused(run(COMMAND, "--labeled", tmp_path / name, "--labeled_count", 3), name.lower(), "the labeled folder")
    assert not (tmp_path / "run").exists()


def test_validation_pictures_are_refused_by_content(photos: Path, tmp_path: Path) -> None:
    write_faces(tmp_path / "val", 4, seed=9)
    shutil.copytree(photos / "unlabeled", tmp_path / "unlabeled")
    shutil.copy(tmp_path / "val" / "face002.png", tmp_path / "unlabeled" / "innocent.png")
    folders = ("--unlabeled", tmp_path / "unlabeled", "--val_dir", tmp_path / "val", "--out", tmp_path / "run")
    assert_refused(run(COMMAND, *folders, "--labeled", photos / "labeled"), "validation pictures", "innocent.png")
    with pytest.raises(InputError, match="the labeled folder must not hold validation pictures"):
        open_task(photos / "unlabeled", tmp_path / "val", val_dir=tmp_path / "val", held_out=0.2, seed=0)
    assert not (tmp_path / "run").exists()


def test_a_pipe_among_the_pictures_is_refused(photos: Path, tmp_path: Path) -> None:
    write_faces(tmp_path / "unlabeled", 2, seed=9)
    os.mkfifo(tmp_path / "unlabeled" / "pipe.jpg")
    with pytest.raises(InputError, match=r"pipe\.jpg: expected a file, found a device, pipe or socket"):
        open_task(tmp_path / "unlabeled", photos / "labeled", val_dir=None, held_out=0.2, seed=0)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), ("--unlabeled", "--labeled_count")),
        (("--labeled_count", 99), ("labeled_count", "24 faces")),
        (("--labeled_count", 3, "--held_out", 30), ("held_out",)),
        (("--labeled_count", 3, "--accept", 0), ("--accept",)),
        (("--labeled_count", 3, "--rounds", -1), ("--rounds",)),
        (("--labeled_count", 3, "--channel_shift", 300), ("--channel_shift",)),
        (("--labeled_count", 3, "--dataroot", "data"), ("--dataroot", "train.py")),
        (("--labeled_count", 3, "--data", "data"), ("--data ", "train.py")),
        (("--labeled_count", 3, "--points", 51), ("--points 68", "found 51")),
        (("--labeled_count", 3, "--resume"), ("--resume", "train.py")),
        (("--labeled_count", 3, "--init", "absent.pth.tar"), ("absent.pth.tar",)),
    ],
)
def test_wrong_flags_are_one_line_and_leave_nothing(
    photos: Path, tmp_path: Path, flags: tuple[object, ...], words: tuple[str, ...]
) -> None:
    outcome = run(COMMAND, "--labeled", photos / "labeled", "--out", tmp_path / "run", *flags)
    assert outcome.code == 2
    assert_refused(outcome, *words)
    assert not (tmp_path / "run").exists()
