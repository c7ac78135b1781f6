"""Write a table of faces as another format: a new folder of copied or cropped pictures with that format's labels."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from src.datasets.cropping import WHOLE
from src.datasets.decoding import decode_faces, describe_broken
from src.datasets.faces import Faces
from src.datasets.formats import FORMATS, WRITABLE
from src.datasets.pictures import picture_size
from src.errors import InputError
from src.files import check_writable
from src.geometry import apply_affine

_JPEG_QUALITY = 95

_Broken = list[tuple[Path, InputError]]


def convert(
    faces: Faces, out: str | Path, *, to: str, image_size: int, crop: str = WHOLE, skip_broken: bool = False
) -> dict[str, int]:
    """Write `faces` into the new folder `out` in the format `to`, or nothing at all.

    crop: `whole` copies the pictures as they are; any other rule of `src.datasets.cropping` writes a JPEG of image_size
    pixels a face. Returns {"faces", "broken", "outside"}; outside counts the faces with a point beyond their picture,
    which are kept. Raises InputError for a folder that already holds something and, unless `skip_broken`, for broken
    pictures.
    """
    if to not in WRITABLE:
        raise InputError(f"expected a format that can be written ({', '.join(WRITABLE)}), found {to!r}")
    form = FORMATS[to]
    with _new_folder(Path(out)) as folder:
        if crop == WHOLE:
            placed, outside, broken = _copy_pictures(faces, folder, form.pictures)
        else:
            placed, outside, broken = _crop_pictures(faces, folder, form.pictures, crop=crop, size=image_size)
        if broken and not skip_broken:
            raise InputError(describe_broken(broken, len(faces)))
        form.write(placed, folder)
    return {"faces": len(placed), "broken": len(faces) - len(placed), "outside": outside}


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """A folder under a temporary name, renamed to `out` when all went well and removed when not."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: expected a new or empty folder, found files in it; choose another --out")
    check_writable(out.absolute().parent)
    temporary = out.with_name(f".{out.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        os.replace(temporary, out)  # over an empty folder, too
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _copy_pictures(faces: Faces, out: Path, inside: str) -> tuple[Faces, int, _Broken]:
    """The faces whose pictures could be copied, placed in `out`; how many of them have points outside; the others."""
    unique, picture_of = np.unique(faces.names, return_inverse=True)

    def copy(name: str) -> tuple[int, int] | InputError:
        target = out / inside / name
        try:
            size = picture_size(faces.root / name)
        except InputError as error:
            return error
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(faces.root / name, target)
        return size

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(tqdm(pool.map(copy, unique), total=len(unique), desc="copying", unit="picture", disable=None))
    broken = [
        (faces.root / name, size) for name, size in zip(unique, found, strict=True) if isinstance(size, InputError)
    ]
    sizes = np.array([(np.nan, np.nan) if isinstance(size, InputError) else size for size in found])[picture_of]
    is_kept = np.isfinite(sizes[:, 0])
    if not is_kept.any():
        raise _all_broken(faces, broken)
    names = np.array([str(PurePosixPath(inside, name)) for name in faces.names])
    is_outside = ((faces.points_image < 0) | (faces.points_image > sizes[:, None])).any(axis=(1, 2)) & is_kept
    return replace(replace(faces, names=names).take(is_kept), root=out), int(is_outside.sum()), broken


def _crop_pictures(faces: Faces, out: Path, inside: str, *, crop: str, size: int) -> tuple[Faces, int, _Broken]:
    """Like `_copy_pictures`, with a picture of `size` pixels for every face."""
    names, affines = _crop_names(faces.names, inside), np.zeros((len(faces), 2, 3))
    kept, outside, broken = [], 0, []
    for row, square in enumerate(decode_faces([faces], size, crop=crop, description="cropping")):
        if isinstance(square, InputError):
            broken.append((faces.path(row), square))
            continue
        (out / names[row]).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(square.pixels).save(out / names[row], quality=_JPEG_QUALITY)
        affines[row] = size * square.affine
        kept.append(row)
        outside += square.has_points_outside
    if not kept:
        raise _all_broken(faces, broken)
    corners = apply_affine(affines, faces.boxes_image.reshape(-1, 2, 2)).reshape(-1, 4)
    points_image = apply_affine(affines, faces.points_image)
    placed = replace(faces, names=np.array(names), points_image=points_image, boxes_image=corners)
    return replace(placed.take(np.array(kept)), root=out), outside, broken


def _all_broken(faces: Faces, broken: _Broken) -> InputError:
    return InputError(f"{faces.root}: all {len(faces)} pictures are broken; first: {broken[0][1]}")


def _crop_names(names: np.ndarray, inside: str) -> list[str]:
    """A .jpg for every face; the second face of a picture is NAME.face2.jpg."""
    seen: Counter[PurePosixPath] = Counter()
    crops = []
    for name in names:
        stem = PurePosixPath(inside, name).with_suffix("")
        seen[stem] += 1
        crops.append(f"{stem}.jpg" if seen[stem] == 1 else f"{stem}.face{seen[stem]}.jpg")
    return crops
