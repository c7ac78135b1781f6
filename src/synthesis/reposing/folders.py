"""Training folders made of annotated pictures: turned in 3D, or with labels moved to AFLW2000-3D's convention."""

from pathlib import Path

from src.datasets.names import distinct_names
from src.errors import InputError
from src.synthesis.reposing.sources import Source


def adapt_folders(folders: list[Path], out_root: Path, *, face_model: Path, seed: int, skip_broken: bool) -> list[Path]:
    """Write `out_root/adapted/NAME` for each folder by `adapt_folder` and print its counts. Returns the new folders.

    Raises InputError as `adapt_folder` does.
    """
    from src.synthesis.reposing.adapt import adapt_folder

    outs = _outs(out_root / "adapted", folders)
    for folder, out in zip(folders, outs, strict=True):
        _print_counts(out, adapt_folder(folder, out, face_model=face_model, seed=seed, skip_broken=skip_broken))
    return outs


def repose_folders(
    folders: list[Path],
    out_root: Path,
    *,
    face_model: Path,
    seed: int,
    per_photo: int,
    renders: int,
    occluded: float,
    skip_broken: bool,
) -> list[Path]:
    """`make_sources` for folders that are treated alike. Returns the faces' folders.

    Raises InputError for numbers out of range, and as `repose_folder` does.
    """
    if per_photo < 1 or renders < 0 or not 0 <= occluded <= 1:
        raise InputError(
            "expected at least 1 turned face per photograph, at least 0 full renders, and a share from 0 to 1 to cover"
        )
    sources = [Source(folder, share=1.0, turns=per_photo, renders=renders, covered=occluded) for folder in folders]
    return make_sources(sources, out_root, face_model=face_model, seed=seed, skip_broken=skip_broken)[0]


def make_sources(
    sources: list[Source], out_root: Path, *, face_model: Path, seed: int, skip_broken: bool
) -> tuple[list[Path], tuple[float, ...]]:
    """Write `out_root/reposed/NAME` for each training source (`src.synthesis.reposing.sources`) and print its counts.

    Returns the faces' folders, all photographs, then all turned faces, then all full renders, and their shares of a
    batch. Raises InputError as `repose_folder` does.
    """
    from src.synthesis.reposing.job import RELABELED, RENDERED, REPOSED, ReposeOptions
    from src.synthesis.reposing.repose import repose_folder

    outs = _outs(out_root / "reposed", [source.folder for source in sources])
    made = list(zip(sources, outs, strict=True))
    for source, out in made:
        options = ReposeOptions(
            per_photo=source.turns, labels=source.labels, renders=source.renders, occluded=source.covered, seed=seed
        )
        _print_counts(out, repose_folder(source.folder, out, options, face_model=face_model, skip_broken=skip_broken))
    shares = {out / RELABELED: source.share for source, out in made}
    shares |= {out / REPOSED: source.turned_share for source, out in made if source.turns}
    shares |= {out / RENDERED: source.rendered_share for source, out in made if source.renders}
    return list(shares), tuple(shares.values())


def _outs(parent: Path, folders: list[Path]) -> list[Path]:
    """A folder of its own for each, even if two have the same last name."""
    return [parent / name for name in distinct_names(folders)]


def _print_counts(out: Path, counts: dict[str, int]) -> None:
    print(f"{out}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
