"""A linear shape model as a layer: all points correct each one, equivariantly to rotation, scale and translation.

Points are complex numbers x + iy about their mean, and the layer is one complex matrix, so moving, scaling or rotating
the face in the plane does the same to the result (the complex linear shape model of Kent, "The Complex Bingham
Distribution and Shape Analysis", 1994). It starts as the identity and learns with the network; it can represent the
best linear (Wiener) estimate of a shape from noisy points.
"""

import torch
from torch import Tensor, nn


class ShapeLayer(nn.Module):
    """points (B, K, 2) -> points (B, K, 2), in any frame with square pixels."""

    def __init__(self, points: int) -> None:
        super().__init__()
        # Real and imaginary part of what is added to the identity: weight decay then pulls toward unchanged points.
        self.real = nn.Parameter(torch.zeros(points, points))
        self.imaginary = nn.Parameter(torch.zeros(points, points))

    def forward(self, points: Tensor) -> Tensor:
        """points: (B, K, 2), float32 whatever the network computes in."""
        return points + (points.flatten(1) @ self.matrix()).unflatten(1, (-1, 2))

    def matrix(self) -> Tensor:
        """The complex matrix, including the subtraction of the mean, as a real matrix (2 K, 2 K)."""
        real, imaginary = (part.float().T - part.float().mean(dim=1) for part in (self.real, self.imaginary))
        rows = torch.stack([torch.stack([real, imaginary], dim=2), torch.stack([-imaginary, real], dim=2)], dim=1)
        return rows.flatten(2).flatten(0, 1)  # (K, 2, K, 2) flattened: x and y of a point stand side by side
