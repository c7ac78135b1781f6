"""Turn annotated pictures into the arrays that train.py reads, or render faces to start with: see --help."""

import argparse
from pathlib import Path

from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepared import prepare
from src.errors import InputError, run_command


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
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
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    if not 32 <= arguments.image_size <= 1024:
        raise InputError(f"expected --image_size of 32 to 1024 pixels, found {arguments.image_size}")
    if arguments.demo is not None:
        from src.synthesis.demo import render_demo  # compiles its renderer: only where it is wanted

        render_demo(arguments.data_root, arguments.demo)
    train_dirs = arguments.train_dirs or [arguments.data_root / "synthetics_train"]
    val_dir = arguments.val_dir or arguments.data_root / "aflw_val"
    for sources, name in ((train_dirs, "AFLW_train_data"), ([val_dir], "AFLW_validation_data")):
        out = arguments.out_root / name
        report = prepare(sources, out, image_size=arguments.image_size, skip_broken=arguments.skip_broken)
        skipped = f", {report['broken']} broken pictures left out" if report["broken"] else ""
        print(f"{out}: {report['faces']} faces{skipped}" + ("" if report["redone"] else " (unchanged, kept)"))


if __name__ == "__main__":
    run_command(main)
