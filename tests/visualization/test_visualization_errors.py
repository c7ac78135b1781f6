"""Error figures and tables show the numbers of `src.metrics`; damage is what it says and no damage changes nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Run

from src.datasets.prepared import load_prepared
from src.errors import InputError
from src.evaluation.sensitivity import DAMAGES, blur, damage_faces, damaged_errors, measure, occlude
from src.markup import MEAN_SHAPE, REGIONS
from src.metrics import nme, nme_by_region, nme_by_yaw
from src.network.checkpoint import load_model
from src.predict.inference import evaluate
from src.visualization.errors import (
    bars_with_spread,
    ced_curves,
    covariance_ellipses,
    error_by_region_and_yaw,
    error_table,
    sensitivity_curves,
)

RNG = np.random.default_rng(0)
ERRORS = RNG.uniform(1, 6, size=(40, 68))
YAW = RNG.uniform(-90, 90, size=40)


def test_the_ced_ends_at_the_share_of_faces_below_the_limit() -> None:
    drawing = ced_curves({"a": ERRORS, "b": ERRORS / 2}, title="CED", limit=3.5)
    share = 100 * (ERRORS.mean(axis=1) <= 3.5).mean()
    assert drawing.axes[0].lines[0].get_ydata()[-1] == pytest.approx(share)
    entry = drawing.axes[0].get_legend().get_texts()[0].get_text()
    assert f"failures {100 - share:.1f} %" in entry
    assert f"NME {nme(ERRORS):.2f} %" in entry


def test_the_table_holds_the_metrics_of_every_region_and_bin() -> None:
    table = error_table(ERRORS, YAW)
    assert table.at["all", "all"] == pytest.approx(nme(ERRORS))
    assert table.loc["all", list(REGIONS)].to_dict() == pytest.approx(nme_by_region(ERRORS))
    for name, (value, count) in nme_by_yaw(ERRORS, YAW).items():
        assert table.at[name, "all"] == pytest.approx(value)
        assert table.at[name, "faces"] == count


def test_a_bin_without_faces_is_empty_and_said_so() -> None:
    table = error_table(ERRORS, np.full(40, 10.0))
    assert table.loc["60-90"].drop("faces").isna().all()
    drawing = error_by_region_and_yaw(table, title="map")
    assert sum(text.get_text() == "no face" for text in drawing.axes[0].texts) == 2 * (1 + len(REGIONS))


def test_ellipses_have_the_axes_of_the_scatter_and_arrows_its_mean() -> None:
    residuals = RNG.normal(0, 1, size=(4000, 68, 2)) * [3, 1] + [2, 0]
    drawing = covariance_ellipses({"all": (MEAN_SHAPE[:, :2], residuals)}, title="scatter")
    ellipse = drawing.axes[0].patches[0]
    assert (ellipse.width, ellipse.height) == pytest.approx((6, 2), rel=0.1)
    assert min(ellipse.angle % 180, 180 - ellipse.angle % 180) < 3
    arrows = drawing.axes[0].collections[0]
    assert (arrows.U.mean(), arrows.V.mean()) == pytest.approx((2, 0), abs=0.05)


def test_a_scatter_of_one_face_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 faces"):
        covariance_ellipses({"profile": (MEAN_SHAPE[:, :2], np.zeros((1, 68, 2)))}, title="scatter")


def test_sensitivity_has_a_panel_a_damage_and_a_line_a_model() -> None:
    rows = [{"damage": kind, "level": x, "nme": 2 + x, "low": 1.0, "high": 4.0} for kind in DAMAGES for x in (0.0, 1.0)]
    drawing = sensitivity_curves({"a": pd.DataFrame(rows), "b": pd.DataFrame(rows)}, units=DAMAGES, title="damage")
    assert [axes.get_xlabel() for axes in drawing.axes] == list(DAMAGES.values())
    assert [len(axes.lines) for axes in drawing.axes] == [2, 2, 2]
    assert drawing.axes[0].lines[0].get_ydata().tolist() == [2, 3]


def test_bars_stand_for_the_means_and_their_whiskers_for_the_spread() -> None:
    table = pd.DataFrame({"augmentation": ["none", "gray"], "nme": [3.0, 2.0], "nme_std": [0.5, 0.25], "n": [2, 2]})
    drawing = bars_with_spread({"clean": table, "blur": table}, by="augmentation", title="ablation")
    first, second = drawing.axes
    assert [bar.get_width() for bar in first.patches] == [3, 2]
    whiskers = first.collections[0].get_segments()
    assert [tuple(segment[:, 0]) for segment in whiskers] == [(2.5, 3.5), (1.75, 2.25)]
    assert [label.get_text() for label in first.get_yticklabels()] == ["none", "gray"]
    assert [label.get_text() for label in second.get_yticklabels()] == ["", ""]


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
