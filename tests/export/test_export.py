"""The ONNX file: the same points as PyTorch's for any pictures, and all that another program needs."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from commands import assert_refused, run

from src.config import ModelConfig, TrainingConfig
from src.errors import InputError
from src.export import onnx_file as export
from src.export.networks import PictureNetwork
from src.export.onnx_file import OPSET, export_onnx
from src.export.properties import LICENSE
from src.export.rules import rules_text
from src.network import checkpoint, conventions
from src.network.backbones import BACKBONES
from src.network.heads import HEADS
from src.network.model import LandmarkNet, build_model
from src.predict.exported_files import onnx_metadata, open_onnx
from src.predict.runtimes import open_model

pytestmark = pytest.mark.slow

SIZE = 64
NETWORKS = [("shufflenet_v2_x0_5", "regression"), ("mobilenet_v3_small", "heatmap")]
# Ten seconds each: only where the variable ALL_EXPORTS is set.
ALL_NETWORKS = [(backbone, head) for backbone in BACKBONES for head in HEADS]


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
    assert export_onnx(model, path, nme=2.5) < 1e-5
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]  # no second file with the weights
    assert model.training
    assert model.auxiliary is not None

    assert {entry.domain: entry.version for entry in onnx.load(path).opset_import} == {"": OPSET}
    session = open_onnx(path)
    for batch in (1, 3):
        images = blobs(batch)
        (found,) = session.run(["points_input"], {"images": images.numpy()})
        with torch.inference_mode():
            expected = model.eval().predict(images).numpy()
        assert found.shape == (batch, 68, 2)
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 1e-5
    assert np.ptp(found, axis=0).max() > 1e-2  # otherwise the comparison says nothing

    metadata = onnx_metadata(session, path)
    assert metadata.config == ModelConfig(backbone, head, SIZE, model.config.crop, auxiliary=False)
    assert metadata.mean_face.shape == (68, 2)
    assert (metadata.nme, metadata.license, metadata.input) == (2.5, LICENSE, "crop")
    assert session.get_modelmeta().description == "68 facial landmarks: images -> points_input"
    assert session.get_modelmeta().custom_metadata_map["rules"] == rules_text(68, metadata.config.convention)


@pytest.mark.parametrize("looks", [1, 2])
def test_a_file_for_pictures_takes_any_size_and_number(tmp_path: Path, looks: int) -> None:
    model, path = lively_model(*NETWORKS[1]), tmp_path / "model.onnx"
    export_onnx(model, path, takes="picture", looks=looks)
    session, network = open_onnx(path), PictureNetwork(model, looks=looks)
    metadata = onnx_metadata(session, path)
    assert (metadata.input, metadata.looks) == ("picture", looks)
    for batch, height, width in ((1, 64, 64), (2, 300, 160), (3, 31, 47)):
        pictures = F.interpolate(blobs(batch), size=(height, width)).mul(255).byte().permute(0, 2, 3, 1).contiguous()
        names = ["points_image", "score"][:looks]
        with torch.inference_mode():
            outputs = zip(session.run(names, {"pictures": pictures.numpy()}), network(pictures), strict=True)
        for found, expected in outputs:
            assert np.abs(found - expected.numpy()).max() < (1e-3 if looks == 1 else 1e-2)  # pixels


def test_a_file_holds_one_convention_and_says_which(tmp_path: Path) -> None:
    own, path, out = lively_model(*NETWORKS[1]), tmp_path / "both.pth.tar", tmp_path / "outline.onnx"
    content = checkpoint.model_content(own, nme=2.5, training=TrainingConfig())
    maps = {"head.maps.weight": content["weights"]["head.maps.weight"].flip(0)}  # each point's maps are another's
    checkpoint.save(path, conventions.add(content, "300w", maps, nme=1.5))
    outcome = run("src/export/__main__.py", "--model_path", path, "--convention", "300w", "--out", out)
    assert outcome.code == 0, outcome
    (found,) = open_onnx(out).run(["points_input"], {"images": blobs(2).numpy()})
    with torch.inference_mode():
        expected = own.eval().predict(blobs(2)).numpy()[:, ::-1]
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(found - expected[:, ::-1]).max() > 1e-2
    assert onnx_metadata(open_onnx(out), out).nme == 1.5
    for name in (None, "300w"):
        assert open_model(out, convention=name).config.convention == "300w"
    with pytest.raises(InputError, match="a file of the convention aflw, found one of 300w"):
        open_model(out, convention="aflw")


@pytest.mark.parametrize(("backbone", "head"), ALL_NETWORKS if "ALL_EXPORTS" in os.environ else [])
def test_every_network_exports(tmp_path: Path, backbone: str, head: str) -> None:
    assert export_onnx(build_model(ModelConfig(backbone, head, SIZE), seed=1), tmp_path / "model.onnx") < 1e-5


def test_a_file_that_differs_is_refused_and_the_old_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("old")
    program = SimpleNamespace(
        model=SimpleNamespace(metadata_props={}), save=lambda target, external_data: target.write_text("new")
    )
    monkeypatch.setattr(export, "onnx_program", lambda network, example, names: program)
    monkeypatch.setattr(
        export, "open_onnx", lambda target: SimpleNamespace(run=lambda names, feed: [np.zeros((1, 68, 2))])
    )
    with pytest.raises(InputError, match="within 1e-05"):
        export_onnx(build_model(ModelConfig(*NETWORKS[0], SIZE)), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(("takes", "looks"), [("crop", 2), ("crop", 0), ("picture", 3)])
def test_other_numbers_of_looks_are_refused(tmp_path: Path, takes: str, looks: int) -> None:
    with pytest.raises(InputError, match=f"found {looks} at a {takes}"):
        export_onnx(build_model(ModelConfig(*NETWORKS[0], SIZE)), tmp_path / "model.onnx", takes=takes, looks=looks)


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pth.tar"
    assert_refused(run("src/export/__main__.py", "--model_path", missing, "--out", tmp_path / "out.onnx"), str(missing))


@pytest.mark.parametrize(("script", "ending"), [("__main__", "onnx"), ("tflite", "tflite")])
def test_a_model_file_is_not_replaced_by_its_export(script: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / "best.pth.tar"
    path.write_bytes(b"weights")
    outcome = run(f"src/export/{script}.py", "--model_path", path, "--out", path)
    assert_refused(outcome, f"best.pth.tar: expected a name that ends with .{ending}")
    assert path.read_bytes() == b"weights"


def test_an_answer_that_is_no_number_is_not_taken_for_equal() -> None:
    class Session:
        def run(self, _outputs: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [np.full((len(inputs["images"]), 68, 2), np.nan)]

    examples, expected = [torch.zeros(2, 3, 8, 8)], [(torch.zeros(2, 68, 2),)]
    assert np.isnan(export._difference(Session(), examples, expected, takes="crop"))
