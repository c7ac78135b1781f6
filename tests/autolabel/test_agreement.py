"""Views of a picture are compared in one frame; what their agreement says about a label."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from stand_in import gaussian_dot, write_faces

from src.autolabel.agreement import VIEWS, predict_views, region_spread
from src.autolabel.labels import Labels, certainty, spread_limits, true_errors
from src.autolabel.task import split_off
from src.config import ModelConfig
from src.datasets.challenge import read_folder


class DotFinder:
    """A model that finds the one bright dot of its input and calls it all 68 points."""

    config = ModelConfig(input_size=128)

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        weight = images.mean(dim=1)
        ticks = (torch.arange(images.shape[-1]) + 0.5) / images.shape[-1]
        total = weight.sum(dim=(1, 2))
        x, y = (weight.sum(1) * ticks).sum(1) / total, (weight.sum(2) * ticks).sum(1) / total
        return torch.stack([x, y], dim=-1)[:, None].expand(-1, 68, 2)


def test_views_of_a_dot_are_mapped_back_to_the_same_place() -> None:
    square = gaussian_dot((192, 192), (72, 92), 4.0)[None, :, :, None].repeat(3, axis=3)
    views = predict_views(DotFinder(), torch.from_numpy(square))
    assert views.shape == (len(VIEWS), 1, 68, 2)
    np.testing.assert_allclose(views, np.broadcast_to(np.array([72, 92]) / 192, views.shape), atol=0.1 / 192)


def test_a_network_that_sees_nothing_does_not_agree_with_itself() -> None:
    model = SimpleNamespace(
        config=ModelConfig(), predict=lambda images: torch.rand(1, 68, 2).expand(len(images), 68, 2)
    )
    torch.manual_seed(0)
    spread = region_spread(predict_views(model, torch.zeros(3, 64, 64, 3, dtype=torch.uint8)))
    assert spread.min() > 5  # percent of the face
    np.testing.assert_allclose(spread, spread[:1].repeat(3, axis=0))


def test_spread_is_percent_of_the_face() -> None:
    face = np.zeros((68, 2))
    face[1] = 0.4, 0.1  # a box of 0.4 x 0.1: size 0.2
    views = np.stack([face, face])[:, None] + np.array([[0.001, 0], [-0.001, 0]])[:, None, None]
    np.testing.assert_allclose(region_spread(views), 0.5)


def test_certainty_is_a_half_where_the_worst_region_reaches_its_limit() -> None:
    limits = spread_limits(np.stack([np.linspace(0, 1, 11), np.linspace(0, 10, 11)], axis=1), 0.9)
    np.testing.assert_allclose(limits, [0.9, 9])
    spread = np.array([[0.9, 1], [0.1, 9], [0.45, 1], [0.1, 18], [np.inf, np.inf]])
    np.testing.assert_allclose(certainty(spread, limits), [1 / 2, 1 / 2, 2 / 3, 1 / 3, 0])


def test_true_errors_part_certain_labels_from_the_others() -> None:
    truth = np.zeros((4, 68, 2))
    points = truth + np.array([1, 3, 8, np.nan])[:, None, None] * [1, 0]
    labels = Labels(points, np.array([0.9, 0.5, 0.4, 0.0]), np.full((4, 2), 100))
    assert true_errors(labels, truth) == (2.0, 8.0)


def test_the_split_depends_on_the_seed_alone_and_draws_neighbors_together(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 100, size=(20, 20))
    faces = read_folder(tmp_path / "faces")
    (kept, drawn), again, other = (split_off(faces, 20, seed=seed) for seed in (0, 0, 1))
    assert (len(kept), len(drawn)) == (80, 20)
    assert drawn.names.tolist() == again[1].names.tolist() != other[1].names.tolist()
    parted = np.diff([int(name[4:7]) for name in drawn.names]) > 1
    assert parted.sum() <= 1
