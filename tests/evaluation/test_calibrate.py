"""python3 -m src.evaluation.calibrate: what it measures, by hand, and what it writes."""

from pathlib import Path

import numpy as np
import pytest
from commands import run
from stand_in import write_faces

from src.config import AugmentationConfig, ModelConfig
from src.errors import InputError
from src.evaluation import calibrate
from src.evaluation.calibrate import fit_calibration, measure
from src.geometry import apply_affine, invert_affine
from src.markup import FLIP_PERMUTATION
from src.metrics import calibration_error, reliability
from src.predict.confidence import Calibration, disagreement
from src.predict.looks import upright_affine

POINTS = np.random.default_rng(0).uniform(0.3, 0.7, size=(68, 2))


class _Constant:
    """A runtime that sees the same face everywhere."""

    config = ModelConfig()

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        return np.tile(POINTS, (len(squares), 1, 1))


def test_disagreement_and_nme_are_those_of_the_two_views(tmp_path: Path) -> None:
    _, points_image = write_faces(tmp_path / "faces", 5)
    closer = POINTS[FLIP_PERMUTATION] * [-1, 1] + [1, 0]
    mirrored = apply_affine(invert_affine(upright_affine(POINTS[None], ModelConfig.second_look)), closer[None])[0]
    mean = (POINTS + mirrored) / 2
    disagreements, errors = measure(_Constant(), tmp_path / "faces", looks=2)
    np.testing.assert_allclose(disagreements, np.repeat(disagreement(np.stack([POINTS[None], mirrored[None]])), 5))
    by_hand = 100 * np.linalg.norm(mean - points_image / 96, axis=-1).mean(axis=1)
    np.testing.assert_allclose(errors, by_hand, rtol=1e-5)


def test_augmented_faces_come_after_the_faces_as_they_are(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 5)
    _, plain = measure(_Constant(), tmp_path / "faces")
    _, both = measure(_Constant(), tmp_path / "faces", augmentation=AugmentationConfig())
    np.testing.assert_allclose(both[:5], plain)
    assert both.shape == (15,)
    assert np.abs(both[5:10] - plain).min() > 1e-3  # the points moved along


def test_the_command_prints_the_numbers_and_draws_the_diagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)

    def measured(runtime: object, folder: Path, **options: object) -> tuple[np.ndarray, np.ndarray]:
        disagreements = generator.lognormal(0, 0.7, size=400)
        return disagreements, np.where(generator.random(400) < 1 / (1 + disagreements**3), 2.0, 4.0)

    monkeypatch.setattr(calibrate, "open_model", lambda path, convention: _Constant())
    monkeypatch.setattr(calibrate, "measure", measured)
    monkeypatch.setattr(calibrate, "render_faces", lambda folder, count, seed: None)
    monkeypatch.setattr("commands.load", lambda script: calibrate)
    (tmp_path / "annot.pkl").touch()
    outcome = run("src/evaluation/calibrate.py", "--check_on", tmp_path, "--out", tmp_path / "reliability.png")
    assert outcome.code == 0, outcome
    assert outcome.out.startswith("Calibration(intercept=")
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")


def test_the_fit_finds_the_numbers_that_made_the_faces() -> None:
    generator, true = np.random.default_rng(0), Calibration(2.0, -3.0)
    disagreements = generator.lognormal(0, 0.7, size=20000)
    is_good = generator.random(20000) < true.score(disagreements)
    found = fit_calibration(disagreements, is_good)
    assert found.intercept == pytest.approx(true.intercept, abs=0.1)
    assert found.slope == pytest.approx(true.slope, abs=0.15)
    assert calibration_error(reliability(found.score(disagreements), is_good)) < 0.01


def test_faces_that_can_be_parted_wholly_still_give_finite_numbers() -> None:
    found = fit_calibration(np.array([0.1, 0.2, 2.0, 3.0]), np.array([True, True, False, False]))
    assert np.isfinite([found.intercept, found.slope]).all()
    assert found.slope < 0


@pytest.mark.parametrize("is_good", [[True, True], [False, False]])
def test_faces_of_one_kind_cannot_be_fitted(is_good: list[bool]) -> None:
    with pytest.raises(InputError, match="one side"):
        fit_calibration(np.array([0.1, 0.5]), np.array(is_good))
