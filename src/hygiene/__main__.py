"""Find pictures that occur twice, within a data set and between training and validation, and split without leaks.

    python3 -m src.hygiene --root data/train data/val data/test     # report, and output/contact_sheet.png of the pairs
    python3 -m src.hygiene --root data/train data/val --clean data/train_clean
    python3 -m src.hygiene --root data/all --split 0.2 --out data/split

List the folders in the order training, validation, test: of two copies the training one is left out.
"""

import argparse
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from src.command_line import run_command
from src.datasets.conversion import convert
from src.datasets.faces import Faces
from src.datasets.folder import Folder
from src.datasets.formats import FORMATS, detect_format, read_faces
from src.datasets.frames import FRAMES
from src.datasets.listing import is_picture
from src.datasets.names import counted
from src.errors import InputError
from src.files import check_target, check_writable, write_text
from src.hygiene.duplicates import (
    BITS,
    NAME_PATTERN,
    Pictures,
    connect,
    look_alikes,
    read_pictures,
    redundant,
    same_names,
    split_by_group,
)
from src.hygiene.shapes import report_odd_shapes
from src.parser import HelpFormatter, Parser, at_least
from src.visualization.sheet import MOST_TILES, contact_sheet, save_picture

_CROP_SIZE = 384  # pixels, as in the challenge, of faces from formats whose pictures are not crops already
_COLUMNS = 8  # of the contact sheet, four pairs


@dataclass(frozen=True)
class _Labels:
    """The faces of a folder and the crop rule of its format."""

    faces: Faces
    crop_rule: str
    skip_broken: bool

    @classmethod
    def read(cls, folder: Folder, *, frame: str | None, skip_broken: bool) -> "_Labels":
        name = detect_format(folder)
        faces = read_faces(folder, name, frame=frame)
        print(f"{folder.root}: {name}, {faces.describe()}")
        report_odd_shapes(faces)
        return cls(faces, FORMATS[name].crop_rule, skip_broken)

    def are_usable(self, pictures: Pictures) -> np.ndarray:
        """Which pictures (P,) bool have a sound face; those of the other folders count as if they had."""
        return (pictures.folder != 0) | np.isin(pictures.names, self.faces.names[self.faces.faults == ""])

    def write(self, chosen: np.ndarray, out: Path) -> None:
        """Write the chosen faces (N,) bool into a new folder in the challenge's format."""
        if not chosen.any():
            raise InputError(f"{out}: expected faces to write, found none left")
        report = convert(
            self.faces.take(chosen),
            out,
            to="challenge",
            image_size=_CROP_SIZE,
            crop_rule=self.crop_rule,
            skip_broken=self.skip_broken,
        )
        print(f"{out}: {report.describe()}")


