"""The three commands, one after the other, as README tells them: on rendered faces and on stand-ins."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, SMALL, assert_refused, load, parser_of, run, run_process, scripts
from conftest import Run, data_flags, file_flags
from PIL import Image
from stand_in import write_faces

from src.datasets.challenge import load_annotations, write_annotations
from src.datasets.prepared import load_prepared
from src.markup import FLIP_PERMUTATION
from src.network import checkpoint
from src.predict.drawing import PREDICTED
from src.predict.submission import read_solution
from src.training.recipes import RECIPES

pytestmark = pytest.mark.slow

RENDERED = 64


def test_the_whole_path_on_rendered_faces(tmp_path: Path) -> None:
    root, out = tmp_path / "faces", tmp_path / "data"
    render = ("preparation.py", "--demo", RENDERED, "--data_root", root, "--out_root", out, "--image_size", 64)
    outcome = run(*render)
    assert outcome.code == 0, outcome
    assert f"AFLW_train_data: {RENDERED} faces\n" in outcome.out
    before = {path: path.stat().st_mtime_ns for folder in (root, out) for path in folder.rglob("*")}
    outcome = run(*render)
    assert outcome.out.count("(unchanged, kept)") == 2
    assert {path: path.stat().st_mtime_ns for folder in (root, out) for path in folder.rglob("*")} == before

    outcome = run("train.py", *SMALL, "--end_epoch", 2, *data_flags(out), *file_flags(tmp_path / "run"))
    assert outcome.code == 0, outcome
    best = tmp_path / "run" / "best_model" / "best.pth.tar"
    answers = ("--annotations", root / "aflw_test_annotations.pkl")
    outcome = run(
        *("test.py", "--model_path", best, "--test_dataroot", root / "aflw_test", "--out_dir", tmp_path, *answers)
    )
    assert outcome.code == 0, outcome
    assert outcome.err == ""
    names, _ = read_solution(tmp_path / "solution.txt")
    assert names == load_annotations(root / "aflw_test_annotations.pkl")[0]
    assert f"of {len(names)} faces" in outcome.out


def test_the_commands_run_as_processes_and_say_nothing_on_stderr(challenge: Path, tmp_path: Path) -> None:
    prepare = ("--data_root", challenge, "--out_root", tmp_path, "--image_size", 64)
    for script, *flags in (
        ("preparation.py", *prepare),
        ("train.py", *SMALL, "--end_epoch", 1, *data_flags(tmp_path), *file_flags(tmp_path / "run")),
        (
            *("test.py", "--model_path", tmp_path / "run" / "best_model" / "best.pth.tar"),
            *("--test_dataroot", challenge / "aflw_test", "--out_dir", tmp_path / "out"),
        ),
    ):
        outcome = run_process(ROOT / script, *flags)
        assert outcome.code == 0, outcome
        assert outcome.err == ""
        assert outcome.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"solution.txt", "solution.zip", "preview.png"}


@pytest.mark.parametrize("script", scripts())
def test_help_has_a_word_about_every_flag(script: str) -> None:
    outcome = run(script, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith("usage: ")
    assert [action.option_strings for action in parser_of(script)._actions if not action.help] == []


def test_commands_that_use_a_models_points_take_its_convention() -> None:
    # Speed is that of any convention; whatever changes a network's features drops them.
    without = {"bench.py", "src/compression/prune.py", "src/compression/widen.py"}
    for script in scripts():
        flags = {flag for action in parser_of(script)._actions for flag in action.option_strings}
        if "--model_path" in flags:
            assert ("--convention" in flags) == (script not in without), script


def _test(trained: Run, challenge: Path, out: Path, *flags: object) -> str:
    outcome = run(
        *("test.py", "--model_path", trained.best, "--test_dataroot", challenge / "aflw_test", "--out_dir", out, *flags)
    )
    assert outcome.code == 0, outcome
    assert outcome.err == ""
    return outcome.out


def test_test_writes_a_solution_its_zip_and_a_preview(trained: Run, challenge: Path, tmp_path: Path) -> None:
    out = _test(trained, challenge, tmp_path / "out")
    assert "shufflenet_v2_x0_5 + regression at 64 px" in out
    assert "within the challenge's rules" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["preview.png", "solution.txt", "solution.zip"]
    rows = [line.split(" ") for line in (tmp_path / "out" / "solution.txt").read_text().splitlines()]
    assert [len(row) for row in rows] == [137] * 10
    assert [row[0] for row in rows] == sorted(path.name for path in (challenge / "aflw_test").iterdir())
    with zipfile.ZipFile(tmp_path / "out" / "solution.zip") as archive:
        assert archive.namelist() == ["solution.txt"]


def test_the_preview_shows_the_points_and_its_number_of_faces(trained: Run, challenge: Path, tmp_path: Path) -> None:
    for count, size in ((1, (256, 256)), (3, (768, 256)), (6, (1024, 512)), (99, (1024, 768))):
        _test(trained, challenge, tmp_path / str(count), "--preview", count)
        sheet = Image.open(tmp_path / str(count) / "preview.png")
        assert sheet.size == size
        assert (np.abs(np.asarray(sheet)[:256, :256].astype(int) - PREDICTED).sum(axis=2) < 60).sum() > 200
    _test(trained, challenge, tmp_path / "none", "--preview", 0)
    assert not (tmp_path / "none" / "preview.png").exists()


def test_flip_averages_with_the_mirrored_picture(trained: Run, challenge: Path, tmp_path: Path) -> None:
    _test(trained, challenge, tmp_path / "plain")
    _test(trained, challenge, tmp_path / "flipped", "--flip")
    plain, flipped = (read_solution(tmp_path / name / "solution.txt")[1] for name in ("plain", "flipped"))
    assert not np.allclose(plain, flipped, atol=1e-2)
    mirrored = tmp_path / "mirrored"
    mirrored.mkdir()
    for path in (challenge / "aflw_test").iterdir():
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored / path.name)
    run("test.py", "--model_path", trained.best, "--test_dataroot", mirrored, "--out_dir", tmp_path / "m", "--flip")
    again = read_solution(tmp_path / "m" / "solution.txt")[1]
    again = again[:, FLIP_PERMUTATION]
    again[..., 0] = 96 - again[..., 0]
    np.testing.assert_allclose(again, flipped, atol=0.05)


def test_annotations_give_the_nme_that_the_solution_has(trained: Run, challenge: Path, tmp_path: Path) -> None:
    names, points_image = write_faces(tmp_path / "labelled", 7, seed=5)
    outcome = run(
        *("test.py", "--model_path", trained.best, "--test_dataroot", tmp_path / "labelled", "--out_dir", tmp_path),
        *("--annotations", tmp_path / "labelled" / "annot.pkl"),
    )
    assert outcome.code == 0, outcome
    found, prediction = read_solution(tmp_path / "solution.txt")
    assert found == names
    nme = (100 * np.linalg.norm(prediction - points_image, axis=2) / 96).mean()
    assert f"NME {nme:.3f} % of 7 faces" in outcome.out
    for words in ("by region: jaw", "by |yaw|:  0-30", "failures above 5 %", "AUC"):
        assert words in outcome.out


def test_true_points_are_found_by_names_in_another_unicode_form(tmp_path: Path) -> None:
    (first, second), points_image = write_faces(tmp_path, 2)
    (tmp_path / first).rename(tmp_path / "e\u0301.png")
    write_annotations(tmp_path, ["\u00e9.png", second], points_image)
    truth = load("test.py").read_truth(tmp_path / "annot.pkl", tmp_path, None)
    assert truth.keys() == {"e\u0301.png", second}


def test_the_nme_can_be_in_percent_of_the_eyes_distance(trained: Run, tmp_path: Path) -> None:
    _, points_image = write_faces(tmp_path / "labelled", 5, seed=6)
    outcome = run(
        *("test.py", "--model_path", trained.best, "--test_dataroot", tmp_path / "labelled", "--out_dir", tmp_path),
        *("--annotations", tmp_path / "labelled" / "annot.pkl", "--normalize", "interocular"),
    )
    assert outcome.code == 0, outcome
    _, prediction = read_solution(tmp_path / "solution.txt")
    eyes = np.linalg.norm(points_image[:, 36] - points_image[:, 45], axis=1)
    nme = (100 * np.linalg.norm(prediction - points_image, axis=2).mean(axis=1) / eyes).mean()
    assert f"NME {nme:.3f} % of 5 faces" in outcome.out


def test_training_and_testing_agree_on_the_validation_error(trained: Run, challenge: Path, tmp_path: Path) -> None:
    """Prepared squares are smaller than those that test.py decodes here, so the numbers differ a little."""
    outcome = run(
        *("test.py", "--model_path", trained.best, "--test_dataroot", challenge / "aflw_val", "--out_dir", tmp_path),
        *("--annotations", challenge / "aflw_val" / "annot.pkl", "--looks", 1),
    )
    found = float(outcome.out.split("NME ")[1].split(" ")[0])
    assert found == pytest.approx(checkpoint.load(trained.best)["nme"], rel=0.05)


@pytest.mark.parametrize("name", ["solution.txt", "solution.zip"])
def test_check_accepts_what_test_wrote(name: str, trained: Run, challenge: Path, tmp_path: Path) -> None:
    _test(trained, challenge, tmp_path, "--preview", 0)
    outcome = run("test.py", "--check", tmp_path / name)
    assert outcome.code == 0
    assert outcome.out == f"{tmp_path / name}: 10 rows, correct\n"


def test_check_measures_a_solution_as_test_did(trained: Run, challenge: Path, tmp_path: Path) -> None:
    """Also one in which the pictures' natural order, 2 before 10, is not that of the rows."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    names, points = load_annotations(challenge / "aflw_val" / "annot.pkl")
    points = np.array(points)
    numbered = {name: f"{2 + 2 * row}{Path(name).suffix}" for row, name in enumerate(names)}
    for name, other in numbered.items():
        shutil.copy(challenge / "aflw_val" / name, pictures / other)
    first = pictures / numbered[names[0]]
    with Image.open(first) as picture:
        picture.resize((picture.width * 2, picture.height * 2)).save(first)
    points[0] *= 2
    write_annotations(pictures, list(numbered.values()), points)
    known = ("--test_dataroot", pictures, "--annotations", pictures / "annot.pkl", "--normalize", "box")
    tested = run("test.py", "--model_path", trained.best, *known, "--out_dir", tmp_path, "--preview", 0)
    checked = run("test.py", "--check", tmp_path / "solution.zip", "--model_path", trained.best, *known)
    measured = [line for line in tested.out.splitlines() if "NME" in line]
    assert len(measured) == 1
    assert measured[0] in checked.out.splitlines(), checked
    absent = run("test.py", "--check", tmp_path / "solution.zip", "--model_path", tmp_path / "absent.pth.tar", *known)
    assert_refused(absent, "absent.pth.tar: no such checkpoint")


