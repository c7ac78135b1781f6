"""A network as an ONNX file, checked against PyTorch.

The file maps pixels to 68 points with the opset OPSET. `--input crop` takes the network's own input, `--input picture`
whole uint8 pictures of any size, by default with two looks and a score; see `src.export.networks` for the shapes and
`src.predict.exported_files` for the metadata.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.datasets.picture_files import MIN_SIDE
from src.errors import InputError, needed
from src.export.networks import CropNetwork, PictureNetwork
from src.export.properties import properties, seal
from src.export.rules import rules_text
from src.files import atomic_path
from src.network.model import LandmarkNet
from src.predict.exported_files import FRAMES, open_onnx
from src.predict.looks import LOOKED_AT

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OPSET = 18  # the oldest that PyTorch's exporter writes without converting
TOLERANCE = 1e-5  # of the picture's side: a thousandth of a pixel at 112 pixels
_SECOND_LOOK = 10  # times TOLERANCE: the checked pictures show no face, and a second look enlarges crowded points
_CHECKED_BATCHES = (1, 2, 7)  # the file must work for any number of pictures
_CHECKED_SIZES = ((112, 112), (384, 384), (90, 200))  # height, width; it must work for pictures of any size
_INPUTS = {"crop": "images", "picture": "pictures"}
MOST_LOOKS = {"crop": 1, "picture": 2}  # a second look needs a crop's surroundings, which a crop file does not get


def export_onnx(
    model: LandmarkNet, path: str | Path, *, takes: str = "crop", looks: int = 1, nme: float = float("nan")
) -> float:
    """Write a float32 ONNX file of a network.

    takes: "crop" for `images` (B, 3, R, R) in [0, 1] -> `points_input` (B, 68, 2), or "picture" for `pictures`
    (B, H, W, 3) uint8 RGB -> `points_image` (B, 68, 2); any B, H and W. looks: 1, or for pictures 2, then also `score`
    (B,). nme: percent, for the metadata.
    Returns the largest difference from PyTorch on random pictures, as a share of their longer side. Raises InputError
    if it exceeds TOLERANCE (with two looks, ten times TOLERANCE); the old file then stays.
    """
    if not 1 <= looks <= MOST_LOOKS[takes]:
        raise InputError(f"expected 1 look at a crop, 1 or 2 at a picture, found {looks} at a {takes}")
    network = CropNetwork(model) if takes == "crop" else PictureNetwork(model, looks=looks)
    outputs = (FRAMES[takes], "score")[:looks]
    examples = _examples(takes, model.config.input_size)
    with torch.inference_mode():
        expected = [_tuple(network(example)) for example in examples]
    program = onnx_program(network, examples[-1], names=(_INPUTS[takes], *outputs))
    program.model.doc_string = f"{model.config.points} facial landmarks: {_INPUTS[takes]} -> {', '.join(outputs)}"
    program.model.metadata_props.update(properties(model.config, nme=nme, takes=takes, looks=looks))
    if takes == "crop" and model.config.points in LOOKED_AT:
        program.model.metadata_props["rules"] = rules_text(model.config.points, model.config.convention)
    with atomic_path(path) as temporary:
        program.save(temporary, external_data=False)
        seal(temporary)
        difference = _difference(open_onnx(temporary), examples, expected, takes=takes)
        tolerance = TOLERANCE if looks == 1 else _SECOND_LOOK * TOLERANCE
        if not difference <= tolerance:
            raise InputError(f"{path}: expected PyTorch's points to within {tolerance:g}, found {difference:.2g}")
    return difference


def onnx_program(
    network: nn.Module, example: Tensor, *, names: tuple[str, ...] = ("images", "points_input")
) -> "torch.onnx.ONNXProgram":
    """A network as an ONNX graph in memory, for any batch size and, with uint8 pictures, any height and width.

    example: an input of at least two pictures. names: of the graph's input and outputs. Raises InputError if the
    packages for exporting are not installed.
    """
    needed("onnx")
    needed("onnxscript")
    axes = {0: torch.export.Dim("batch")}
    if not example.is_floating_point():
        axes |= {1: torch.export.Dim("height", min=MIN_SIDE), 2: torch.export.Dim("width", min=MIN_SIDE)}
    with warnings.catch_warnings(action="ignore"):  # the exporter warns about its own and torchvision's code
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[names[0]],
            output_names=names[1:],
            dynamic_shapes=(axes,),
        )
    for node in program.model.graph.all_nodes():  # notes on source lines, 0.27 MB for the shipped model
        node.metadata_props.clear()
    return program


def _examples(takes: str, size: int) -> list[Tensor]:
    """Random inputs of several batch sizes and, for pictures, of several shapes."""
    generator = torch.Generator().manual_seed(0)
    if takes == "crop":
        return [torch.rand(batch, 3, size, size, generator=generator) for batch in _CHECKED_BATCHES]
    pictures = []
    for batch, shape in zip(_CHECKED_BATCHES, _CHECKED_SIZES, strict=True):
        # Smooth, like photographs: with pixel noise, rounding during resampling would dominate the difference.
        coarse = torch.rand(batch, 3, 6, 6, generator=generator)
        picture = F.interpolate(coarse, size=shape, mode="bicubic").clamp(0, 1)
        pictures.append((255 * picture).round().byte().permute(0, 2, 3, 1).contiguous())
    return pictures


def _difference(
    session: "InferenceSession", examples: list[Tensor], expected: list[tuple[Tensor, ...]], *, takes: str
) -> float:
    """The largest difference of any coordinate, as a share of the longer side, and of any score."""
    largest = 0.0
    for example, outputs in zip(examples, expected, strict=True):
        side = 1 if takes == "crop" else max(example.shape[1:3])
        found = session.run(None, {_INPUTS[takes]: example.numpy()})
        for values, right, unit in zip(found, outputs, (side, 1), strict=False):
            largest = float(np.maximum(largest, np.abs(values - right.numpy()).max() / unit))  # keeps NaN
    return largest


def _tuple(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
