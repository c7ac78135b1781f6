"""The second look of `src.predict.looks` inside an exported graph, built from operations that every runtime has.

The mirrored view of `src.predict.looks.warp_upright` is sampled from the square in one step, and the head pose of
`src.pose.fit_pose` is computed without a singular value decomposition, which ONNX lacks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.config import ModelConfig
from src.markup import flip_permutation
from src.pose import camera_weights
from src.predict.confidence import EPSILON, shipped_calibration
from src.predict.looks import SMALLEST, check_points
from src.transforms import stack_matrix


class SecondLook(nn.Module):
    """From the points of the first look to the input of the second, and from its points back."""

    def __init__(self, config: ModelConfig) -> None:
        """Raises InputError for a number of points that does not show a head's tilt."""
        super().__init__()
        check_points(config.points)
        center_x, center_y, side = config.crop
        ticks = side * ((torch.arange(config.input_size) + 0.5) / config.input_size - 0.5)
        # Positions of the input's pixels in the mirrored, enlarged square, row by row: (R * R, 2).
        mirrored = torch.cartesian_prod(center_y + ticks, 1 - center_x - ticks).flip(1)
        self.register_buffer("places", mirrored)
        self.register_buffer("camera_weights", torch.from_numpy(camera_weights(config.points)).float())  # (K, 3)
        self.register_buffer("permutation", torch.as_tensor(flip_permutation(config.points)))
        self.register_buffer("center", torch.tensor(config.second_look[:2]))
        self.share, self.weight = config.second_look[2:]
        self.size, self.calibration = config.input_size, shipped_calibration(2, config.convention)

    def view(self, squares: Tensor, points_unit: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """squares (B, 3, S, S), points_unit (B, K, 2) -> images (B, 3, R, R) and the similarity map (see `upright`)."""
        turn, scale, shift = similarity = self.upright(points_unit)
        places = (self.places - shift[:, None]) @ turn / scale[:, None, None]  # (B, R * R, 2) of the given squares
        grid = (2 * places - 1).unflatten(1, (self.size, self.size))
        return F.grid_sample(squares, grid, align_corners=False), similarity

    def upright(self, points_unit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`src.predict.looks.upright_affine` in parts: rotation (B, 2, 2), scale (B,) and shift (B, 2)."""
        camera = (points_unit * points_unit.new_tensor([1.0, -1.0])).mT @ self.camera_weights  # (B, 2, 3), y up
        (a, b), (_, d) = ((camera[:, row, None] * camera).sum(-1).unbind(1) for row in (0, 1))  # of its Gram matrix
        root = (a * d - b * b).clamp(min=0).sqrt()
        # The nearest orthonormal rows are Gram^(-1/2) camera; their second column is the head's axis in the picture.
        x, y = camera[:, 0, 1], camera[:, 1, 1]
        sin, cos = b * y - (d + root) * x, (a + root) * y - b * x
        length = (cos * cos + sin * sin).sqrt().clamp(min=1e-12)
        cos, sin = cos / length, sin / length
        turn = stack_matrix([[cos, -sin], [sin, cos]])
        turned = points_unit @ turn.mT
        low, high = turned.amin(dim=1), turned.amax(dim=1)
        scale = self.share / (high - low).clamp(min=SMALLEST).prod(dim=1).sqrt()
        return turn, scale, self.center - scale[:, None] * (low + high) / 2

    def back(self, found_unit: Tensor, similarity: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Points (B, K, 2) in the mirrored, enlarged square -> points_unit of the original squares."""
        turn, scale, shift = similarity
        x, y = found_unit[:, self.permutation].unbind(dim=-1)
        return (torch.stack([1 - x, y], dim=-1) - shift[:, None]) @ turn / scale[:, None, None]

    def score(self, first_unit: Tensor, second_unit: Tensor) -> Tensor:
        """The probability (B,) of a good prediction, as in `src.predict.confidence`."""
        apart = 100 * (first_unit - second_unit).square().sum(dim=-1).sqrt().mean(dim=-1)
        return (self.calibration.intercept + self.calibration.slope * apart.clamp(min=EPSILON).log()).sigmoid()