def parse_arguments() -> argparse.Namespace:
    parser = Parser(prog="python3 -m src.hygiene", description=__doc__, formatter_class=_Formatter, allow_abbrev=False)
    parser.add_argument("--root", type=Path, nargs="+", required=True, help="folders: training, validation, test")
    bits = at_least(0, BITS // 4)
    parser.add_argument("--distance", type=bits, default=10, help=f"bits of {BITS} in which near duplicates may differ")
    parser.add_argument("--name_pattern", default=NAME_PATTERN, help="equal parentheses: copies of one face")
    parser.add_argument("--remove", type=Path, metavar="LIST", help="write the pictures to leave out, one per line")
    parser.add_argument("--clean", type=Path, metavar="DIR", help="write the first folder without them")
    parser.add_argument("--split", type=float, metavar="SHARE", help="write OUT/train and OUT/validation of one folder")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the split")
    parser.add_argument("--frame", choices=FRAMES, help="pixels that labels on EXIF-turned pictures mean (shown)")
    parser.add_argument("--skip_broken", action="store_true", help="leave out broken faces instead of stopping")
    parser.add_argument("--out", type=Path, help="where the split goes")
    parser.add_argument("--sheet", type=Path, default="output/contact_sheet.png", help="picture of the pairs")
    pairs = at_least(0, MOST_TILES // 2)
    parser.add_argument("--pairs", type=pairs, default=24, help="number of pairs drawn; 0 is none")
    arguments = parser.parse_args()
    if arguments.split is None:
        parser.refuse(["seed"], "goes with --split")
    if arguments.split is None and arguments.clean is None:
        parser.refuse(["frame"], "goes with --clean and --split, which write labels")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    _check(arguments)
    folders = [Folder(root, skip_broken=arguments.skip_broken) for root in arguments.root]
    labels = None
    if arguments.clean or arguments.split is not None:
        labels = _Labels.read(folders[0], frame=arguments.frame, skip_broken=arguments.skip_broken)
    pictures = read_pictures(folders)
    pairs = look_alikes(pictures.hashes, arguments.distance)
    groups = connect(len(pictures), pairs)
    copies = same_names(pictures.names, arguments.name_pattern)
    report(pictures, groups, connect(len(pictures), copies))
    if arguments.pairs and len(pairs):
        _write_sheet(arguments.sheet, pictures, pairs, arguments.pairs)
    extra = redundant(pictures.folder, groups, None if labels is None else labels.are_usable(pictures))
    if arguments.remove:
        write_text(arguments.remove, "".join(f"{pictures.path(row)}\n" for row in np.flatnonzero(extra)))
        print(f"{arguments.remove}: {counted(extra.sum(), 'pictures')}, so that one of each group stays")
    if arguments.clean:
        left_out = set(pictures.names[extra & (pictures.folder == 0)])
        labels.write(np.array([name not in left_out for name in labels.faces.names]), arguments.clean)
    if arguments.split is not None:
        together = connect(len(pictures), np.concatenate([pairs[:, :2], copies]))
        _write_split(labels, pictures, together, arguments)


def report(pictures: Pictures, groups: np.ndarray, name_groups: np.ndarray) -> None:
    """Print duplicates within each folder and between every two. groups, name_groups: (P,) by look and by name."""
    for index, root in enumerate(pictures.roots):
        rows = np.flatnonzero(pictures.folder == index)
        same_file = len(rows) - len(set(pictures.digests[rows]))
        sizes = np.unique(groups[rows], return_counts=True)[1]
        doubled = sizes[sizes > 1]
        print(
            f"{root}: {counted(len(rows), 'pictures')}, {same_file} exact copies of another; "
            f"{doubled.sum()} look alike in {len(doubled)} groups, largest {sizes.max()}"
        )
    for one, other in combinations(range(len(pictures.roots)), 2):
        seen, named = (_shared(pictures, grouping, one, other) for grouping in (groups, name_groups))
        verdict = "LEAKAGE" if seen[0] or named[0] else "no leakage found"
        print(
            f"{pictures.roots[one]} ~ {pictures.roots[other]}: {seen[0]} and {seen[1]} pictures look alike, "
            f"{named[0]} and {named[1]} are copies by name: {verdict}"
        )
    if pictures.broken:
        path, error = pictures.broken[0]
        print(f"{counted(len(pictures.broken), 'pictures')} could not be read, the first: {path}: {error}")


def _check(arguments: argparse.Namespace) -> None:
    if (arguments.split is None) != (arguments.out is None):
        raise InputError("--split SHARE and --out DIR go together")
    if arguments.split is not None and (len(arguments.root) != 1 or not 0 < arguments.split < 1):
        raise InputError("--split expects one folder in --root and a share between 0 and 1")
    if len({root.resolve() for root in arguments.root}) < len(arguments.root):
        raise InputError("expected different folders in --root, found one twice")
    for flag, file in (("sheet", arguments.sheet), ("remove", arguments.remove)):
        if file is not None and any(file.resolve().is_relative_to(root.resolve()) for root in arguments.root):
            raise InputError(
                f"--{flag} {file}: expected a place outside the folders, whose picture or labels it would be"
            )
    if arguments.remove is not None and is_picture(arguments.remove.name):
        raise InputError(f"--remove {arguments.remove}: expected a text file to write, found a picture's name")
    for file in (arguments.sheet, arguments.remove):
        if file is not None:
            check_target(file)  # before the work, not after it
    for folder in (arguments.clean, arguments.out):
        if folder is not None:
            check_writable(folder)


def _shared(pictures: Pictures, groups: np.ndarray, one: int, other: int) -> tuple[int, int]:
    """Numbers of pictures in each of two folders that share a group with one in the other."""
    first, second = groups[pictures.folder == one], groups[pictures.folder == other]
    return int(np.isin(first, second).sum()), int(np.isin(second, first).sum())


def _write_sheet(path: Path, pictures: Pictures, pairs: np.ndarray, count: int) -> None:
    """Draw the closest pairs, those between two folders first."""
    is_within = pictures.folder[pairs[:, 0]] == pictures.folder[pairs[:, 1]]
    shown = pairs[np.argsort(is_within, kind="stable")][:count]
    rows = shown[:, :2].ravel()
    bits = np.repeat(shown[:, 2], 2)
    captions = [f"{bits[i]} {pictures.path(row).parent.name}/{pictures.path(row).name}" for i, row in enumerate(rows)]
    sheet = contact_sheet("", [str(pictures.path(row)) for row in rows], captions=captions, columns=_COLUMNS)
    save_picture(sheet, path)
    print(f"{path}: {len(shown)} of {len(pairs)} pairs side by side, with the bits in which they differ")


def _write_split(labels: _Labels, pictures: Pictures, groups: np.ndarray, arguments: argparse.Namespace) -> None:
    """Write OUT/train and OUT/validation. A face goes with its picture's group. Broken faces and absent pictures go to
    train, which comes first, and stop the command there or, with skip_broken, are left out and named."""
    group_of = dict(zip(pictures.names.tolist(), groups.tolist(), strict=True))
    of_face = np.array([group_of.get(name, -1) for name in labels.faces.names.tolist()])
    is_sound = (of_face >= 0) & (labels.faces.faults == "")
    for_validation = np.zeros(len(is_sound), bool)
    for_validation[is_sound] = split_by_group(of_face[is_sound], arguments.split, arguments.seed)
    labels.write(~for_validation, arguments.out / "train")
    labels.write(for_validation, arguments.out / "validation")


class _Formatter(HelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines."""


if __name__ == "__main__":
    run_command(main)
