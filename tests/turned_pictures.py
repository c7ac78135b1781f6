"""A whole picture of rendered faces, upright and turned: Predictor, light package and page agree on them."""

from pathlib import Path

from commands import ROOT
from PIL import Image

GROUP = ROOT / "docs/demo/samples/group.jpg"
ROLLS = (0, 60, 90, 180)  # degrees counterclockwise


def turned_pictures(folder: Path) -> list[Path]:
    """Files in a folder, one per roll, all of whose faces lie inside."""
    paths = [folder / f"turned_{roll}.png" for roll in ROLLS]
    with Image.open(GROUP) as group:
        for roll, path in zip(ROLLS, paths, strict=True):
            group.convert("RGB").rotate(roll, Image.Resampling.BICUBIC, expand=True).save(path)
    return paths
