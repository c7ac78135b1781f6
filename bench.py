"""Measure speed against common baselines on rendered faces; writes a table to the terminal and output/benchmark.csv."""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # left out by python3 -I and PYTHONSAFEPATH

from src.benchmark.measurements import (
    augmentation_rows,
    make_faces,
    onnx_rows,
    prediction_rows,
    preparation_rows,
    training_rows,
)
from src.benchmark.table import as_csv, as_text, machine
from src.command_line import run_command
from src.config import ModelConfig
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepare import prepare
from src.datasets.prepared import load_prepared
from src.files import check_target, check_writable, write_text
from src.network.checkpoint import load_model
from src.network.model import build_model
from src.parser import Parser, at_least

SHIPPED = Path(__file__).parent / "best.pth.tar"
PICTURES = 1790  # as many as the challenge's test set has
QUICK_PICTURES = 192
PARTS = ("augmentation", "training", "prediction", "preparation", "onnx")


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--repeats", type=at_least(1), default=5, help="turns of every measurement; medians are shown")
    parser.add_argument("--quick", action="store_true", help=f"a trial: one turn on {QUICK_PICTURES} pictures")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="measure only these")
    parser.add_argument("--model_path", type=Path, help="measure this model (the shipped one, else an untrained one)")
    parser.add_argument("--work", type=Path, default="data/bench", help="folder of the pictures, kept for next time")
    parser.add_argument("--out", type=Path, default="output/benchmark.csv", help="where the table goes")
    arguments = parser.parse_args()
    if arguments.quick:
        parser.refuse(["repeats"], "goes without --quick, which measures once")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out, ending=".csv")  # before the work, not after it
    check_writable(arguments.work)
    start = time.perf_counter()
    repeats = 1 if arguments.quick else arguments.repeats
    path = arguments.model_path or (SHIPPED if SHIPPED.is_file() else None)
    model = load_model(path)[0] if path else build_model(ModelConfig())
    work = arguments.work.resolve()
    folder = make_faces(work, QUICK_PICTURES if arguments.quick else PICTURES)
    prepared = work / f"prepared_{folder.name}"
    prepare([folder], prepared, image_size=SQUARE_SIZE)
    faces = load_prepared(prepared)
    measurements = {
        "augmentation": lambda: augmentation_rows(model.config, faces, folder, repeats=repeats),
        "training": lambda: training_rows(model.config, faces, repeats=repeats),
        "prediction": lambda: prediction_rows(model, folder, work, repeats=repeats),
        "preparation": lambda: preparation_rows(folder, work, repeats=repeats),
        "onnx": lambda: onnx_rows(model, work, repeats=repeats),
    }
    print(machine())
    print(f"{path or 'untrained'}: {model.config.backbone} + {model.config.head} at {model.config.input_size} px")
    rows = []
    for name in arguments.only:
        print(f"measuring {name} ...", flush=True)
        rows += measurements[name]()
    write_text(arguments.out, as_csv(rows))
    print(f"\n{as_text(rows)}\n")
    trial = f"; a trial on {len(faces)} pictures, the bars are set for {PICTURES}" if arguments.quick else ""
    missed = sum(row.met is False for row in rows)
    print(f"medians of {repeats}; {missed} bars not met{trial}; {time.perf_counter() - start:.0f} s; {arguments.out}")


if __name__ == "__main__":
    run_command(main)
