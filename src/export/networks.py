"""What an exported file computes: a network with its preprocessing and decoding, for inference alone.

- `CropNetwork`: images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)
- `PictureNetwork`: pictures (B, H, W, 3) uint8 RGB -> points_image (B, 68, 2) in pixels of the pictures, and with two
  looks (`src.predict.looks`) also score (B,), the probability of a good prediction (`src.predict.confidence`)
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.datasets.pictures import SQUARE_SIZE
from src.export.second_look import SecondLook
from src.export.unshuffled import unshuffle
from src.network.model import LandmarkNet
from src.predict.confidence import SHIPPED, Calibration


class CropNetwork(nn.Module):
    """A float32 copy of a network on the CPU, without what only training needs; `predict` is its forward."""

    def __init__(self, model: LandmarkNet, *, unshuffled: bool = True) -> None:
        """unshuffled: see `src.export.unshuffled`; made for ONNX Runtime."""
        super().__init__()
        self.model = copy.deepcopy(model).cpu().float().eval()
        self.model.auxiliary = None
        if unshuffled:
            unshuffle(self.model)

    def forward(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)."""
        return self.model.predict(images)


class PictureNetwork(nn.Module):
    """A CropNetwork behind the letterbox, resizing and crop of `src.datasets.pictures` and `src.predict.inference`.

    These three are linear and treat rows and columns apart, so they are one matrix for the rows and one for the
    columns, made from the picture's height and width: only operations that every runtime has, at any size.
    """

    def __init__(self, model: LandmarkNet, *, looks: int = 2, calibration: Calibration = SHIPPED) -> None:
        """looks: 1 or 2. calibration: of the score (`src.evaluation.calibrate`); the default is the shipped model's."""
        super().__init__()
        self.second_look = SecondLook(model.config, calibration) if looks == 2 else None
        self.crop_network = CropNetwork(model)
        center_x, center_y, self.side = model.config.crop
        self.register_buffer("center", torch.tensor([center_x, center_y]))
        ticks = (torch.arange(model.config.input_size) + 0.5) / model.config.input_size - 0.5
        cells = torch.arange(SQUARE_SIZE) + 0.5
        self.register_buffer("cells", cells)
        self.register_buffer("cropped_columns", _tent((center_x + self.side * ticks)[:, None] * SQUARE_SIZE - cells))
        self.register_buffer("cropped_rows", _tent((center_y + self.side * ticks)[:, None] * SQUARE_SIZE - cells))

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """pictures (B, H, W, 3) uint8 RGB, any H and W -> points_image (B, 68, 2), and with two looks score (B,)."""
        height, width = (torch.scalar_tensor(side, dtype=torch.float32) for side in pictures.shape[1:3])
        longer = torch.maximum(height, width)
        rows = self._letterbox(pictures.shape[1], height, longer)  # (S, H)
        columns = self._letterbox(pictures.shape[2], width, longer)  # (S, W)
        channels_first = pictures.permute(0, 3, 1, 2).float() / 255  # (B, 3, H, W)
        border = (longer - torch.stack([width, height])) / 2  # pixels on the left, and on top
        if self.second_look is None:  # then both matrices of an axis are one, and the square itself is not needed
            images = (self.cropped_rows @ rows) @ channels_first @ (self.cropped_columns @ columns).T
            return (self._look(images) * longer - border,)
        squares = rows @ channels_first @ columns.T  # (B, 3, S, S)
        points_unit = self._look(self.cropped_rows @ squares @ self.cropped_columns.T)
        images, similarity = self.second_look.view(squares, points_unit)
        again_unit = self.second_look.back(self._look(images), similarity)
        score = self.second_look.score(points_unit, again_unit)
        weight = self.second_look.weight
        return ((1 - weight) * points_unit + weight * again_unit) * longer - border, score

    def _look(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) -> points (B, 68, 2) of the square that they were cropped from."""
        return (self.crop_network(images) - 0.5) * self.side + self.center

    def _letterbox(self, count: int, length: Tensor, longer: Tensor) -> Tensor:
        """Weights (SQUARE_SIZE, count) that resample one axis of a picture to the square: Pillow's bilinear filter.

        A tent as wide as a cell of the square, at least as a pixel; beyond the picture's ends the square is black.
        """
        scale = longer / SQUARE_SIZE  # pixels a cell
        positions = self.cells * scale - (longer - length) / 2  # (SQUARE_SIZE,) of the cells' centers, in pixels
        pixels = torch.arange(count, dtype=torch.float32) + 0.5
        weights = _tent((positions[:, None] - pixels) / scale.clamp(min=1))
        is_inside = ((positions > 0) & (positions < length)).float()
        return weights * (is_inside / weights.sum(dim=1).clamp(min=1e-6))[:, None]


def _tent(offsets: Tensor) -> Tensor:
    """Linear interpolation's weight of a sample at this distance."""
    return F.relu(1 - offsets.abs())
