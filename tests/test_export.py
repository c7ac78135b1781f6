"""The ONNX file: the same points as PyTorch's for any number of pictures, and all that another program needs."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from commands import assert_refused, run

from src import export
from src.config import ModelConfig, from_dict
from src.errors import InputError
from src.export import METADATA, export_onnx, open_onnx
from src.model import LandmarkNet, build_model

SIZE = 64
NETWORKS = [("shufflenet_v2_x0_5", "regression"), ("mobilenet_v3_small", "heatmap")]


def blobs(count: int) -> torch.Tensor:
    """Pictures (count, 3, SIZE, SIZE) that differ more from each other than noise does."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(count))
    return F.interpolate(coarse, size=SIZE, mode="bilinear")


def lively_model(backbone: str, head: str) -> LandmarkNet:
    """A network whose points depend on the picture: an untrained one's hardly do."""
    model = build_model(ModelConfig(backbone=backbone, head=head, input_size=SIZE), seed=1).train()
    last = model.head.linear if head == "regression" else model.head.maps
    with torch.no_grad():
        for _ in range(20):
            model(blobs(16))  # settles the normalization's statistics
        last.weight.copy_(0.3 * torch.randn(last.weight.shape, generator=torch.Generator().manual_seed(2)))
    return model


@pytest.mark.parametrize(("backbone", "head"), NETWORKS)
def test_the_file_gives_pytorchs_points(tmp_path: Path, backbone: str, head: str) -> None:
    model, path = lively_model(backbone, head), tmp_path / "new" / "model.onnx"
    assert export_onnx(model, path) < 1e-4
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]  # no second file with the weights
    assert model.training
    assert model.auxiliary is not None

    session = open_onnx(path)
    for batch in (1, 3):
        images = blobs(batch)
        (found,) = session.run(["points_input"], {"images": images.numpy()})
        with torch.inference_mode():
            expected = model.eval().predict(images).numpy()
        assert found.shape == (batch, 68, 2)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 1e-4
    assert np.ptp(found, axis=0).max() > 1e-2  # otherwise the comparison says nothing

    metadata = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    assert from_dict(ModelConfig, metadata) == ModelConfig(backbone, head, SIZE, model.config.crop, auxiliary=False)


def test_a_file_that_differs_is_refused_and_the_old_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("old")
    program = SimpleNamespace(
        model=SimpleNamespace(metadata_props={}), save=lambda target, external_data: target.write_text("new")
    )
    monkeypatch.setattr(export, "onnx_program", lambda network, size: program)
    monkeypatch.setattr(
        export, "open_onnx", lambda target: SimpleNamespace(run=lambda names, feed: [np.zeros((1, 68, 2))])
    )
    with pytest.raises(InputError, match="within 0"):
        export_onnx(lively_model(*NETWORKS[0]), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_text() == "old"


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pth.tar"
    assert_refused(run("src/export.py", "--model_path", missing, "--out", tmp_path / "out.onnx"), str(missing))
