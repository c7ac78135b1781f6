"""Training folders made of annotated pictures: turned in 3D, or with labels moved to AFLW2000-3D's convention."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from src.errors import InputError


def adapt_folders(folders: list[Path], out_root: Path, *, face_model: Path | None, seed: int) -> list[Path]:
    """Write `out_root/adapted/NAME` for each folder by `adapt_folder` and print its counts. Returns the new folders.

    Raises InputError without a face model, and as `adapt_folder` does.
    """
    from src.synthesis.reposing.adapt import adapt_folder

    return _make_each("adapted", adapt_folder, folders, out_root, face_model=face_model, seed=seed)


def repose_folders(
    folders: list[Path],
    out_root: Path,
    *,
    face_model: Path | None,
    seed: int,
    per_photo: int,
    renders: int = 0,
    occluded: float = 0.0,
) -> list[Path]:
    """Write `out_root/reposed/NAME` for each folder by `repose_folder` and print its counts.

    Returns the faces' folders by kind: all relabeled, all turned, then full renders, if any. Raises InputError without
    a face model, for numbers out of range, and as `repose_folder` does.
    """
    from src.synthesis.reposing.repose import FOLDERS, repose_folder

    if per_photo < 1 or renders < 0 or not 0 <= occluded <= 1:
        raise InputError("expected --repose of at least 1, --full_renders of at least 0 and --occluded of 0 to 1")
    make = partial(repose_folder, per_photo=per_photo, renders=renders, occluded=occluded)
    outs = _make_each("reposed", make, folders, out_root, face_model=face_model, seed=seed)
    return [out / kind for kind in (FOLDERS if renders else FOLDERS[:2]) for out in outs]


def _make_each(
    name: str,
    make: Callable[..., dict[str, int]],
    folders: list[Path],
    out_root: Path,
    *,
    face_model: Path | None,
    seed: int,
) -> list[Path]:
    if face_model is None:
        raise InputError("--repose and --adapt expect --face_model DIR, a copy of ICT-FaceKit")
    outs = [out_root / name / folder.resolve().name for folder in folders]
    for folder, out in zip(folders, outs, strict=True):
        counts = make(folder, out, face_model=face_model, seed=seed)
        print(f"{out}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return outs
