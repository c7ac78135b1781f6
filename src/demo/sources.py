"""What a user named, as a list of pictures and videos: files, folders, patterns, a camera's number."""

import glob
from dataclasses import dataclass
from pathlib import Path

from src.datasets.listing import is_picture, is_unreadable, left_out_pictures, list_pictures
from src.demo.video import is_animated
from src.errors import InputError

# Videos, which a folder may hold besides pictures.
_VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".3gp", ".wmv", ".flv", ".ogv", ".mts",
           ".m2ts")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A picture or a video. path: a file, or a folder of frames; for a camera its number."""

    path: Path
    is_video: bool = False
    is_camera: bool = False

    @property
    def name(self) -> str:
        return f"camera{self.path}" if self.is_camera else self.path.name


def find_sources(named: list[str], *, frames: bool = False) -> list[Source]:
    """Every picture and video that is named, once. frames: folders hold the frames of one video each.

    Raises InputError for a name without a file, and for two sources of one name, whose drawings would be one.
    """
    taken: dict[str, Source] = {}
    for source in (source for name in named for source in _expand(name, frames)):
        other = taken.setdefault(source.name.casefold(), source)
        if other.path.resolve() != source.path.resolve():
            raise InputError(f"expected different names, found {other.path} and {source.path}; draw them one by one")
    return list(taken.values())


def left_out(named: list[str]) -> list[str]:
    """What the named folders hold that `find_sources` does not take: files in subfolders, and unreadable pictures."""
    folders = [name for name in named if Path(name).is_dir()]
    return [f"{name}/{file}" for name in folders for file in left_out_pictures(name, others=_VIDEOS)]


def _expand(name: str, frames: bool) -> list[Source]:
    path = Path(name)
    if frames and not path.is_dir():
        raise InputError(f"{name}: expected a folder of frames")
    if path.is_dir():
        if frames:
            return [Source(path, is_video=True)]
        return [_file(path / file) for file in _list_folder(path)]
    if path.exists():
        return [_file(path)]
    if name.isdecimal():
        return [Source(path, is_video=True, is_camera=True)]
    if glob.has_magic(name):
        files = [Path(found) for found in sorted(glob.glob(name, recursive=True)) if Path(found).is_file()]
        if not files:
            raise InputError(f"{name}: no picture or video has such a name")
        return [_file(file) for file in files]
    raise InputError(f"{name}: no such picture, folder or video")


def _list_folder(folder: Path) -> list[str]:
    """Sorted names of the pictures and videos in a folder. Raises InputError if there is none."""
    names = [file.name for file in folder.iterdir() if not file.name.startswith(".")]
    videos = [name for name in names if Path(name).suffix.lower() in _VIDEOS]
    has_pictures = any(map(is_picture, names))
    return sorted([*videos, *(list_pictures(folder) if has_pictures or not videos else [])])


def _file(path: Path) -> Source:
    if is_unreadable(path.name):
        raise InputError(f"{path}: a picture in a format that is not read here; convert it to JPEG or PNG")
    return Source(path, is_video=not is_picture(path.name) or is_animated(path))
