"""Turn annotated pictures into the arrays that train.py reads; optionally render, re-pose or convert faces."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))  # left out by python3 -I and PYTHONSAFEPATH

from src.command_line import run_command
from src.datasets.challenge import find_annotations, read_folder
from src.datasets.conversion import convert
from src.datasets.cropping import WHOLE
from src.datasets.decoding import refuse_broken
from src.datasets.folder import Folder
from src.datasets.formats import FORMATS, detect_format, read_faces
from src.datasets.frames import FRAMES
from src.datasets.names import spell_out
from src.datasets.pictures import SQUARE_SIZE
from src.datasets.prepare import prepare, refuse_other_files
from src.datasets.prepared import is_checked, load_prepared, note_checked, shared_faces
from src.errors import InputError
from src.files import check_writable
from src.hygiene.shapes import odd_faces, report_odd, report_odd_shapes
from src.parser import Parser, at_least
from src.synthesis.reposing.folders import adapt_folders, make_sources, repose_folders
from src.synthesis.reposing.sources import Source, read_sources

if TYPE_CHECKING:
    from src.predict.runtimes import Runtime

MODEL = Path("best.pth.tar")
# Flags that belong to only one of the two uses: the challenge's folders, or any data set (--root).
_CHALLENGE_ONLY = ("data_root", "train_dirs", "val_dir", "out_root", "demo", "sources", "face_model",
                   "repose", "adapt", "full_renders", "occluded")  # fmt: skip
_DATA_SET_ONLY = ("out", "format", "subset", "crop", "rescale", "to")
_PARTS = ("train", "validation")
FIRST_CHECKED = 200  # faces per source whose labels are checked if the shipped model is available


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--data_root", type=Path, default="data/AFLW/data", help="the challenge's folder")
    parser.add_argument(
        "--train_dirs", type=Path, nargs="+", help="folders of pictures with annot.pkl (DATA_ROOT/synthetics_train)"
    )
    parser.add_argument("--val_dir", type=Path, help="validation pictures with annot.pkl (DATA_ROOT/aflw_val)")
    parser.add_argument("--out_root", type=Path, default="data", help="where the prepared folders go")
    pixels = at_least(32, 1024)
    parser.add_argument("--image_size", type=pixels, default=SQUARE_SIZE, help="pixels of the decoded squares")
    parser.add_argument(
        "--skip_broken", action="store_true", help="leave out broken pictures and labels instead of stopping"
    )
    parser.add_argument("--frame", choices=FRAMES, help="pixels that labels on EXIF-turned pictures mean (shown)")
    parser.add_argument(
        "--demo", type=int, nargs="?", const=3000, metavar="N", help="first render N faces into DATA_ROOT (bare: 3000)"
    )
    parser.add_argument(
        "--repose", type=int, metavar="K", help="turn each training photograph in 3D, K times, and train on those faces"
    )
    parser.add_argument(
        "--full_renders", type=int, default=0, metavar="M", help="with --repose: M per photograph in new expressions"
    )
    parser.add_argument(
        "--occluded", type=float, default=0.0, metavar="SHARE", help="with --repose: share of turned faces to cover"
    )
    parser.add_argument(
        "--adapt", action="store_true", help="move the training labels to AFLW2000-3D's convention; no new pictures"
    )
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="FILE",
        help="train on the photographs that this file lists (docs/sources.md)",
    )
    parser.add_argument("--face_model", type=Path, help="ICT-FaceKit's folder, for --repose, --adapt and --sources")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the random choices of --repose and --adapt")
    parser.add_argument(
        "--check_labels",
        type=Path,
        nargs="?",
        const=MODEL,
        metavar="MODEL",
        help=f"compare all labels with a model's points (bare: {MODEL}), and draw the worst",
    )
    other = parser.add_argument_group("a data set in any known format, instead of the challenge's folders")
    other.add_argument("--root", type=Path, help="the data set's folder")
    other.add_argument("--out", type=Path, help="where its faces go")
    other.add_argument("--format", metavar="NAME", help="its format (detected)")
    other.add_argument("--subset", metavar="NAME", help="one of its own parts, such as train or challenge (all)")
    other.add_argument("--crop", metavar="RULE", help="whole, box, box:FACTOR or challenge (what fits the format)")
    other.add_argument("--rescale", action="store_true", help="scale labels made at another size of the picture")
    other.add_argument("--to", metavar="NAME", help="write a folder in that format instead of arrays for train.py")
    arguments = parser.parse_args()
    has_root = arguments.root is not None
    parser.refuse(
        _CHALLENGE_ONLY if has_root else _DATA_SET_ONLY,
        f"goes {'without' if has_root else 'with'} --root DIR, the folder of a data set",
    )
    _check(arguments)
    _refuse_idle(parser, arguments)
    return arguments


def _check(arguments: argparse.Namespace) -> None:
    """Raise InputError for flags that do not go together."""
    if arguments.repose is None and (arguments.full_renders or arguments.occluded):
        raise InputError("--full_renders and --occluded go with --repose K")
    makes_faces = bool(arguments.adapt or arguments.sources or arguments.repose is not None)
    if makes_faces != (arguments.face_model is not None):
        raise InputError("--repose, --adapt and --sources go with --face_model DIR, a copy of ICT-FaceKit")
    if arguments.adapt and arguments.repose is not None:
        raise InputError("expected --adapt or --repose, found both; --repose adapts too")
    if arguments.frame and makes_faces:
        raise InputError(
            "--frame goes without --adapt, --repose and --sources; make a copy with labels of the shown pixels first: "
            "--root DIR --frame stored --to challenge --out COPY"
        )
    if arguments.sources and (arguments.adapt or arguments.repose is not None or arguments.train_dirs):
        raise InputError("--sources lists folders and turns by itself: leave out --train_dirs, --adapt and --repose")
    if arguments.root is not None and arguments.out is None:
        raise InputError("--root expects --out DIR, where its faces go")
    if arguments.to is not None and arguments.check_labels is not None:
        raise InputError("--check_labels goes with arrays for train.py, without --to")


def _refuse_idle(parser: Parser, arguments: argparse.Namespace) -> None:
    """Raise InputError for flags that would have no effect next to the others."""
    if arguments.face_model is None:
        parser.refuse(["seed"], "goes with --repose, --adapt and --sources; rendered faces are always the same")
    if arguments.to is not None and arguments.crop in (None, WHOLE):
        parser.refuse(["image_size"], "goes with --crop RULE (challenge, box): --to copies whole pictures as they are")
    if arguments.val_dir and (arguments.train_dirs or arguments.sources) and arguments.demo is None:
        parser.refuse(["data_root"], "goes without --val_dir and --train_dirs (or --sources), which name all the faces")


def main() -> None:
    arguments = parse_arguments()
    check_writable(arguments.out or arguments.out_root)  # before the work, not after it
    if arguments.to is None:
        for folder in _prepared_folders(arguments):
            refuse_other_files(folder)
    if arguments.demo:
        check_writable(arguments.data_root)
    network = _open_network(arguments.check_labels)
    if arguments.root is None:
        prepare_challenge(arguments, network)
    else:
        prepare_data_set(arguments, network)


def _prepared_folders(arguments: argparse.Namespace) -> list[Path]:
    """Where the arrays go: of the one data set, or of the challenge's training and validation faces."""
    return [arguments.out] if arguments.out else [arguments.out_root / f"AFLW_{part}_data" for part in _PARTS]


