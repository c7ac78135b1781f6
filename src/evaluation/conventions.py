"""Compare two conventions of one model on the same faces: python3 -m src.evaluation.conventions PREPARED.

PREPARED holds faces with unchanged labels in the other convention (`preparation.py --train_dirs`). A tenth of them,
chosen by name, is held out from the training of `src.training.convention`; errors are measured on that tenth.
"""

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.command_line import run_command
from src.datasets.names import photo_sources
from src.datasets.prepared import PreparedFaces, load_prepared
from src.errors import InputError
from src.evaluation.evaluate import predict_faces, unit_errors
from src.geometry import apply_affine, invert_affine
from src.markup import INNER_51, NUM_POINTS
from src.metrics import bootstrap_interval, interocular_errors, nme
from src.parser import Parser, add_model_path
from src.predict.looks import MOST_LOOKS
from src.predict.runtimes import Runtime, open_model

CONVENTION = "300w"
_PARTS = 10  # one of which is held out


def of_sources(faces: PreparedFaces, only: list[str]) -> PreparedFaces:
    """The faces whose source, the name up to its first underscore, is one of `only`; all faces if `only` is empty.

    Raises InputError for a source that no face has, and for faces without a jaw.
    """
    sources = photo_sources(faces.names)
    absent = set(only) - set(sources)
    if absent:
        found = ", ".join(sorted(set(sources)))
        raise InputError(f"expected faces of {', '.join(sorted(absent))}, found those of {found}")
    faces = faces.with_points(NUM_POINTS)
    chosen = faces.take(np.isin(sources, only)) if only else faces
    return replace(chosen, shares=np.empty(0))  # shares belong to folders, not to sources of photographs


def split(faces: PreparedFaces) -> tuple[PreparedFaces, PreparedFaces]:
    """The faces to train on and the tenth held out, chosen by the names alone, so that it is always the same.

    Names that differ only in their last character stay together, as neighboring numbers often show one person or one
    photograph. Raises InputError if one part is empty.
    """
    groups = [Path(name).stem[:-1].encode("utf-8", "surrogateescape") for name in faces.names]
    held_out = np.array([zlib.crc32(group) % _PARTS == 0 for group in groups])
    if held_out.all() or not held_out.any():
        raise InputError(f"expected enough faces to hold out a tenth of them, found {len(faces)}")
    return faces.take(~held_out), faces.take(held_out)


def errors_of(points_unit: np.ndarray, faces: PreparedFaces) -> dict[str, np.ndarray]:
    """Errors of points_unit (N, 68, 2) in percent, by what they are relative to: (N, 68) or (N, 51) each."""
    eyes = interocular_errors(apply_affine(invert_affine(faces.affine), points_unit), faces.points_image)
    return {
        "of the crop's side, 68 points": unit_errors(points_unit, faces),
        "inter-ocular, 68 points": eyes,
        "inter-ocular, 51 inner points": eyes[:, INNER_51],
    }


def describe(before: dict[str, np.ndarray], after: dict[str, np.ndarray], sources: np.ndarray) -> Iterator[str]:
    """Lines that compare two results of `errors_of` on the same faces: means and paired differences, then by source.

    sources: (N,) names of the faces' sources.
    """
    for unit, errors in before.items():
        low, high = bootstrap_interval(after[unit])
        least, most = bootstrap_interval(after[unit] - errors)
        yield (
            f"  {unit}: {nme(errors):.3f} -> {nme(after[unit]):.3f} ({low:.3f}-{high:.3f}), difference "
            f"{nme(after[unit] - errors):+.3f} ({least:+.3f} to {most:+.3f})"
        )
    for source in np.unique(sources):
        chosen = sources == source
        values = ", ".join(f"{nme(before[unit][chosen]):.2f} -> {nme(after[unit][chosen]):.2f}" for unit in before)
        yield f"  {source or 'unnamed'} (n={chosen.sum()}): {values}"


def compare(first: Runtime, second: Runtime, faces: PreparedFaces, *, looks: int) -> str:
    """A comparison of two runtimes' points on the same faces, as text (`describe`)."""
    before, after = (
        errors_of(predict_faces(runtime, faces, looks=looks, desc=runtime.config.convention), faces)
        for runtime in (first, second)
    )
    lines = describe(before, after, photo_sources(faces.names))
    head = f"{len(faces)} faces, {looks} looks, {first.config.convention} -> {second.config.convention}, in percent"
    return "\n".join([head, *lines])


def add_faces_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which faces have labels in the other convention."""
    parser.add_argument("prepared", type=Path, help="a prepared folder with labels of that convention")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="beginnings of their names (all)")
    parser.add_argument("--convention", default=CONVENTION, metavar="NAME", help="the convention's name")
    add_model_path(parser, "a model file")


def main() -> None:
    parser = Parser(description=__doc__)
    add_faces_arguments(parser)
    parser.add_argument("--all", action="store_true", help="all faces, if none of them was trained on")
    parser.add_argument("--looks", type=int, choices=range(1, MOST_LOOKS + 1), default=MOST_LOOKS, help="at each face")
    arguments = parser.parse_args()
    faces = of_sources(load_prepared(arguments.prepared), arguments.only)
    if not arguments.all:
        _, faces = split(faces)
    first, second = (open_model(arguments.model_path, convention=name) for name in (None, arguments.convention))
    print(compare(first, second, faces, looks=arguments.looks))


if __name__ == "__main__":
    run_command(main)
