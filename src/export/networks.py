"""What an exported file computes: a network with its preprocessing and decoding, for inference only.

- `CropNetwork`: images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)
- `PictureNetwork`: pictures (B, H, W, 3) uint8 RGB -> points_image (B, 68, 2) in pixels of the pictures, and with two
  looks (`src.predict.looks`) also score (B,), the probability of a good prediction (`src.predict.confidence`)
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.datasets.pictures import SQUARE_SIZE
from src.export.rearranged import rearrange
from src.export.second_look import SecondLook
from src.network.model import LandmarkNet


class CropNetwork(nn.Module):
    """A float32 copy of a network on the CPU, without the parts that only training needs; it decodes in `forward`."""

    def __init__(self, model: LandmarkNet, *, rearranged: bool = True) -> None:
        """rearranged: optimize for ONNX Runtime (`src.export.rearranged`)."""
        super().__init__()
        self.model = copy.deepcopy(model).cpu().float().eval()
        self.model.auxiliary = None
        if rearranged:
            rearrange(self.model)

    def forward(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)."""
        return self.model.predict(images)


class PictureNetwork(nn.Module):
    """A CropNetwork after the letterbox, resizing and crop of `src.datasets.pictures` and `src.predict.inference`.

    When shrinking, ONNX's Resize filters as Pillow does, for pictures of any size and three times as fast as the same
    filter as matrices; the fixed crop of the small square is one constant matrix per axis.
    """

    def __init__(self, model: LandmarkNet, *, looks: int = 2) -> None:
        """looks: 1 or 2."""
        super().__init__()
        self.second_look = SecondLook(model.config) if looks == 2 else None
        self.crop_network = CropNetwork(model)
        center_x, center_y, self.side = model.config.crop
        self.register_buffer("center", torch.tensor([center_x, center_y]))
        ticks = (torch.arange(model.config.input_size) + 0.5) / model.config.input_size - 0.5
        cells = torch.arange(SQUARE_SIZE) + 0.5
        self.register_buffer("columns", _tent((center_x + self.side * ticks)[:, None] * SQUARE_SIZE - cells))
        self.register_buffer("rows", _tent((center_y + self.side * ticks)[:, None] * SQUARE_SIZE - cells))

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """pictures (B, H, W, 3) uint8 RGB, any H and W -> points_image (B, 68, 2), and with two looks score (B,)."""
        squares, corner, scale = _letterbox(pictures)
        points_unit = self._look(self.rows @ squares @ self.columns.T)
        if self.second_look is None:
            return ((points_unit * SQUARE_SIZE - corner) / scale,)
        images, similarity = self.second_look.view(squares, points_unit)
        again_unit = self.second_look.back(self._look(images), similarity)
        weight = self.second_look.weight
        both_unit = (1 - weight) * points_unit + weight * again_unit
        return (both_unit * SQUARE_SIZE - corner) / scale, self.second_look.score(points_unit, again_unit)

    def _look(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) -> points (B, 68, 2) of the square that they were cropped from."""
        return (self.crop_network(images) - 0.5) * self.side + self.center


def _letterbox(pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`src.geometry.letterbox` for pictures (B, H, W, 3) uint8, with operations that a graph can hold.

    Returns squares (B, 3, S, S) in [0, 1] and, of the picture within them, the top left corner (2,) in pixels of the
    square and the scale (2,) from pixels of the picture to them, both x, y.
    """
    height, width = pictures.shape[1:3]
    longer = torch.sym_max(height, width)
    # Rounded in integer arithmetic, because sizes in a graph are integers.
    box_height, box_width = (
        torch.sym_max((2 * SQUARE_SIZE * side + longer) // (2 * longer), 1) for side in (height, width)
    )
    top, left = (SQUARE_SIZE - box_height) // 2, (SQUARE_SIZE - box_width) // 2
    images = pictures.permute(0, 3, 1, 2).float() / 255
    images = F.interpolate(images, size=(box_height, box_width), mode="bilinear", antialias=True)
    squares = F.pad(images, (left, SQUARE_SIZE - box_width - left, top, SQUARE_SIZE - box_height - top))
    corner, box, whole = (
        torch.stack([torch.scalar_tensor(side, dtype=torch.float32) for side in pair])
        for pair in ((left, top), (box_width, box_height), (width, height))
    )
    return squares, corner, box / whole


def _tent(offsets: Tensor) -> Tensor:
    """The weight of a sample at this distance in linear interpolation."""
    return F.relu(1 - offsets.abs())