def _open_network(path: Path | None) -> "Runtime | None":
    if path is None:
        return None
    from src.predict.runtimes import open_model

    return open_model(path)


def prepare_challenge(arguments: argparse.Namespace, network: "Runtime | None") -> None:
    """Prepare the training and validation folders in the challenge's layout, making training faces first if asked."""
    if arguments.demo is not None:
        from src.synthesis.renderer.folder import render_demo  # compiles its renderer: only if it is wanted

        render_demo(arguments.data_root, arguments.demo)
    sources = read_sources(arguments.sources) if arguments.sources else []
    given = [source.folder for source in sources] or arguments.train_dirs or [arguments.data_root / "synthetics_train"]
    for folder in given:
        find_annotations(folder)
    validation = read_folder(arguments.val_dir or arguments.data_root / "aflw_val", frame=arguments.frame)
    # Before the training faces are made, not after it.
    refuse_broken(validation, arguments.image_size, skip_broken=arguments.skip_broken)
    train_dirs, shares = make_training_faces(arguments, given, sources)
    train_out, validation_out = _prepared_folders(arguments)
    for faces, out, weights in ((train_dirs, train_out, shares), ([validation], validation_out, ())):
        report = prepare(
            faces,
            out,
            image_size=arguments.image_size,
            skip_broken=arguments.skip_broken,
            shares=weights,
            frame=arguments.frame,
        )
        if report.remarks:
            print(report.remarks)
        print(f"{out}: {report.describe()}")
        run_label_check(out, network)
    report_shared(train_out, validation_out)


