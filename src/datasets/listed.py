"""The table of faces from label files that list many pictures each, as COCO's, dlib's and CVAT's do."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.datasets.faces import Coordinates, Faces, stack_points
from src.datasets.folder import Folder
from src.datasets.names import distinct_stems, spell_out
from src.datasets.path_rules import Statement
from src.datasets.point_names import first_number_remarks, order_numbered
from src.datasets.stated_paths import PictureFinder
from src.errors import InputError
from src.markup import INNER_51, NUM_POINTS

_NO_POINTS, _NO_BOX = np.empty((0, 2)), np.full(4, np.nan)


class ListedFace(NamedTuple):
    """A picture as stated and its stated size (2), NaN if unknown; points (K, 2) and box (4) of a face, its category.

    first: the number that its points begin with. fault: why its points cannot be trusted.
    """

    picture: str
    size: np.ndarray
    points: np.ndarray = _NO_POINTS
    box: np.ndarray = _NO_BOX
    category: str = ""
    first: int = 0
    fault: str = ""

    def with_numbered(self, labels: Sequence[str], points: Sequence[np.ndarray], whose: str) -> "ListedFace":
        """The same face with these points, in the order of their labels' numbers, or with a fault: `order_numbered`."""
        try:
            numbered = order_numbered(labels, points, whose)
        except InputError as error:
            return self._replace(fault=str(error))
        if numbered is None:
            fault = f"expected points of {whose} named by their numbers, found {labels[0]!r:.60}; rename them"
            return self._replace(fault=fault)
        return self._replace(points=numbered[0], first=numbered[1])


class Listing(NamedTuple):
    """The faces of one file, and the pictures of what is left out, as stated, by a description."""

    faces: list[ListedFace]
    left_out: dict[str, list[str]]


def as_table(
    folder: Folder, listings: dict[str, Listing], *, others: dict[str, list[str]], origin: float = 0.0
) -> Faces:
    """The faces of some files; each file is a subset by its name, and so are categories, if there are several.

    Of categories that differ in their number of points, the one with 68 or 51 is read. A face with another number of
    points than most gets a fault. others: what else is left out, by a description. origin: as for `Coordinates`. Raises
    InputError if no category, or several, can be that of the faces, and if all faces have faults.
    """
    found = [(file, face) for file, listing in listings.items() for face in listing.faces]
    faces, other_faces = _choose_category(folder, found)
    skipped: dict[str, list[Statement]] = defaultdict(list)
    for file, listing in listings.items():
        for words, paths in listing.left_out.items():
            skipped[words] += [Statement(file, path) for path in paths]
    skipped["faces of other categories"] = [Statement(file, face.picture) for file, face in other_faces]
    finder = PictureFinder(folder)
    names, remarks = finder.locate_all([Statement(file, face.picture) for file, face in faces])
    categories = np.array([face.category for _, face in faces])
    several = sorted(set(categories.tolist()) - {""})
    several = several if len(several) > 1 else []
    if several:
        remarks = (*remarks, f"faces of {len(several)} categories, each a subset ({spell_out(several)})")
    points, faults = stack_points([face.points for _, face in faces], [face.fault for _, face in faces])
    if faults and all(faults):
        raise InputError(f"{folder.root}: {names[0]}: {faults[0]}")
    sizes = np.array([face.size for _, face in faces]).reshape(-1, 2)
    return Faces(
        folder.root,
        np.array(names),
        points,
        boxes_image=np.array([face.box for _, face in faces]).reshape(-1, 4),
        subsets={
            **{name: categories == name for name in several},
            **{
                name: np.array([source == file for source, _ in faces])
                for name, file in zip(distinct_stems(list(listings)), listings, strict=True)
            },
        },
        left_out={words: finder.locate_all(statements)[0] for words, statements in skipped.items()} | others,
        faults=np.array(faults),
        remarks=(*remarks, *first_number_remarks(names, [face.first for _, face in faces])),
        coordinates=Coordinates(origin, stated_size=sizes),
    )


def _choose_category(folder: Folder, faces: list[tuple[str, ListedFace]]) -> tuple[list, list]:
    """The faces to read, and all others: of categories that differ in their number of points, the one with 68 or 51.

    Raises InputError if none or several of these have 68 or 51 points.
    """
    counts: dict[str, set[int]] = defaultdict(set)
    for _, face in faces:
        if not face.fault:
            counts[face.category].add(len(face.points))
    if len(counts) < 2 or len(set.union(*counts.values())) < 2:
        return faces, []
    chosen = [category for category, count in counts.items() if count & {NUM_POINTS, len(INNER_51)}]
    if len(chosen) != 1:
        found = ", ".join(
            f"{name or 'no name'} ({spell_out(sorted(map(str, count)))})" for name, count in counts.items()
        )
        raise InputError(
            f"{folder.root}: expected one category with the points of faces (68 or 51), found {found}; take the others "
            "out of the file"
        )
    of_faces = [item for item in faces if item[1].category == chosen[0]]
    return of_faces, [item for item in faces if item[1].category != chosen[0]]
