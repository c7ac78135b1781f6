"""Which files of a folder are pictures, what is left out of it, and what an absent one may be called."""

import os
from collections.abc import Iterable
from pathlib import Path

from src.datasets.names import counted, folded, spell_out
from src.errors import InputError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".jp2"}
)
# Pictures that we do not read: phones' and cameras' own formats, and formats that photographs do not come in.
_UNREADABLE = frozenset(
    {".heic", ".heif", ".hif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"}
    | {".ppm", ".pgm", ".pnm", ".tga", ".psd", ".j2k", ".jpx", ".jpf", ".jxr", ".apng", ".mpo"}
)


def is_picture(name: str) -> bool:
    """Whether a file's name is that of a picture that can be read."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def is_unreadable(name: str) -> bool:
    """Whether a file's name is that of a picture in a format that cannot be read."""
    return os.path.splitext(name)[1].lower() in _UNREADABLE


def list_pictures(folder: str | Path) -> list[str]:
    """Sorted names of the pictures directly inside a folder; `left_out_pictures` names the others.

    Raises InputError if the folder is missing or holds no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected cropped face pictures there")
    names = sorted(path.name for path in folder.iterdir() if is_picture(path.name) and not path.name.startswith("."))
    if not names:
        others = left_out_pictures(folder)
        found = f"found only {spell_out(others)}" if others else "found none"
        raise InputError(f"{folder}: expected pictures ({', '.join(sorted(EXTENSIONS))}), {found}")
    return names


def left_out_pictures(folder: str | Path, *, others: tuple[str, ...] = ()) -> list[str]:
    """Sorted names of the pictures that `list_pictures` leaves out: unreadable formats, and all in subfolders.

    others: endings of further files that are named if they lie in subfolders, such as videos.
    """
    names, visited = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        is_known = real in visited  # a link that leads back
        visited.add(real)
        folders[:] = [name for name in folders if not (is_known or name.startswith(".") or name == "__MACOSX")]
        if is_known:
            continue
        inside = Path(place).relative_to(folder)
        for name in files:
            is_read = is_picture(name) or name.lower().endswith(others)
            if not name.startswith(".") and (is_unreadable(name) or (is_read and inside.parts)):
                names.append((inside / name).as_posix())
    return sorted(names)


def describe_left_out(folder: str | Path) -> str:
    """What `list_pictures` leaves out, in words; "" if that is nothing."""
    names = left_out_pictures(folder)
    if not names:
        return ""
    left_out = counted(len(names), "pictures left out, in formats that cannot be read or in subfolders")
    return f"{left_out}: {spell_out(names)}"


def near_names(paths: Iterable[Path]) -> dict[Path, str]:
    """For absent pictures, the one in the same folder whose name differs in case or ending alone: a.JPG for a.jpg."""
    near: dict[Path, str] = {}
    by_stem: dict[Path, dict[str, str]] = {}
    for path in paths:
        if path.exists() or not path.parent.is_dir():
            continue
        if path.parent not in by_stem:
            names = [name for name in sorted(os.listdir(path.parent)) if is_picture(name) or is_unreadable(name)]
            by_stem[path.parent] = {folded(os.path.splitext(name)[0]): name for name in names}
        if (found := by_stem[path.parent].get(folded(path.stem), path.name)) != path.name:
            near[path] = found
    return near
