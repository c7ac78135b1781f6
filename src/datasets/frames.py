"""From the coordinates in a label file to `points_image`: the single place for this step, common to all readers.

A format's origin and shares are resolved, the size that labels state is compared with the picture's, labels in the
stored pixels of a picture turned by EXIF are turned with it, and placeholders for unmarked points are found.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.datasets.faces import OURS, Faces
from src.datasets.faults import (
    describe_boxes,
    describe_placeholders,
    describe_rescaled,
    find_percent,
    find_placeholders,
    join_faults,
    order_faults,
    pixel_faults,
)
from src.datasets.listing import near_names
from src.datasets.names import counted, spell_out
from src.datasets.picture_files import Shape, picture_shapes
from src.datasets.repeats import repeat_remarks
from src.errors import InputError
from src.geometry import apply_affine, compose_affine, orientation_affine
from src.markup import INNER_51, NUM_POINTS
from src.pose import fit_pose, rotation_matrix

SHOWN, STORED = "shown", "stored"
FRAMES = (SHOWN, STORED)
_UNMARKED = "faces with unmarked points"
_ROUNDING = 1.0  # pixels by which a stated size may differ from the picture's, in the smaller one of the two
_UPRIGHT = 0.5  # a head is upright if its up axis has at least this component upward in the picture
_TURNED, _UNSAID, _RESCALED = "turned", "unsaid", "rescaled"


def settle(faces: Faces, *, frame: str | None = None, rescale: bool = False) -> Faces:
    """The same faces in the frame of `Faces`: pixels of each picture as viewers show it.

    frame: `shown` or `stored`, the pixels that labels of pictures with an EXIF orientation refer to if their stated
    size is no help; by default `shown`, if most of these faces are then upright. rescale: labels that state another
    size with the same aspect ratio are scaled to the picture's own instead of counting as broken. A face that cannot
    be settled gets a fault. Raises InputError for an unknown frame and for `rescale` if no label states a size; and,
    without a `frame`, if some labels refer to stored pixels while others do not say, or if most of the latter show
    upright faces only in the stored pixels.
    """
    if frame is not None and frame not in FRAMES:
        raise InputError(f"expected a frame ({' or '.join(FRAMES)}), found {frame!r}")
    placeholder = find_placeholders(faces.points_image) & (faces.faults == "")[:, None]
    if faces.coordinates.unmarked and placeholder.any():
        is_unmarked = placeholder.any(axis=1)
        faces, placeholder = _without_unmarked(faces, is_unmarked), placeholder[~is_unmarked]
    unique, picture_of = np.unique(faces.names, return_inverse=True)
    shapes = _shapes([faces.root / name for name in unique])
    stated = faces.coordinates.stated_size
    if rescale and (stated is None or np.isnan(stated).all()):
        raise InputError(
            f"{faces.root}: rescale expects labels that state their picture's size, as COCO's may, and found none; "
            "leave it out"
        )

    def settle_each(default: str) -> list[_Settled]:
        return [
            _settle_one(
                shapes[picture],
                None if stated is None or np.isnan(stated[row]).any() else stated[row],
                in_shares=faces.coordinates.in_shares,
                default=default,
                rescale=rescale,
            )
            for row, picture in enumerate(picture_of)
        ]

    settled = settle_each(frame or SHOWN)
    counts = Counter(what for one in settled for what in one.remarks)
    if frame is None and counts[_UNSAID]:
        if counts[_TURNED]:
            raise InputError(
                f"{faces.root}: {counts[_TURNED]} faces are labeled in the stored pixels of turned pictures, and "
                f"{counts[_UNSAID]} do not say; choose with the setting frame ({' or '.join(FRAMES)})"
            )
        _check_upright(faces, settled, settle_each(STORED))
    affines = np.array([one.affine for one in settled])
    points_image = apply_affine(affines, faces.points_image - faces.coordinates.origin)
    sizes = np.array([(np.nan, np.nan) if isinstance(shape, InputError) else shape.shown for shape in shapes])
    sizes = sizes[picture_of]  # (N, 2)
    faults = join_faults(
        faces.faults,
        [one.fault for one in settled],
        describe_placeholders(placeholder),
        pixel_faults(points_image, sizes),
        order_faults(faces.points_image),
    )
    boxes_image = _move_boxes(affines, faces.boxes_image)
    moved = replace(faces, points_image=points_image, boxes_image=boxes_image, faults=np.array(faults))
    remarks = (*faces.remarks, *_remarks(counts, frame), *_doubts(moved, sizes))
    return replace(moved, remarks=remarks, coordinates=OURS)


def _doubts(faces: Faces, sizes: np.ndarray) -> list[str]:
    """Remarks on settled faces that may be repeated, in percent, of resized pictures, or boxed in another way.

    sizes: (N, 2) width and height of each picture as shown.
    """
    is_sound = faces.faults == ""
    points_image, sound_sizes = faces.points_image[is_sound], sizes[is_sound]
    remarks = repeat_remarks(faces.names[is_sound], points_image)
    if not faces.coordinates.in_shares:
        in_percent = _percent_remarks(find_percent(faces.points_image, sizes), is_sound, faces.subsets)
        remarks += in_percent or [describe_rescaled(points_image, sound_sizes)]
    remarks.append(describe_boxes(points_image, faces.boxes_image[is_sound], sound_sizes))
    return [remark for remark in remarks if remark]


def _shapes(paths: Sequence[Path]) -> list[Shape | InputError]:
    """The pictures' shapes, or errors, which name an absent picture's nearest namesake."""
    shapes = picture_shapes(paths)
    near = near_names([path for path, shape in zip(paths, shapes, strict=True) if isinstance(shape, InputError)])
    return [
        InputError(f"{shape}; is it {near[path]}?") if path in near else shape
        for path, shape in zip(paths, shapes, strict=True)
    ]


@dataclass(frozen=True)
class _Settled:
    """The affine (2, 3) for one face's coordinates after subtracting their origin, remarks, and its fault if any."""

    affine: np.ndarray
    remarks: tuple[str, ...] = ()
    fault: str = ""


