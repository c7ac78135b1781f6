"""Damage is what it says, and no damage changes nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Run

from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.evaluation.evaluate import evaluate
from src.evaluation.sensitivity import DAMAGES, blur, damage_faces, damaged_errors, measure, occlude
from src.network.checkpoint import load_model


@pytest.mark.parametrize("kind", DAMAGES)
def test_no_damage_leaves_the_error_as_it_is(kind: str, trained: Run) -> None:
    model, _ = load_model(trained.best)
    faces = load_prepared(trained.prepared / "AFLW_validation_data")
    undamaged = damaged_errors(model, faces, kind, level=0.0, seed=1, batch_size=5)
    np.testing.assert_allclose(undamaged, evaluate(model, faces), atol=1e-3)


def test_a_turned_face_and_its_points_turn_together(trained: Run) -> None:
    model, _ = load_model(trained.best)
    faces = load_prepared(trained.prepared / "AFLW_validation_data")
    images = np.zeros_like(faces.images)
    points_unit = np.broadcast_to(np.array([0.7, 0.53], np.float32), faces.points_unit.shape)
    images[:, 33:35, 44:46] = 255  # a dot around (45, 34) of 64 pixels
    dotted = replace(faces, images=images, points_unit=points_unit)
    generator = torch.Generator().manual_seed(0)
    inputs, affine = damage_faces(model, dotted, np.arange(12), kind="rotation", level=50.0, generator=generator)
    ticks = (np.arange(inputs.shape[-1]) + 0.5) / inputs.shape[-1]
    light = inputs[:, 0].double().numpy()
    found = np.stack([(light.sum(1) @ ticks), (light.sum(2) @ ticks)], -1) / light.sum((1, 2))[:, None]
    expected = affine[:, :, :2] @ np.array([45 / 64, 34 / 64]) + affine[:, :, 2]
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert len({tuple(np.round(place, 2)) for place in found}) == 2  # some turn one way, some the other


def test_occlusion_covers_its_share_of_the_face() -> None:
    images = torch.ones(64, 3, 100, 100)
    points = torch.rand(64, 68, 2, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    covered = (
        (occlude(images, points, 0.5, generator=torch.Generator().manual_seed(1)) == 0.5)[:, 0].float().mean((1, 2))
    )
    box = (points.amax(1) - points.amin(1)).prod(1)
    np.testing.assert_allclose(covered, 0.25 * box, rtol=0.25)


def test_blur_keeps_the_mean_and_lowers_the_contrast() -> None:
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    blurred = blur(images, 2.0)
    assert blurred.mean().item() == pytest.approx(images.mean().item(), abs=0.01)
    assert blurred.std() < 0.3 * images.std()


def test_measured_damage_is_a_table_that_depends_on_the_seed_alone(trained: Run) -> None:
    model, _ = load_model(trained.best)
    faces = load_prepared(trained.prepared / "AFLW_validation_data")
    table = measure(model, faces, "occlusion", levels=[0.0, 0.8], seed=3)
    assert list(table) == ["damage", "level", "nme", "low", "high", "failures"]
    assert (table["low"] <= table["nme"]).all()
    assert (table["nme"] <= table["high"]).all()
    pd.testing.assert_frame_equal(table, measure(model, faces, "occlusion", levels=[0.0, 0.8], seed=3))


def test_an_unknown_damage_is_refused(trained: Run, prepared: Path) -> None:
    model, _ = load_model(trained.best)
    with pytest.raises(InputError, match="'fog'"):
        measure(model, load_prepared(prepared / "AFLW_validation_data"), "fog", levels=[1.0], seed=0)
