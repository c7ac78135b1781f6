"""The baselines of `make bench`: torchvision v2 picture by picture, and MobileNetV3-large at 384 pixels.

python3 -m src.benchmark.baselines FOLDER SOLUTION predicts a folder as a short script would: it decodes, predicts and
writes one picture at a time. Its weights are random, as only the time counts.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import models, tv_tensors
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import InterpolationMode, v2

from src.config import AugmentationConfig
from src.datasets.picture_files import PICTURE_FORMATS
from src.markup import NUM_POINTS

SIDE = 384  # pixels: the challenge's pictures, unreduced


def mobilenet_v3_large() -> nn.Module:
    """torchvision's network, unchanged: images (B, 3, 384, 384) -> coordinates (B, 136)."""
    return models.mobilenet_v3_large(weights=None, num_classes=2 * NUM_POINTS).eval()


class AugmentedPictures(Dataset):
    """Pictures and points augmented one by one at their full size, with the ranges of our own augmentation.

    It works on uint8 tensors, torchvision's fastest form; blur is its usual 5 x 5.
    """

    def __init__(self, paths: list[Path], points_image: np.ndarray) -> None:
        """points_image: (N, 68, 2) pixels of each picture."""
        self.paths = paths
        self.points_image = torch.from_numpy(points_image).float()
        ours = AugmentationConfig()
        self.transform = v2.Compose(
            [
                v2.ColorJitter(ours.brightness, ours.contrast, ours.saturation, ours.hue / 360),
                v2.RandomAffine(
                    ours.rotation,
                    translate=(ours.shift, ours.shift),
                    scale=(1 - ours.scale, 1 + ours.scale),
                    interpolation=InterpolationMode.BILINEAR,
                ),
                v2.GaussianBlur(5, (0.1, ours.blur_sigma)),
            ]
        )
        self.erase = v2.RandomErasing(ours.erasing)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """image (3, H, W) uint8 and points_image (68, 2)."""
        image = tv_tensors.Image(decode_image(str(self.paths[index]), mode=ImageReadMode.RGB))
        points = tv_tensors.KeyPoints(self.points_image[index], canvas_size=image.shape[1:])
        image, points = self.transform(image, points)
        return self.erase(image.as_subclass(Tensor)), points.as_subclass(Tensor)


@torch.inference_mode()
def predict_one_by_one(folder: Path, solution: Path) -> int:
    """Write a solution.txt of random points for a folder of pictures. Returns their number."""
    network = mobilenet_v3_large()
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    with open(solution, "w", encoding="utf-8") as file:
        for path in paths:
            picture = Image.open(path, formats=PICTURE_FORMATS).convert("RGB").resize((SIDE, SIDE))
            image = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().div(255)  # (3, 384, 384)
            points_image = SIDE * network(image[None])[0]  # (136,)
            file.write(" ".join([path.name, *(f"{value:.3f}" for value in points_image.tolist())]) + "\n")
    return len(paths)


if __name__ == "__main__":
    print(f"{predict_one_by_one(Path(sys.argv[1]), Path(sys.argv[2]))} pictures")