_AS_IT_IS = np.eye(2, 3)


def _settle_one(
    shape: Shape | InputError, stated: np.ndarray | None, *, in_shares: bool, default: str, rescale: bool
) -> _Settled:
    """stated: (2,) width and height in the label file, or None. default: the frame if these fit both."""
    if isinstance(shape, InputError):
        return _Settled(_AS_IT_IS, fault=str(shape))
    fitting = FRAMES if stated is None else _fitting(shape, stated)
    resized = () if fitting else _fitting(shape, stated, any_scale=True)
    if not fitting and not (resized and rescale):
        sides = "{:g} x {:g}".format
        remedy = "; set rescale if it was resized after it was annotated" if resized else ""
        fault = f"its labels state a picture of {sides(*stated)} pixels, found {sides(*shape.shown)}{remedy}"
        return _Settled(_AS_IT_IS, fault=fault)
    frame, remarks = _choose_frame(shape, fitting or resized, default)
    scale = np.ones(2)
    if in_shares:
        scale = np.array(getattr(shape, frame), np.float64)
    elif resized:
        scale = np.array(getattr(shape, resized[0])) / stated
    affine = np.column_stack([np.diag(scale), np.zeros(2)])
    if frame == STORED:
        affine = compose_affine(orientation_affine(shape.orientation, *shape.stored), affine)
    return _Settled(affine, (*remarks, _RESCALED) if resized else remarks)


def _choose_frame(shape: Shape, fitting: tuple[str, ...], default: str) -> tuple[str, tuple[str, ...]]:
    """The frame of labels whose stated size fits one or both frames, and remarks."""
    if shape.orientation == 1:
        return SHOWN, ()  # both frames are the same
    if len(fitting) > 1:
        return default, (_UNSAID,)
    return fitting[0], (_TURNED,) if fitting[0] == STORED else ()


