"""What a user named, as a list of pictures and videos: files, folders, patterns, a camera's number."""

import glob
from dataclasses import dataclass
from pathlib import Path

from src.datasets.listing import is_picture, list_pictures
from src.demo.video import is_animated
from src.errors import InputError


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
    """Every picture and video that is named. frames: folders hold the frames of one video each.

    Raises InputError for a name without a file, and for two sources of one name, whose drawings would be one.
    """
    sources = [source for name in named for source in _expand(name, frames)]
    taken: dict[str, Source] = {}
    for source in sources:
        other = taken.setdefault(source.name.casefold(), source)
        if other is not source:
            raise InputError(f"expected different names, found {other.path} and {source.path}; draw them one by one")
    return sources


def _expand(name: str, frames: bool) -> list[Source]:
    path = Path(name)
    if frames and not path.is_dir():
        raise InputError(f"{name}: expected a folder of frames")
    if path.is_dir():
        if frames:
            return [Source(path, is_video=True)]
        return [_file(path / picture) for picture in list_pictures(path)]
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


def _file(path: Path) -> Source:
    return Source(path, is_video=not is_picture(path.name) or is_animated(path))
