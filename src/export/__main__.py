"""Write a model file as ONNX and check it against PyTorch: python3 -m src.export --model_path best.pth.tar."""

import argparse
from pathlib import Path

from src.command_line import run_command
from src.export.onnx_file import MOST_LOOKS, OPSET, export_onnx
from src.files import check_target
from src.network.checkpoint import load_model
from src.parser import Parser, add_convention, add_model_path
from src.predict.exported_files import FRAMES


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_model_path(parser, "a model file or a snapshot")
    add_convention(parser)
    parser.add_argument("--input", choices=FRAMES, default="crop", help="what the file takes")
    parser.add_argument("--looks", type=int, help="1, or 2 with a score: the default for pictures")
    parser.add_argument("--out", type=Path, default="output/best.onnx", help="where the ONNX file goes")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    # Before the work, not after it. The runtimes go by the ending; and a model file must not be replaced.
    check_target(arguments.out, ending=".onnx")
    model, content = load_model(arguments.model_path, convention=arguments.convention)
    takes = arguments.input
    looks = arguments.looks if arguments.looks is not None else MOST_LOOKS[takes]
    difference = export_onnx(model, arguments.out, takes=takes, looks=looks, nme=content["nme"])
    size, points = model.config.input_size, model.config.points
    shape = f"images (B, 3, {size}, {size})" if takes == "crop" else "pictures (B, H, W, 3)"
    score = ", score (B,)" if looks == 2 else ""
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, opset {OPSET}, {shape} -> "
        f"{FRAMES[takes]} (B, {points}, 2){score}; within {difference:.1g} of PyTorch, as a share of the side"
    )


if __name__ == "__main__":
    run_command(main)
