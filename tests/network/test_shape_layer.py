"""The shape layer: the identity at first, the same answer for a face that is turned, enlarged or moved, and a prior."""

import numpy as np
import torch
from stand_in import project, random_euler
from torch import Tensor

from src.network.heads import build_head
from src.network.heads.shape_layer import ShapeLayer


def _random_layer() -> ShapeLayer:
    layer = ShapeLayer(68)
    with torch.no_grad():
        for part in (layer.real, layer.imaginary):
            part.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    return layer


def _faces(count: int) -> Tensor:
    return torch.from_numpy(project(random_euler(count, seed=3))).float()


def test_an_untrained_layer_changes_nothing() -> None:
    points = torch.rand(3, 68, 2)
    torch.testing.assert_close(ShapeLayer(68)(points), points)


def test_it_turns_grows_and_moves_with_the_face() -> None:
    layer, points = _random_layer(), _faces(4)
    angle = torch.tensor(0.7)
    turn = 1.3 * torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
    shift = torch.tensor([0.2, -0.1])
    torch.testing.assert_close(layer(points @ turn.T + shift), layer(points) @ turn.T + shift, atol=1e-5, rtol=0)


def test_it_learns_to_take_noise_out_of_faces() -> None:
    """The best linear estimate leaves a fraction of independent noise: a face has few degrees of freedom."""
    layer, generator = ShapeLayer(68), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(layer.parameters(), lr=5e-3)
    faces = _faces(512)

    def noisy() -> Tensor:
        return faces + 0.02 * torch.randn(faces.shape, generator=generator)

    for _ in range(250):
        loss = 1e4 * (layer(noisy()) - faces).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seen = noisy()
    left = (layer(seen) - faces).norm(dim=-1).mean() / (seen - faces).norm(dim=-1).mean()
    assert left < 0.6


def test_the_head_reads_its_points_through_it() -> None:
    channels = (16, 24, 32, 64)
    plain, shaped = (build_head("heatmap", channels, 112, map_stride=8, shape_layer=shape) for shape in (False, True))
    points = 0.3 + 0.4 * torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(1))
    raw = plain.encode(points).clamp_min(1e-30).log()
    torch.testing.assert_close(shaped.decode(raw), points, atol=1e-4, rtol=0)
    shaped.shape = _random_layer()
    torch.testing.assert_close(shaped.decode(raw), shaped.shape(plain.decode(raw)))
    np.testing.assert_allclose(shaped.covariance(raw).numpy(), plain.covariance(raw).numpy(), atol=1e-5)
