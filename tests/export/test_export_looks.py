"""The second look inside of a graph is that of `src.predict.looks`, its score that of the Predictor without turns."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from commands import ROOT
from PIL import Image
from stand_in import project, random_euler

from src.config import ModelConfig
from src.datasets.pictures import SQUARE_SIZE
from src.errors import InputError
from src.export.networks import PictureNetwork
from src.export.second_look import SecondLook
from src.network.checkpoint import load_model
from src.predict import Predictor, runtimes
from src.predict.looks import upright_affine
from src.synthesis.renderer.folder import render_faces

SHIPPED_MODEL = ROOT / "best.pth.tar"


def test_the_view_is_as_upright_and_as_close() -> None:
    points_unit = project(random_euler(200, seed=1)) + np.random.default_rng(0).normal(0, 0.01, (200, 68, 2))
    turn, scale, shift = SecondLook(ModelConfig()).upright(torch.from_numpy(points_unit).float())
    found = torch.cat([scale[:, None, None] * turn, shift[:, :, None]], dim=2).numpy()
    np.testing.assert_allclose(found, upright_affine(points_unit, ModelConfig.second_look), atol=2e-4)


def test_points_of_the_view_are_led_back_and_mirrored() -> None:
    second_look = SecondLook(ModelConfig())
    points_unit = torch.from_numpy(project(random_euler(5))).float()
    turn, scale, shift = similarity = second_look.upright(points_unit)
    closer = scale[:, None, None] * points_unit @ turn.mT + shift[:, None]
    mirrored = torch.stack([1 - closer[..., 0], closer[..., 1]], dim=-1)[:, second_look.permutation]
    torch.testing.assert_close(second_look.back(mirrored, similarity), points_unit)


def test_points_and_score_are_the_predictors(tmp_path: Path) -> None:
    render_faces(tmp_path / "faces", 6, seed=3, image_size=SQUARE_SIZE, workers=1)
    paths = sorted((tmp_path / "faces").glob("*.jpg"))
    pictures = np.stack([np.asarray(Image.open(path)) for path in paths])
    with torch.inference_mode():
        found, score = PictureNetwork(load_model(SHIPPED_MODEL)[0])(torch.from_numpy(pictures))
    expected, expected_score = Predictor(SHIPPED_MODEL, looks=2, turns=False)(list(pictures))
    apart = np.linalg.norm(found.numpy() - expected, axis=-1) / SQUARE_SIZE
    assert apart.mean() < 1e-3  # the view is sampled once here, twice there
    np.testing.assert_allclose(score.numpy(), expected_score, atol=0.05)


def test_the_predictor_refuses_a_file_that_looks_twice_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="pictures")])
    metadata = SimpleNamespace(config=ModelConfig(), input="picture", looks=2)
    monkeypatch.setattr(runtimes, "open_onnx", lambda path, threads: session)
    monkeypatch.setattr(runtimes, "onnx_metadata", lambda session, path: metadata)
    with pytest.raises(InputError, match="looks 2 times by itself; export it with one look"):
        Predictor("any.onnx")


def test_points_without_a_tilt_are_refused() -> None:
    with pytest.raises(InputError, match="68 or 51 points, found 12"):
        SecondLook(ModelConfig(points=12))