def make_training_faces(
    arguments: argparse.Namespace, folders: list[Path], sources: list[Source]
) -> tuple[list[Path], tuple[float, ...]]:
    """Make the faces that --sources, --adapt or --repose ask for. Returns the folders to train on and their shares."""
    out_root = arguments.out_root
    settings = {name: getattr(arguments, name) for name in ("face_model", "seed", "skip_broken")}
    if sources:
        return make_sources(sources, out_root, **settings)
    if arguments.adapt:
        return adapt_folders(folders, out_root, **settings), ()
    if arguments.repose is None:
        return folders, ()
    reposed = repose_folders(
        folders,
        out_root,
        per_photo=arguments.repose,
        renders=arguments.full_renders,
        occluded=arguments.occluded,
        **settings,
    )
    return reposed, ()


def report_shared(train: Path, validation: Path) -> None:
    """Print which validation faces are also training faces, by equal labels or pixels: they do not measure a model's
    error."""
    faces = load_prepared(validation)
    if shared := shared_faces(load_prepared(train), faces):
        print(f"{validation}: {len(shared)} of {len(faces)} faces are trained on, too ({spell_out(shared)})")


def prepare_data_set(arguments: argparse.Namespace, network: "Runtime | None") -> None:
    """Prepare a data set of any known format for training, or write it in another format."""
    folder = Folder(arguments.root, skip_broken=arguments.skip_broken)
    name = arguments.format or detect_format(folder)
    faces = read_faces(folder, name, frame=arguments.frame, rescale=arguments.rescale)
    print(f"{arguments.root}: {name}, {faces.describe()}")
    if arguments.subset is not None:
        faces = faces.subset(arguments.subset)
    if arguments.to is not None:
        report_odd_shapes(faces)
        report = convert(
            faces,
            arguments.out,
            to=arguments.to,
            image_size=arguments.image_size,
            crop_rule=arguments.crop or WHOLE,
            skip_broken=arguments.skip_broken,
        )
        print(f"{arguments.out}: {report.describe()}")
        return
    report = prepare(
        [faces],
        arguments.out,
        image_size=arguments.image_size,
        skip_broken=arguments.skip_broken,
        crop_rule=arguments.crop or FORMATS[name].crop_rule,
    )
    print(f"{arguments.out}: {report.describe()}")
    run_label_check(arguments.out, network)


def run_label_check(out: Path, network: "Runtime | None") -> None:
    """Check all labels of a prepared folder by their shapes and with the given network or, without one, the first with
    the shipped model.

    Without a given network this is done once for every prepared folder, even if an earlier run was killed before it.
    """
    if network is None and is_checked(out):
        return
    faces = load_prepared(out)
    report_odd(odd_faces(faces), faces.names)
    model = MODEL if MODEL.is_file() else Path(__file__).resolve().parent / MODEL  # run from anywhere
    if network is None and not model.is_file():
        return
    from src.hygiene.labels import report_labels  # imports PyTorch

    if network is not None:
        report_labels(out, faces, network, most=None)
    else:
        try:
            report_labels(out, faces, _open_network(model), most=FIRST_CHECKED)
        except InputError as error:  # a check that nobody asked for must not fail the command
            print(f"label check: left out ({error})")
            return
    note_checked(out, faces)


if __name__ == "__main__":
    run_command(main)
