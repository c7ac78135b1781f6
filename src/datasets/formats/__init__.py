"""The table of formats, with their readers and writers, and the detection of a folder's format."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from src.datasets import challenge, cropping
from src.datasets.challenge import ANNOTATIONS, check_name
from src.datasets.faces import Faces
from src.datasets.folder import UNLABELED, Folder
from src.datasets.formats import (
    aflw2000,
    coco,
    cofw68,
    cvat,
    dlib,
    facesynthetics,
    ivslab,
    lapa,
    pts,
    tsv,
    wflw,
    x_anylabeling,
    yolo_pose,
)
from src.datasets.frames import settle
from src.datasets.names import spell_out
from src.datasets.repeats import without_repeats
from src.errors import InputError

_PREPARED = {"images.npy", "labels.npz"}  # what `src.datasets.prepared` writes
_UNREAD = {"shape_attributes": "VIA", "keypointlabels": "Label Studio"}  # a word in label files that we do not read


@dataclass(frozen=True)
class Format:
    """detect: cheap, by the names of files and the beginnings of a few. read and write speak the frame of `Faces`.

    write: labels for pictures that already lie below the same folder, inside `pictures`; None if we only read.
    crop_rule: the one that fits the format's pictures. by_stem: a label file is named like its picture without its
    ending. is_other_picture: whether a picture, by its name, shows no face, such as a map of a face's parts; None if
    all do.
    points: the numbers of points per face that can be written, () for any.
    """

    detect: Callable[[Folder], bool]
    read: Callable[[Folder], Faces]
    write: Callable[[Faces, Path], None] | None
    pictures: str
    crop_rule: str
    by_stem: bool
    is_other_picture: Callable[[str], bool] | None
    points: tuple[int, ...]


def _format(module: ModuleType, crop_rule: str = cropping.CHALLENGE) -> Format:
    write, pictures = getattr(module, "write", None), getattr(module, "PICTURES", "")
    is_other = getattr(module, "is_other_picture", None)
    by_stem, points = getattr(module, "BY_STEM", False), getattr(module, "POINTS", ())
    return Format(module.detect, module.read, write, pictures, crop_rule, by_stem, is_other, points)


FORMATS: dict[str, Format] = {
    "challenge": _format(challenge, crop_rule=cropping.WHOLE),
    "pts": _format(pts),
    "wflw": _format(wflw),
    "aflw2000": _format(aflw2000),
    "facesynthetics": _format(facesynthetics),
    "cofw68": _format(cofw68),
    "lapa": _format(lapa),
    "ivslab": _format(ivslab),
    "tsv": _format(tsv),
    "yolo_pose": _format(yolo_pose),
    "coco": _format(coco),
    "x_anylabeling": _format(x_anylabeling),
    "dlib": _format(dlib),
    "cvat": _format(cvat),
}
WRITABLE = tuple(name for name, form in FORMATS.items() if form.write)


def detect_format(folder: Folder) -> str:
    """The name of the folder's format. Raises InputError if none or several fit."""
    found = [name for name, form in FORMATS.items() if form.detect(folder)]
    if len(found) == 1:
        return found[0]
    what = f"several ({', '.join(found)}); name the format" if found else _describe(folder)
    raise InputError(f"{folder.root}: expected one of the formats {', '.join(FORMATS)}, found {what}")


def _describe(folder: Folder) -> str:
    """What a folder of no known format holds, and what to do."""
    inside = sorted({name.removesuffix(f"/{ANNOTATIONS}") for name in folder.names if name.endswith(f"/{ANNOTATIONS}")})
    if inside:
        return f"{ANNOTATIONS} inside {spell_out(inside)}; name that folder"
    if set(folder.names) >= _PREPARED:
        return "faces that are prepared already; give the folder to train.py, or name that of their pictures"
    for name, head in (*folder.peek(".json"), *folder.peek(".csv")):
        for word, tool in _UNREAD.items():
            if word in head:
                return f"labels of {tool} ({name}); convert them to coco, dlib or another of these"
    endings = Counter(os.path.splitext(name)[1].lower() or "without ending" for name in folder.names)
    counts = [f"{count} {ending}" for ending, count in endings.most_common()]
    return f"none of them ({spell_out(counts) or 'no files'}); check the folder, or convert its labels to coco or tsv"


def face_pictures(folder: Folder) -> list[str]:
    """The pictures of a folder but for those that, in its formats, show no face."""
    others = [form.is_other_picture for form in FORMATS.values() if form.is_other_picture and form.detect(folder)]
    return [name for name in folder.pictures if not any(is_other(name) for is_other in others)]


def read_faces(folder: Folder, name: str, *, frame: str | None = None, rescale: bool = False) -> Faces:
    """The faces of a folder in the format `name`; frame, rescale: as in `src.datasets.frames.settle`.

    Raises InputError for a folder of another format, wrong annotations, or picture names that our lists cannot carry.
    """
    if name not in FORMATS:
        raise InputError(f"expected a format ({', '.join(FORMATS)}), found {name!r}")
    faces = FORMATS[name].read(folder)
    try:
        for picture in set(faces.names.tolist()):
            check_name(picture)
    except InputError as error:
        raise InputError(f"{folder.root}: {error}") from None
    known = {*faces.names.tolist(), *(name for names in faces.left_out.values() for name in names)}
    left_out = {**faces.left_out, UNLABELED: [name for name in face_pictures(folder) if name not in known]}
    if folder.broken:
        left_out["label files that cannot be read"] = folder.broken
    faces = replace(faces, left_out=left_out)
    return without_repeats(settle(faces, frame=frame, rescale=rescale))