def test_a_run_is_prepared_from_several_folders(challenge: Path, tmp_path: Path) -> None:
    write_faces(tmp_path / "more", 5)
    outcome = run(
        *("preparation.py", "--train_dirs", challenge / "synthetics_train", tmp_path / "more"),
        *("--val_dir", tmp_path / "more", "--out_root", tmp_path / "out", "--image_size", 48),
    )
    assert outcome.code == 0, outcome
    prepared = load_prepared(tmp_path / "out" / "AFLW_train_data")
    assert len(prepared) == 45
    assert prepared.source_names.tolist() == ["synthetics_train", "more"]


def test_a_second_preparation_says_that_it_kept_everything(challenge: Path, prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "out")
    outcome = run("preparation.py", "--data_root", challenge, "--out_root", tmp_path / "out", "--image_size", 64)
    assert outcome.out.count("(unchanged, kept)") == 2


def test_training_also_takes_the_path_of_a_list(prepared: Path, tmp_path: Path) -> None:
    lists = (
        *("--dataroot", prepared / "AFLW_train_data" / "list.txt"),
        *("--val_dataroot", prepared / "AFLW_validation_data" / "list.txt"),
    )
    assert run("train.py", *SMALL, "--end_epoch", 1, *lists, *file_flags(tmp_path)).code == 0


def test_a_recipe_sets_flags_and_explicit_ones_override_it(prepared: Path, tmp_path: Path) -> None:
    flags = (*SMALL, "--recipe", "demo", "--minutes", 0.005, *data_flags(prepared), *file_flags(tmp_path))
    outcome = run("train.py", *flags)
    assert outcome.code == 0, outcome
    log = (tmp_path / "train.logs").read_text()
    assert f"base_lr: {RECIPES['demo']['base_lr']}" in log
    assert "minutes: 0.005" in log
    assert "backbone: shufflenet_v2_x0_5" in log
