"""Photographed faces in new expressions, before other backgrounds, partly covered; labels of another convention.

The face model and the photographs are those of tests/synthesis/test_repose.py; the recipe runs on what they give.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import SMALL, assert_refused, run
from conftest import data_flags, file_flags
from PIL import Image
from small_head import SIZE, UNTURNED, projections, psnr, save_packed, save_photos, small_model

from src.datasets.challenge import read_annotations, write_annotations
from src.datasets.prepared import load_prepared
from src.markup import NUM_POINTS, REGIONS
from src.synthesis.reposing.adapt import adapt_folder
from src.synthesis.reposing.conventions import AFLW_OFFSETS
from src.synthesis.reposing.expressions import (
    PhotoFace,
    build_photo_face,
    build_skin,
    change_expression,
    draw_skin,
    sample_expression,
)
from src.synthesis.reposing.face_model import FaceModel
from src.synthesis.reposing.fit import learn_offsets
from src.synthesis.reposing.occluders import cover_face, replace_background
from src.synthesis.reposing.relabel import infer_convention, relabel_with_offsets
from src.synthesis.reposing.turning import build_photo_head


def expressive_model() -> FaceModel:
    return replace(small_model(), expression_names=("jawOpen", "eyeBlink_L", "eyeBlink_R"))


@pytest.fixture(scope="module")
def photo_face() -> tuple[FaceModel, PhotoFace, np.ndarray]:
    """A face of the small model in a smooth photograph: model, face, photograph."""
    model = expressive_model()
    _, points = projections(model, 1, np.random.default_rng(0), max_yaw=5, offsets=AFLW_OFFSETS)
    noise = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    photo = np.asarray(Image.fromarray(noise).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    relabeled = relabel_with_offsets(model, points, AFLW_OFFSETS, outline=True)
    return model, build_photo_face(model, build_skin(model), photo, relabeled, 0), photo


def test_an_unchanged_expression_shows_the_photograph(photo_face: tuple) -> None:
    model, face, photo = photo_face
    expression = change_expression(model, face, {})
    assert not expression.shift.any()
    picture = photo.copy()
    draw_skin(expression, expression.vertices, photo, picture, UNTURNED)
    assert psnr(picture, photo) > 35


def test_labels_move_with_the_expression(photo_face: tuple) -> None:
    model, face, photo = photo_face
    expression = change_expression(model, face, {"jawOpen": 1.0, "unknown": 1.0})
    change = 1 - face.coefficients[0]
    expected = change * model.expression[0][model.landmarks] @ face.to_camera.T
    np.testing.assert_allclose(expression.shift, expected, atol=1e-4)
    picture = photo.copy()
    draw_skin(expression, expression.vertices, photo, picture, UNTURNED)
    assert (picture != photo).any()
    with_eyes = [sample_expression(np.random.default_rng(seed)) for seed in range(40)]
    assert all({"eyeBlink_L", "jawOpen"} & set(changes) for changes in with_eyes)


def test_another_background_spares_the_face(photo_face: tuple) -> None:
    model, _, photo = photo_face
    rng = np.random.default_rng(0)
    _, points = projections(model, 1, rng, max_yaw=5, offsets=AFLW_OFFSETS)
    small = points * 0.5 + SIZE / 4
    head = build_photo_head(model, photo, relabel_with_offsets(model, small, AFLW_OFFSETS, outline=True), 0)
    green = np.full((50, 60, 3), (0, 255, 0), np.uint8)
    replaced = replace_background(photo, head.field, small[0], green, rng)
    nose = np.s_[SIZE // 2 - 8 : SIZE // 2 + 8, SIZE // 2 - 8 : SIZE // 2 + 8]
    np.testing.assert_array_equal(replaced[nose], photo[nose])
    np.testing.assert_array_equal(replaced[:4, :4], np.broadcast_to(green[0, 0], (4, 4, 3)))


def test_occluders_cover_a_part_of_the_face(photo_face: tuple) -> None:
    model, _, photo = photo_face
    _, points = projections(model, 1, np.random.default_rng(0), max_yaw=5, offsets=AFLW_OFFSETS)
    for seed in range(12):
        picture = photo.copy()
        cover_face(picture, points[0], 60.0 * (seed % 2), np.random.default_rng(seed))
        changed = (picture != photo).any(-1).mean()
        assert 0 < changed < 0.7


def fixed_jaw_faces(model: FaceModel, count: int, offsets: np.ndarray) -> np.ndarray:
    """Points (count, 68, 2) with a 3D jaw line, a third of them frontal."""
    rng = np.random.default_rng(2)
    yaws = (6, 40, 40)
    parts = [projections(model, count // 3, rng, max_yaw=yaw, offsets=offsets)[1] for yaw in yaws]
    return np.concatenate(parts)


def test_adapted_labels_follow_the_convention(tmp_path: Path) -> None:
    model = small_model()
    source = AFLW_OFFSETS.copy()
    moved = [19, 24, 31, 35]  # few points: a model's modes could take up the shift of a whole region
    source[moved] += [[0, 0.6, 0], [0, 0.6, 0], [-0.6, 0, 0], [0.6, 0, 0]]
    given, wanted = (fixed_jaw_faces(model, 180, offsets) for offsets in (source, AFLW_OFFSETS))
    assert not infer_convention(model, given, np.random.default_rng(0)).outline
    folder = tmp_path / "renders"
    folder.mkdir()
    names = [f"{i:06d}.png" for i in range(len(given))]
    for name in names:
        Image.new("L", (SIZE, SIZE)).save(folder / name)
    write_annotations(folder, names, given)
    arguments = {"face_model": save_packed(tmp_path / "model", model), "seed": 0}
    counts = adapt_folder(folder, tmp_path / "out", **arguments)
    assert counts["faces"] == 180
    assert counts["adapted"] > 170
    kept, adapted = read_annotations(tmp_path / "out")
    assert kept[0].startswith("pictures/")
    rows = [names.index(Path(name).name) for name in kept]
    before, after = (np.linalg.norm(p - wanted[rows], axis=-1)[:, moved].mean() for p in (given[rows], adapted))
    assert after < 0.6 * before
    assert adapt_folder(folder, tmp_path / "out", **arguments) == counts  # finished, so kept
    write_annotations(folder, names[:70], given[:70])  # 10 of them turned
    assert "of sources too small to learn where they place points" not in counts
    counts = adapt_folder(folder, tmp_path / "few", **arguments)
    assert counts["of sources too small to learn where they place points"] == 70


def test_an_outline_is_told_from_a_jaw_line() -> None:
    model = small_model()
    faces = fixed_jaw_faces(model, 180, AFLW_OFFSETS)
    turned = faces[60:]
    fits = relabel_with_offsets(model, turned, AFLW_OFFSETS, outline=False).fits
    side = np.sign(fits.euler[:, 1])[:, None]
    hidden = (np.sign(np.arange(17) - 8) * side > 0) & (np.abs(fits.euler[:, 1]) > 10)[:, None]
    turned[:, REGIONS["jaw"], 0] += hidden * side * 0.08 * np.ptp(turned[..., 1], axis=1)[:, None]
    assert infer_convention(model, faces, np.random.default_rng(0)).outline
    assert learn_offsets(model, faces, AFLW_OFFSETS).shape == (NUM_POINTS, 3)


@pytest.mark.slow
def test_the_recipe_runs_on_rendered_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # On one core: starting processes takes longer than 66 faces.
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    model = expressive_model()
    photos, val = save_photos(tmp_path / "photos", model, 22), save_photos(tmp_path / "val", model, 6)
    flags = ("--train_dirs", photos, "--val_dir", val, "--out_root", tmp_path / "data", "--image_size", 64)
    face_model = ("--face_model", save_packed(tmp_path / "model", model))
    made = ("--repose", 1, "--full_renders", 1, "--occluded", 0.5)
    assert_refused(run("preparation.py", *flags, "--adapt"), "--adapt", "--face_model")
    outcome = run("preparation.py", *flags, *face_model, *made)
    assert outcome.code == 0, outcome
    faces = load_prepared(tmp_path / "data" / "AFLW_train_data")
    assert len(faces) == 66
    assert list(faces.source_names) == ["relabeled", "reposed", "rendered"]
    short = ("--recipe", "best", "--start_size", 48, "--minutes", 0.02, "--source_weights", 0.4, 0.3, 0.3)
    outcome = run("train.py", *SMALL, *short, *data_flags(tmp_path / "data"), *file_flags(tmp_path))
    assert outcome.code == 0, outcome
    assert (tmp_path / "best_model" / "best.pth.tar").is_file()
