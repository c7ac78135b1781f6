"""A toy backbone, head, loss, augmentation and format: one piece and one name each, as CONTRIBUTING says."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from commands import SMALL, Outcome, run
from conftest import Run
from PIL import Image
from stand_in import project, random_euler
from torch import Tensor, nn

from src import augmentation, config
from src.datasets import formats
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.prepared import load_prepared
from src.network import backbones, heads, losses
from src.network.backbones.staged import StagedBackbone
from src.network.checkpoint import load_model
from src.network.heads.head import Head


def _train(prepared: Path, folder: Path, *flags: object) -> Outcome:
    """One epoch of five steps with `flags`, its files in `folder`."""
    return run("train.py", *SMALL, "--end_epoch", 1, *Run(folder, prepared).flags, *flags)


def toy_backbone() -> StagedBackbone:
    """One convolution per stage."""
    widths = [3, 8, 8, 8, 8]
    strides = [4, 2, 2, 2]
    convolutions = [
        nn.Conv2d(before, after, kernel_size=stride + 1, stride=stride, padding=stride // 2)
        for before, after, stride in zip(widths, widths[1:], strides, strict=False)
    ]
    return StagedBackbone(convolutions, widths[1:])


class ToyHead(Head):
    """A linear layer on the mean of the last map."""

    def __init__(self, channels: tuple[int, ...], input_size: int, *, points: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels[-1], 2 * points)

    def forward(self, maps: list[Tensor]) -> Tensor:
        return self.linear(maps[-1].mean(dim=(2, 3)))  # (B, 2 K)

    def decode(self, raw: Tensor) -> Tensor:
        return raw.unflatten(1, (-1, 2))  # (B, K, 2)

    def loss(self, raw: Tensor, points_input: Tensor, criterion: losses.Criterion) -> Tensor:
        return criterion(self.decode(raw), points_input).mean(dim=1)  # (B,)


def test_a_new_backbone_and_a_new_head(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backbones.BACKBONES, "toy", toy_backbone)
    monkeypatch.setitem(heads.HEADS, "toy", ToyHead)
    outcome = _train(prepared, tmp_path, "--backbone", "toy", "--head", "toy")
    assert outcome.code == 0, outcome
    model, _ = load_model(Run(tmp_path, prepared).best)
    assert isinstance(model.head, ToyHead)
    assert model.predict(torch.rand(2, 3, 64, 64)).shape == (2, 68, 2)


def test_a_new_loss(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def toy_loss(prediction: Tensor, target: Tensor) -> Tensor:
        seen.append(prediction.shape)
        return (prediction - target).square().sum(-1)  # (B, K)

    monkeypatch.setitem(losses.CRITERIA, "toy", toy_loss)
    outcome = _train(prepared, tmp_path, "--loss", "toy")
    assert outcome.code == 0, outcome
    assert seen == [(8, 68, 2)] * 5


def test_a_new_augmentation(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def toy_darkness(images: Tensor, ranges: config.AugmentationConfig, generator: torch.Generator) -> Tensor:
        seen.append(ranges.brightness)
        return images * torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device)

    monkeypatch.setattr(augmentation, "APPEARANCE", (*augmentation.APPEARANCE, toy_darkness))
    monkeypatch.setitem(config.AUGMENTATIONS, "toy", config.AugmentationConfig(brightness=0.7))
    outcome = _train(prepared, tmp_path, "--augmentation", "toy")
    assert outcome.code == 0, outcome
    assert seen == [0.7] * 5


def test_a_new_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points_image = project(random_euler(3)) * 96
    root = tmp_path / "toy"
    root.mkdir()
    for i, points in enumerate(points_image):
        Image.new("RGB", (96, 96), (90, 70, 60)).save(root / f"{i}.png")
        np.save(root / f"{i}.npy", points)

    def read(folder: Folder) -> Faces:
        names = [folder.picture(name.removesuffix(".npy")) for name in folder.ending(".npy")]
        points = [np.load(folder.root / name) for name in folder.ending(".npy")]
        return Faces(folder.root, np.array(names), np.array(points))

    module = SimpleNamespace(detect=lambda folder: bool(folder.ending(".npy")), read=read)
    monkeypatch.setitem(formats.FORMATS, "toy", formats._format(module, crop_rule="whole"))
    outcome = run("preparation.py", "--root", root, "--out", tmp_path / "out", "--image_size", 96)
    assert outcome.code == 0, outcome
    faces = load_prepared(tmp_path / "out")
    np.testing.assert_allclose(faces.points_unit, points_image / 96, atol=1e-5)