def _fitting(shape: Shape, stated: np.ndarray, *, any_scale: bool = False) -> tuple[str, ...]:
    """The frames whose size is the stated one or, with any_scale, a multiple of it."""
    found = []
    for frame in FRAMES:
        size = np.array(getattr(shape, frame), np.float64)
        scale = size.max() / stated.max() if any_scale else 1.0
        if np.abs(size - scale * stated).max() <= _ROUNDING * max(1.0, scale):
            found.append(frame)
    return tuple(found)


def _check_upright(faces: Faces, shown: list[_Settled], stored: list[_Settled]) -> None:
    """Raise InputError if most faces whose labels do not state their frame are upright only in the stored pixels."""
    if faces.num_points not in (NUM_POINTS, len(INNER_51)):
        return
    rows = [row for row, one in enumerate(shown) if _UNSAID in one.remarks]
    points = faces.points_image[rows] - faces.coordinates.origin
    upright = [
        rotation_matrix(fit_pose(apply_affine(np.array([way[row].affine for row in rows]), points)))[:, 1, 1] > _UPRIGHT
        for way in (shown, stored)
    ]
    only_stored = int((upright[1] & ~upright[0]).sum())
    if only_stored > len(rows) / 2:
        raise InputError(
            f"{faces.root}: {only_stored} of {len(rows)} faces on pictures turned by EXIF stand upright in the stored "
            f"pixels alone; say which pixels their labels mean with the setting frame ({' or '.join(FRAMES)})"
        )


def _move_boxes(affines: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) moved by affines (N, 2, 3) that turn them by quarters at most; those without any extent, as tools
    write if there is none, become NaN."""
    is_empty = (boxes[:, :2] == boxes[:, 2:]).all(axis=1)
    boxes = np.where(is_empty[:, None], np.nan, boxes)
    corners = apply_affine(affines, boxes.reshape(-1, 2, 2))
    is_turned = (affines[:, [0, 1], [0, 1]] <= 0).any(axis=1)  # others keep their corners' order, so faults remain
    ordered = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return np.where(is_turned[:, None], ordered, corners.reshape(-1, 4))


def _without_unmarked(faces: Faces, is_unmarked: np.ndarray) -> Faces:
    if is_unmarked.all():
        raise InputError(f"{faces.root}: expected faces whose points are all marked, found none; check the labels")
    stated = faces.coordinates.stated_size
    coordinates = replace(faces.coordinates, stated_size=None if stated is None else stated[~is_unmarked])
    names = [*faces.left_out.get(_UNMARKED, ()), *faces.names[is_unmarked].tolist()]
    return replace(faces.take(~is_unmarked), coordinates=coordinates, left_out={**faces.left_out, _UNMARKED: names})


def _remarks(counts: Counter, frame: str | None) -> list[str]:
    words = []
    if counts[_TURNED]:
        what = "faces labeled in the stored pixels of turned pictures (EXIF), turned with them"
        words.append(counted(counts[_TURNED], what))
    if counts[_UNSAID]:
        chosen = frame or f"{SHOWN}, the default"
        what = f"faces on pictures turned by EXIF whose labels do not state their frame, read as {chosen}"
        words.append(counted(counts[_UNSAID], what))
    if counts[_RESCALED]:
        what = "faces scaled from the size that their labels state to the picture's own"
        words.append(counted(counts[_RESCALED], what))
    return words


def _percent_remarks(in_percent: np.ndarray, is_sound: np.ndarray, subsets: Mapping[str, np.ndarray]) -> list[str]:
    """A remark if all sound faces, or all of a subset, may have points in percent. All arrays: (N,) bool."""
    everything = {"": is_sound, **{name: mask & is_sound for name, mask in subsets.items()}}
    names = [name for name, mask in everything.items() if mask.any() and in_percent[mask].all()]
    if not names:
        return []
    whose = "" if "" in names else f" of {spell_out(names)}"
    return [
        f"all points{whose} lie within 100 pixels of the top left corner of larger pictures; if they are percent of "
        "the sides, turn them into pixels"
    ]
