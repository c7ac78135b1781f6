"""One ONNX file of a network, checked against PyTorch: python3 -m src.export --model_path best.pth.tar."""

import argparse
import copy
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from src.checkpoint import load_model
from src.command_line import HelpFormatter, run_command
from src.config import to_dict
from src.errors import InputError
from src.files import atomic_path
from src.model import LandmarkNet

METADATA = "model_config"  # the file's property that holds the configuration as JSON: input size, crop and the rest
TOLERANCE = 1e-4  # of the input's side: a hundredth of a pixel at 112 pixels
_CHECKED_BATCHES = (1, 2, 7)  # one file serves any number of pictures


class Predictor(nn.Module):
    """The deployed part of a network, on the CPU and in evaluation mode, with `predict` as its forward."""

    def __init__(self, model: LandmarkNet) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).cpu().float()
        self.model.auxiliary = None  # needed in training only
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """images (B, 3, R, R) in [0, 1] -> points_input (B, 68, 2)."""
        return self.model.predict(images)


def export_onnx(model: LandmarkNet, path: str | Path) -> float:
    """Write a float32 ONNX file: `images` (B, 3, R, R) in [0, 1] -> `points_input` (B, 68, 2), for any B.

    Its property METADATA holds the model's configuration, so that another program can crop the picture. Returns the
    largest difference from PyTorch on random pictures, in units of the input's side. Raises InputError where that
    exceeds TOLERANCE; the old file then stays.
    """
    predictor = Predictor(model)
    program = onnx_program(predictor, model.config.input_size)
    program.model.metadata_props[METADATA] = json.dumps(to_dict(replace(model.config, auxiliary=False)))
    with atomic_path(path) as temporary:
        program.save(temporary, external_data=False)
        difference = _difference(predictor, open_onnx(temporary), model.config.input_size)
        if not difference <= TOLERANCE:
            raise InputError(f"{path}: expected PyTorch's points to within {TOLERANCE:g}, found {difference:.2g}")
    return difference


def onnx_program(network: nn.Module, size: int) -> torch.onnx.ONNXProgram:
    """A network of `images` (B, 3, size, size) -> `points_input` as an ONNX graph for any B, not yet written."""
    with warnings.catch_warnings(action="ignore"):  # the exporter's remarks on its own and on torchvision's code
        return torch.onnx.export(
            network,
            (torch.rand(2, 3, size, size),),
            dynamo=True,
            verbose=False,
            input_names=["images"],
            output_names=["points_input"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )


def open_onnx(path: str | Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """ONNX Runtime's session for a file, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _difference(predictor: Predictor, session: onnxruntime.InferenceSession, size: int) -> float:
    """The largest difference of any coordinate on random pictures."""
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for batch in _CHECKED_BATCHES:
        images = torch.rand(batch, 3, size, size, generator=generator)
        with torch.inference_mode():
            expected = predictor(images).numpy()
        (found,) = session.run(["points_input"], {"images": images.numpy()})
        largest = max(largest, float(np.abs(found - expected).max()))
    return largest


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--model_path", type=Path, default="best.pth.tar", help="a model file or a snapshot")
    parser.add_argument("--out", type=Path, default="output/best.onnx", help="where the ONNX file goes")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    model, _ = load_model(arguments.model_path)
    difference = export_onnx(model, arguments.out)
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, images (B, 3, {model.config.input_size}, "
        f"{model.config.input_size}) -> points_input (B, 68, 2); within {difference:.1g} of PyTorch"
    )


if __name__ == "__main__":
    run_command(main)
