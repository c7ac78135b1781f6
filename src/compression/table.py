"""Cost and accuracy of smaller forms of a model: python3 -m src.compression.table best.pth.tar output/pruned.pth.tar.

Every model becomes an ONNX file in float32, float16 and int8. All files are timed in turns, together with
MobileNetV3-large at 384 pixels, so that other work on the machine slows all of them equally; the fastest turn of each
counts. Errors are those of the files, run by ONNX Runtime. The columns are the parts of an edge challenge's composite
score (accuracy, GFLOPs, MB, ms) except for power, which is not measured.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from src.benchmark.baselines import SIDE, mobilenet_v3_large
from src.benchmark.measurements import onnx_milliseconds
from src.command_line import run_command
from src.compression.quantize import FORMS, quantize
from src.datasets.prepared import PreparedFaces, load_prepared
from src.evaluation.evaluate import evaluate
from src.evaluation.others import PUBLISHED
from src.export.calibration import add_calibration_arguments, calibration_crops
from src.export.onnx_file import export_onnx, onnx_program
from src.files import atomic_path, check_target, write_text
from src.metrics import bootstrap_interval, nme
from src.network.checkpoint import load_model
from src.network.profiling import profile
from src.parser import Parser, at_least, title
from src.predict.runtimes import open_model
from src.visualization.training import pareto

BASELINE = "MobileNetV3-large at 384 px"
_COSTS = {"megabytes": "MB", "ms_1": "ms per picture, one thread", "ms_2": "ms per picture, two threads"}


@dataclass(frozen=True)
class File:
    """An ONNX file of a model. mmacs: 10^6 multiply-adds for one picture."""

    model: str
    form: str
    path: Path
    mmacs: float


def write_files(paths: list[Path], folder: Path, *, calibration: Path, faces: int) -> list[File]:
    """Export every model in every form into a folder. Raises InputError for an unusable model or no faces."""
    files = []
    for place, path in enumerate(paths):
        model, _ = load_model(path)
        crops, cost = calibration_crops(model, calibration, faces), profile(model)
        source = folder / f"{place}_float32.onnx"
        export_onnx(model, source)
        files.append(File(path.name, "float32", source, cost.mmacs))
        for form in FORMS:
            smaller = folder / f"{place}_{form}.onnx"
            quantize(source, smaller, form=form, crops=crops)
            files.append(File(path.name, form, smaller, cost.mmacs))
    return files


def compare(files: list[File], validation: PreparedFaces, folder: Path, *, turns: int) -> pd.DataFrame:
    """One row per file and one for the baseline, which has no NME.

    Columns: model, form, gflops, nme, nme_low and nme_high (percent, its 95 % interval), loss (percent of the first
    file's NME), megabytes, ms_1 and ms_2 (on one and two threads), times_faster (than the baseline, on one thread).
    """
    baseline = folder / "baseline.onnx"
    onnx_program(mobilenet_v3_large(), torch.rand(2, 3, SIDE, SIDE)).save(baseline, external_data=False)
    timed = [*(file.path for file in files), baseline]
    times = np.array(
        [[[onnx_milliseconds(path, threads=n, repeats=50) for n in (1, 2)] for path in timed] for _ in range(turns)]
    ).min(axis=0)  # (files + 1, 2)
    rows = []
    for file in files:
        errors = evaluate(open_model(file.path), validation)
        low, high = bootstrap_interval(errors)
        accuracy = {"nme": nme(errors), "nme_low": low, "nme_high": high}
        gflops = 2 * file.mmacs / 1000  # a multiply-add is two operations
        rows.append({"model": file.model, "form": file.form, "gflops": gflops, **accuracy})
    table = pd.DataFrame([*rows, {"model": BASELINE, "form": "float32"}])
    table["loss"] = 100 * (table["nme"] / table["nme"][0] - 1)
    table["megabytes"] = [path.stat().st_size / 1e6 for path in timed]
    table["ms_1"], table["ms_2"] = times.T
    table["times_faster"] = table["ms_1"].iloc[-1] / table["ms_1"]
    return table


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=title(__doc__))
    parser.add_argument("models", type=Path, nargs="+", help="model files; losses are relative to the first")
    add_calibration_arguments(parser, faces=128)
    parser.add_argument("--val_dataroot", type=Path, default="data/AFLW_validation_data", help="prepared faces")
    parser.add_argument("--published", action="store_true", help="add others' results on the challenge's own faces")
    parser.add_argument("--turns", type=at_least(1), default=5, help="number of times everything is timed")
    parser.add_argument("--out", type=Path, default="output/compression.csv", help="the table; a plot goes next to it")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    check_target(arguments.out, ending=".csv")
    validation = load_prepared(arguments.val_dataroot).with_points(68)
    with tempfile.TemporaryDirectory() as name:
        folder, faces = Path(name), arguments.calibration_faces
        files = write_files(arguments.models, folder, calibration=arguments.calibration, faces=faces)
        table = compare(files, validation, folder, turns=arguments.turns)
    if arguments.published:
        others = [
            {"model": name, "form": "", "megabytes": other.megabytes, "nme": other.nme}
            for name, other in PUBLISHED.items()
        ]
        table = pd.concat([table, pd.DataFrame(others)], ignore_index=True)
    write_text(arguments.out, table.to_csv(index=False, float_format="%.4g"))
    with atomic_path(arguments.out.with_suffix(".png")) as temporary:
        _plot(table, len(validation)).savefig(temporary, format="png")
    print(table.to_string(index=False, float_format="{:.3g}".format))


def _plot(table: pd.DataFrame, faces: int) -> Figure:
    """NME against size and time, with 95 % intervals over faces."""
    shown = table[table["nme"].notna()].copy()
    shown["name"] = (shown["model"] + " " + shown["form"]).str.strip()
    shown["nme_std"] = ((shown["nme_high"] - shown["nme_low"]) / 2).fillna(0.0)
    title = f"Forms of a model (n = {faces} validation faces)"
    return pareto(shown, _COSTS, name="name", title=title, note="whisker: 95 % interval over the faces")


if __name__ == "__main__":
    run_command(main)
