"""Write a table of faces in another format: a new folder of copied or cropped pictures with that format's labels."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from src.datasets.cropping import WHOLE
from src.datasets.decoding import decode_faces, describe_broken, known_broken, list_broken
from src.datasets.faces import Faces, fingerprint_of
from src.datasets.formats import FORMATS, WRITABLE
from src.datasets.names import folded
from src.datasets.new_folder import made_before, new_folder, note_made
from src.datasets.picture_files import picture_shape
from src.datasets.report import FolderReport
from src.errors import InputError
from src.geometry import apply_affine
from src.parallel import in_threads

_JPEG_QUALITY = 95

_Broken = list[tuple[Path, InputError]]


def convert(
    faces: Faces, out: str | Path, *, to: str, image_size: int, crop_rule: str = WHOLE, skip_broken: bool = False
) -> FolderReport:
    """Write `faces` into the new folder `out` in the format `to`, or nothing at all; a no-op if that has been done.

    crop_rule: `whole` copies the pictures as they are; any other rule of `src.datasets.cropping` writes one JPEG of
    image_size pixels per face. Raises InputError for a folder that already holds something else or lies inside that of
    the faces, for a number of points that the format does not hold, for pictures or labels that would overwrite each
    other and, unless `skip_broken`, for broken pictures.
    """
    if to not in WRITABLE:
        raise InputError(f"expected a format that can be written ({', '.join(WRITABLE)}), found {to!r}")
    if Path(out).resolve().is_relative_to(faces.root.resolve()):
        raise InputError(f"{out}: expected a folder outside {faces.root}, all of which is read as one data set")
    form = FORMATS[to]
    if form.points and faces.num_points not in form.points:
        expected = " or ".join(map(str, form.points))
        raise InputError(
            f"{faces.root}: expected faces of {expected} points for {to}, found {faces.num_points}; coco holds any"
        )
    faulty = known_broken(faces)
    if len(faulty) == len(faces):
        raise InputError(describe_broken(faulty, len(faces)))
    sound = faces.take(faces.faults == "")
    if crop_rule == WHOLE:
        _check_names(sound, to=to, by_stem=form.by_stem)
    out, fingerprint = Path(out), fingerprint_of([faces], f"{to} {crop_rule} {image_size}")
    before = made_before(out, fingerprint)
    if before and (skip_broken or before["broken"] == 0):
        return FolderReport(**before, redone=False)
    with new_folder(out) as folder:
        if crop_rule == WHOLE:
            placed, outside, broken = _copy_pictures(sound, folder, form.pictures)
        else:
            placed, outside, broken = _crop_pictures(sound, folder, form.pictures, crop_rule=crop_rule, size=image_size)
        broken = [*faulty, *broken]
        if broken and not skip_broken:
            raise InputError(describe_broken(broken, len(faces)))
        form.write(placed, folder)
        counts = {
            "faces": len(placed),
            "broken": len(faces) - len(placed),
            "outside": outside,
            "left_out": list_broken(broken),
        }
        note_made(folder, fingerprint, counts)
    return FolderReport(**counts, redone=True)


def _check_names(faces: Faces, *, to: str, by_stem: bool) -> None:
    """Raise InputError if two pictures, or their labels, would share a file; names are compared without case."""
    seen: dict[str, str] = {}
    for name in np.unique(faces.names).tolist():
        key = folded(os.path.splitext(name)[0] if by_stem else name)
        if key in seen:
            raise InputError(
                f"{faces.root}: expected pictures whose files in the format {to} differ, found {seen[key]} and {name}; "
                "rename one, or crop the faces"
            )
        seen[key] = name


def _copy_pictures(faces: Faces, out: Path, inside: str) -> tuple[Faces, int, _Broken]:
    """The faces whose pictures were copied, rooted in `out`; how many of them have points outside; broken pictures."""
    unique, picture_of = np.unique(faces.names, return_inverse=True)

    def copy(name: str) -> tuple[int, int] | InputError:
        target = out / inside / name
        try:
            size = picture_shape(faces.root / name).shown
        except InputError as error:
            return error
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(faces.root / name, target)
        return size

    found = in_threads(copy, unique, desc="copying", unit="picture")
    broken = [
        (faces.root / name, size) for name, size in zip(unique, found, strict=True) if isinstance(size, InputError)
    ]
    sizes = np.array([(np.nan, np.nan) if isinstance(size, InputError) else size for size in found])[picture_of]
    is_kept = np.isfinite(sizes[:, 0])
    if not is_kept.any():
        raise InputError(describe_broken(broken, len(broken)))
    names = np.array([str(PurePosixPath(inside, name)) for name in faces.names])
    is_outside = ((faces.points_image < 0) | (faces.points_image > sizes[:, None])).any(axis=(1, 2)) & is_kept
    return replace(replace(faces, names=names).take(is_kept), root=out), int(is_outside.sum()), broken


def _crop_pictures(faces: Faces, out: Path, inside: str, *, crop_rule: str, size: int) -> tuple[Faces, int, _Broken]:
    """Like `_copy_pictures`, but writes a crop of `size` pixels for every face."""
    names, affines = crop_names(faces.names.tolist(), inside), np.zeros((len(faces), 2, 3))
    kept, outside, broken = [], 0, []
    for row, square in enumerate(decode_faces([faces], size, crop_rule=crop_rule, description="cropping")):
        if isinstance(square, InputError):
            broken.append((faces.path(row), square))
            continue
        (out / names[row]).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(square.pixels).save(out / names[row], quality=_JPEG_QUALITY)
        affines[row] = size * square.affine
        kept.append(row)
        outside += square.has_points_outside
    if not kept:
        raise InputError(describe_broken(broken, len(broken)))
    corners = apply_affine(affines, faces.boxes_image.reshape(-1, 2, 2)).reshape(-1, 4)
    points_image = apply_affine(affines, faces.points_image)
    placed = replace(faces, names=np.array(names), points_image=points_image, boxes_image=corners)
    return replace(placed.take(np.array(kept)), root=out), outside, broken


def crop_names(names: Sequence[str], inside: str = "") -> list[str]:
    """A file name for every face, from its picture's: NAME.jpg, or NAME.png.jpg if that is taken; the second face of a
    picture is NAME.face2.jpg. Names are compared without case."""
    taken: set[str] = set()
    stems: dict[str, str] = {}

    def take(*candidates: str) -> str:
        counted = (f"{candidates[0]}.{number}" for number in count(2))
        stem = next(stem for stem in chain(candidates, counted) if folded(stem) not in taken)
        taken.add(folded(stem))
        return stem

    for name in dict.fromkeys(names):  # first faces before all others, so that none of these takes their names
        path = PurePosixPath(inside, name)
        stems[name] = take(str(path.with_suffix("")), str(path))
    faces_of = dict.fromkeys(stems, 0)
    crops = []
    for name in names:
        faces_of[name] += 1
        crops.append(f"{stems[name] if faces_of[name] == 1 else take(f'{stems[name]}.face{faces_of[name]}')}.jpg")
    return crops
