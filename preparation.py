"""Turn annotated pictures into the arrays that train.py reads; render or re-pose faces first where asked to."""

import argparse
from pathlib import Path

from src.command_line import HelpFormatter, run_command
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepared import prepare
from src.errors import InputError


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--data_root", type=Path, default="data/AFLW/data", help="the challenge's folder")
    parser.add_argument(
        "--train_dirs", type=Path, nargs="+", help="folders of pictures with annot.pkl (DATA_ROOT/synthetics_train)"
    )
    parser.add_argument("--val_dir", type=Path, help="validation pictures with annot.pkl (DATA_ROOT/aflw_val)")
    parser.add_argument("--out_root", type=Path, default="data", help="where the prepared folders go")
    parser.add_argument("--image_size", type=int, default=SQUARE_SIZE, help="pixels of the decoded squares")
    parser.add_argument("--skip_broken", action="store_true", help="leave out broken pictures instead of stopping")
    parser.add_argument(
        "--demo", type=int, nargs="?", const=3000, metavar="N", help="first render N faces into DATA_ROOT (bare: 3000)"
    )
    parser.add_argument(
        "--repose", type=int, metavar="K", help="turn each training photograph in 3D, K times, and train on those faces"
    )
    parser.add_argument("--face_model", type=Path, help="ICT-FaceKit's folder, for --repose")
    parser.add_argument("--seed", type=int, default=0, help="of what --repose draws")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if not 32 <= arguments.image_size <= 1024:
        raise InputError(f"expected --image_size of 32 to 1024 pixels, found {arguments.image_size}")
    if arguments.demo is not None:
        from src.synthesis.demo import render_demo  # compiles its renderer: only where it is wanted

        render_demo(arguments.data_root, arguments.demo)
    train_dirs = arguments.train_dirs or [arguments.data_root / "synthetics_train"]
    if arguments.repose is not None:
        train_dirs = repose(train_dirs, arguments)
    val_dir = arguments.val_dir or arguments.data_root / "aflw_val"
    for sources, name in ((train_dirs, "AFLW_train_data"), ([val_dir], "AFLW_validation_data")):
        out = arguments.out_root / name
        report = prepare(sources, out, image_size=arguments.image_size, skip_broken=arguments.skip_broken)
        skipped = f", {report['broken']} broken pictures left out" if report["broken"] else ""
        print(f"{out}: {report['faces']} faces{skipped}" + ("" if report["redone"] else " (unchanged, kept)"))


def repose(photo_dirs: list[Path], arguments: argparse.Namespace) -> list[Path]:
    """Relabel and turn the photographs of each folder. Returns all relabeled folders, then all reposed ones."""
    from src.synthesis.repose import FOLDERS, repose_folder

    if arguments.repose < 1 or arguments.face_model is None:
        raise InputError("--repose expects a number of at least 1 and --face_model DIR, a copy of ICT-FaceKit")
    outs = [arguments.out_root / "reposed" / photo_dir.resolve().name for photo_dir in photo_dirs]
    for photo_dir, out in zip(photo_dirs, outs, strict=True):
        counts = repose_folder(
            photo_dir, out, face_model=arguments.face_model, per_photo=arguments.repose, seed=arguments.seed
        )
        print(f"{out}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return [out / folder for folder in FOLDERS for out in outs]


if __name__ == "__main__":
    run_command(main)
