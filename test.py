"""Predict a folder of face pictures with any model file, and write and check the challenge's solution.txt."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # left out by python3 -I and PYTHONSAFEPATH

from src.command_line import run_command
from src.config import MAX_MODEL_MB, TrainingConfig
from src.datasets.challenge import load_annotations
from src.datasets.faces import Faces
from src.datasets.folder import own_spellings
from src.datasets.frames import FRAMES, settle
from src.datasets.listing import describe_left_out, list_pictures
from src.datasets.names import compare_names, counted, plain
from src.datasets.picture_files import picture_sizes
from src.errors import InputError, about
from src.evaluation.report import describe_errors
from src.files import alone_in, check_writable
from src.hygiene.shapes import report_odd_shapes
from src.hygiene.solutions import check_places, compare_with, describe_unrelated
from src.metrics import box_errors, interocular_errors, point_errors
from src.network import conventions
from src.network.checkpoint import load_model, locate, stores_float32
from src.network.devices import choose_device
from src.network.model import LandmarkNet
from src.network.profiling import deployed_size
from src.network.stored import read_config
from src.parser import Parser, add_convention, add_device, add_model_path, at_least
from src.pose import fit_pose
from src.predict.inference import predict_folder
from src.predict.looks import MOST_LOOKS
from src.predict.runtimes import EXPORTED, Runtime, open_model
from src.predict.submission import check_solution, write_solution
from src.visualization.sheet import MOST_TILES, contact_sheet, save_picture

TEST_DATA = "data/AFLW/data/aflw_test"
LOOKS_HELP = "looks at each face, later ones upright and enlarged (3, but 1 if the model was trained without scaling)"


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_model_path(parser, ".pth.tar (also a snapshot), .onnx or .tflite")
    add_convention(parser)
    parser.add_argument("--test_dataroot", type=Path, help=f"folder of pictures ({TEST_DATA})")
    parser.add_argument("--out_dir", type=Path, default="output", help="folder of solution and preview")
    views = parser.add_mutually_exclusive_group()
    views.add_argument("--looks", type=int, choices=range(1, MOST_LOOKS + 1), help=LOOKS_HELP)
    views.add_argument("--flip", action="store_true", help="one look, averaged with one at the mirrored picture")
    parser.add_argument("--annotations", type=Path, help="an annot.pkl of these pictures: print the NME")
    parser.add_argument("--frame", choices=FRAMES, help="pixels that annotations of EXIF-turned pictures mean (shown)")
    parser.add_argument(
        "--normalize", choices=("image", "box", "interocular"), default="image", help="what the NME is relative to"
    )
    parser.add_argument(
        "--preview", type=at_least(0, MOST_TILES), default=8, metavar="N", help="faces drawn in preview.png; 0 is none"
    )
    parser.add_argument("--batch_size", type=at_least(1), default=64, help="pictures predicted at a time")
    add_device(parser)
    parser.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="only check this solution.txt or zip; with --test_dataroot, against its pictures, the model's points and "
        "any annotations",
    )
    arguments = parser.parse_args()
    if arguments.check:
        with_pictures = {"model_path", "annotations", "frame", "normalize"}
        unused = parser.given - {"check", "test_dataroot"} - with_pictures
        parser.refuse(sorted(unused), "goes without --check, which reads a solution alone")
        if not arguments.test_dataroot:
            unused = parser.given & with_pictures
            parser.refuse(sorted(unused), "goes with --test_dataroot: without pictures, --check reads a solution alone")
    arguments.is_model_given = "model_path" in parser.given
    if not arguments.annotations:
        parser.refuse(["frame"], "goes with --annotations: it says which pixels they mean")
        parser.refuse(["normalize"], "goes with --annotations: it says what their error is relative to")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    if arguments.check:
        check(arguments)
        return
    arguments.test_dataroot = arguments.test_dataroot or Path(TEST_DATA)
    if arguments.out_dir.resolve() == arguments.test_dataroot.resolve():
        raise InputError(f"--out_dir {arguments.out_dir}: expected another folder than the pictures' own")
    check_writable(arguments.out_dir)  # before the work, not after it
    model, description, most_looks = open_described(arguments)
    print(f"{arguments.model_path}: {description}")
    true_points = read_truth(arguments.annotations, arguments.test_dataroot, arguments.frame)
    if true_points is not None and arguments.normalize != "image":  # lengths that cannot divide, before the work
        points_image = np.stack(list(true_points.values()))
        normalized_errors(points_image, points_image, np.ones((len(points_image), 2)), by=arguments.normalize)
    looks = 1 if arguments.flip else arguments.looks or most_looks
    with alone_in(arguments.out_dir):
        predict(model, arguments, looks=looks, true_points=true_points)


def open_described(arguments: argparse.Namespace) -> tuple[LandmarkNet | Runtime, str, int]:
    """The model of --model_path, its description, and the number of looks unless a flag says otherwise."""
    path, device, convention = arguments.model_path, arguments.device, arguments.convention
    if path.suffix.lower() in EXPORTED:
        runtime = open_model(path, device=device, convention=convention)
        megabytes, own = path.stat().st_size / 1e6, runtime.config.convention
        return runtime, f"an exported file, {megabytes:.2f} MB, with points as in {own}", MOST_LOOKS
    model, content = load_model(path, choose_device(device), convention=convention)
    knows_sizes = read_config(TrainingConfig, content["training"]).augmentation.scale > 0
    return model, describe_model(model, content), MOST_LOOKS if knows_sizes else 1


def read_truth(annotations: Path | None, folder: Path, frame: str | None) -> dict[str, np.ndarray] | None:
    """The true points (68, 2) of a folder's annotated pictures by name, in pixels as shown; prints what does not fit.

    Raises InputError for unusable annotations, and if none is of a picture in the folder.
    """
    if annotations is None:
        return None
    labeled, points = load_annotations(annotations)
    labeled = own_spellings(folder, labeled)
    pictures = list_pictures(folder)
    difference = compare_names(pictures, labeled)
    rows = np.flatnonzero(np.isin(labeled, pictures))
    if not len(rows):
        raise InputError(f"{annotations}: found other names than in {folder}; expected its pictures': {difference}")
    if difference:
        print(difference)
    truth = settle(Faces(folder, np.array(labeled)[rows], points[rows]), frame=frame)
    for name, fault in zip(truth.names, truth.faults, strict=True):
        if fault:
            raise InputError(f"{annotations}: {name}: {fault}")
    print("".join(f"{remark}\n" for remark in truth.remarks), end="")
    report_odd_shapes(truth)
    return dict(zip(truth.names.tolist(), truth.points_image, strict=True))


def check(arguments: argparse.Namespace) -> None:
    """Check a solution and, if a folder is given, whether it fits the folder's pictures and their sizes, and the points
    of the model, if there is one; print its errors if there are annotations."""
    solution, folder, model_path = arguments.check, arguments.test_dataroot, locate(arguments.model_path)
    names = None if folder is None else sorted(list_pictures(folder), key=plain)  # the order of a solution's rows
    size = None if folder is None else picture_sizes([folder / name for name in names])[:, ::-1]
    found, points_image = check_solution(solution, names=names, size=size)
    with about(solution):
        remarks = check_places(found, points_image, size=size)
    if folder is not None and (arguments.is_model_given or model_path.is_file()):
        remarks += compare_with(open_model(model_path), found, points_image, folder)
    against = f", every picture of {folder}" if folder is not None else ""
    print("\n".join([f"{solution}: {counted(len(found), 'rows')}, correct{against}", *remarks]))
    true_points = read_truth(arguments.annotations, folder, arguments.frame)
    if true_points is not None:
        print_errors(names, points_image, size, true_points=true_points, by=arguments.normalize)


def describe_model(model: LandmarkNet, content: dict) -> str:
    """A model's architecture and size, and whether the challenge's rules allow it. content: of its file."""
    (parameters, megabytes), is_float32 = deployed_size(model), stores_float32(content)
    megabytes += conventions.megabytes(content)
    fits = "within" if megabytes <= MAX_MODEL_MB and is_float32 else "OUTSIDE"
    return (
        f"{model.config.backbone} + {model.config.head} at {model.config.input_size} px, {megabytes:.2f} MB, "
        f"{parameters:,} parameters, float32 {'yes' if is_float32 else 'NO'}: {fits} the challenge's rules "
        f"({MAX_MODEL_MB:g} MB, float32, one model)"
    )


def predict(
    model: LandmarkNet | Runtime,
    arguments: argparse.Namespace,
    *,
    looks: int,
    true_points: dict[str, np.ndarray] | None,
) -> None:
    """Write the solution and its preview, and print the errors of pictures with known true points."""
    start = time.perf_counter()
    names, points_image, size = predict_folder(
        model, arguments.test_dataroot, batch_size=arguments.batch_size, flip=arguments.flip, looks=looks
    )
    seconds = time.perf_counter() - start
    if left_out := describe_left_out(arguments.test_dataroot):
        print(left_out)
    solution = arguments.out_dir / "solution.txt"
    write_solution(solution, names, points_image, size=size)
    check_solution(solution, names=names, size=size)
    print(
        f"{counted(len(names), 'pictures')}, looks at each: {looks}, {len(names) / seconds:.0f} pictures/s; read back "
        "and correct:"
    )
    print(f"  {solution}  {solution.with_suffix('.zip')}")
    rows, true_image, errors = list(range(len(names))), None, None
    if true_points is not None:
        rows, true_image, errors = print_errors(
            names, points_image, size, true_points=true_points, by=arguments.normalize
        )
    if arguments.preview:
        shown = np.linspace(0, len(rows) - 1, min(arguments.preview, len(rows))).round().astype(int)
        sheet = contact_sheet(
            arguments.test_dataroot,
            [names[rows[i]] for i in shown],
            points_image[rows][shown],
            true_points_image=None if true_image is None else true_image[shown],
            captions=None if errors is None else [f"{errors[i].mean():.2f} %" for i in shown],
        )
        save_picture(sheet, arguments.out_dir / "preview.png")
        colors = "predicted points green" if true_image is None else "predicted points green, true white"
        print(f"  {arguments.out_dir / 'preview.png'}: {colors}")


def print_errors(
    names: list[str], points_image: np.ndarray, size: np.ndarray, *, true_points: dict[str, np.ndarray], by: str
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Print the errors of the pictures with known true points. Returns their rows, true points and errors (M, 68)."""
    rows = [row for row, name in enumerate(names) if name in true_points]
    true_image = np.stack([true_points[names[row]] for row in rows])
    errors = normalized_errors(points_image[rows], true_image, size[rows], by=by)
    print(describe_errors(errors, fit_pose(true_image)[:, 1]))
    if unrelated := describe_unrelated(points_image[rows], true_image):
        print(unrelated)
    return rows, true_image, errors


def normalized_errors(points_image: np.ndarray, true_image: np.ndarray, size: np.ndarray, *, by: str) -> np.ndarray:
    """Errors (N, 68) in percent of a length: of each picture, of the true points' box, or between the eyes."""
    if by == "interocular":
        return interocular_errors(points_image, true_image)
    if by == "box":
        return box_errors(points_image, true_image)
    return point_errors(points_image, true_image, size)


if __name__ == "__main__":
    run_command(main)
