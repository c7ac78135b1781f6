"""Pictures that show the same thing: exact and near duplicates, and splits that keep each group on one side.

The perceptual hash is the difference hash (Krawetz, "Kind of Like That", 2013) along rows and columns. It survives
another size, compression, brightness and color, but not another framing, and does not say who is in the picture.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from src.datasets.folder import Folder
from src.datasets.formats import face_pictures
from src.datasets.pictures import read_square
from src.errors import InputError
from src.parallel import in_threads

BITS = 128
_CELLS = 8  # brightness differences per row and per column: 8 x 8 bits each way
_DECODED = 144  # pixels, so that JPEGs decode at a reduced size
_BLACK = 12  # of 255: darker rows and columns at the borders are padding, which would make pictures look alike
_COMPARED = 2**20  # pairs of hashes that each core compares at a time: 10 MB
# "AFW_134212_1_3" is a copy of "AFW_134212_1" (300W-LP turns each photograph several times).
NAME_PATTERN = r"(.*\d.*)_\d{1,2}"


@dataclass(frozen=True)
class Pictures:
    """P pictures from several folders.

    names: (P,) str, relative to their folder; folder: (P,) its index; digests: (P,) bytes, equal for equal files;
    hashes: (P, 2) uint64, along rows and along columns. broken: pictures that could not be read, and why.
    """

    roots: tuple[Path, ...]
    names: np.ndarray
    folder: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray
    broken: tuple[tuple[Path, InputError], ...]

    def __len__(self) -> int:
        return len(self.names)

    def path(self, row: int) -> Path:
        return self.roots[self.folder[row]] / self.names[row]


def read_pictures(folders: Sequence[Folder]) -> Pictures:
    """Hash every picture of the folders, on all cores, but for those that show no face (`face_pictures`).

    Raises InputError if a folder has no readable picture, or one whose name cannot be written to a list.
    """
    rows = [(index, name) for index, folder in enumerate(folders) for name in face_pictures(folder)]
    unprintable = next((name for _, name in rows if not name.isprintable()), None)
    if unprintable is not None:
        raise InputError(f"expected names of printable UTF-8, found {unprintable!r}; rename it")
    paths = [folders[index].root / name for index, name in rows]
    found = in_threads(_identify, paths, desc="hashing", unit="picture")
    kept = [i for i, result in enumerate(found) if not isinstance(result, InputError)]
    for index, folder in enumerate(folders):
        if not any(rows[i][0] == index for i in kept):
            raise InputError(f"{folder.root}: expected readable pictures, found none")
    return Pictures(
        roots=tuple(folder.root for folder in folders),
        names=np.array([rows[i][1] for i in kept]),
        folder=np.array([rows[i][0] for i in kept]),
        digests=np.array([found[i][0] for i in kept], dtype=object),
        hashes=np.array([found[i][1] for i in kept]),
        broken=tuple((paths[i], result) for i, result in enumerate(found) if isinstance(result, InputError)),
    )


def difference_hash(picture: Image.Image) -> np.ndarray:
    """(2,) uint64: whether each cell is brighter than the previous one, along rows and columns, without padding."""
    gray = picture.convert("L")
    box = gray.point(lambda value: 255 * (value > _BLACK)).getbbox() or (0, 0, *gray.size)
    hashes = []
    for axis, size in ((1, (_CELLS + 1, _CELLS)), (0, (_CELLS, _CELLS + 1))):
        cells = np.asarray(gray.resize(size, Image.Resampling.BOX, box=box), np.int16)
        hashes.append(np.packbits(np.diff(cells, axis=axis) > 0).view(np.uint64))
    return np.concatenate(hashes)


def look_alikes(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Pairs of pictures whose hashes (P, 2) differ in at most `distance` of 128 bits: (M, 3) first, second, bits.

    Pictures with equal hashes are paired only with the first of them, and only that one with other pictures: groups
    stay connected, but a thousand equal pictures make a thousand pairs, not half a million.
    """
    unique, first, members = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    rows = np.arange(len(hashes))
    leaders = first[members.ravel()]
    repeated = rows != leaders
    equal = np.stack([leaders[repeated], rows[repeated], np.zeros(repeated.sum(), int)], axis=1)
    step = max(_COMPARED // len(unique), 1)
    rowwise = np.ascontiguousarray(unique[:, 0])

    def compare(start: int) -> np.ndarray:
        half = np.bitwise_count(rowwise[start : start + step, None] ^ rowwise[start:])  # (step, the rest)
        one, other = np.nonzero(half <= distance)  # few, so only their other half is compared
        one, other = start + one[other > one], start + other[other > one]
        bits = np.bitwise_count(unique[one] ^ unique[other]).sum(axis=1, dtype=int)
        near = bits <= distance
        return np.stack([first[one[near]], first[other[near]], bits[near]], axis=1)

    found = in_threads(compare, range(0, len(unique), step), desc="comparing", unit="block")
    pairs = np.concatenate([equal, *found])
    pairs[:, :2].sort(axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], pairs[:, 2]))]


def same_names(names: Sequence[str], pattern: str = NAME_PATTERN) -> np.ndarray:
    """Pairs of rows (M, 2) whose names agree in the part in the pattern's parentheses, each with the next.

    names: file names with or without folders; the pattern must match the whole name without folder and extension, and a
    name that it does not match belongs to no group. Raises InputError for an invalid pattern.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(f"expected a regular expression, found {pattern!r} ({error})") from None
    if compiled.groups != 1:
        raise InputError(f"expected a pattern with one pair of parentheses, found {pattern!r}")
    last: dict[str, int] = {}
    pairs = []
    for row, name in enumerate(names):
        if match := compiled.fullmatch(PurePosixPath(name).stem):
            if match[1] in last:
                pairs.append((last[match[1]], row))
            last[match[1]] = row
    return np.array(pairs, int).reshape(-1, 2)


def connect(count: int, pairs: np.ndarray) -> np.ndarray:
    """Group number (count,) of each picture: pictures connected by pairs (M, 2), directly or not, share a group."""
    ones = np.ones(len(pairs), bool)
    return connected_components(coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count)))[1]


def split_by_group(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows (N,) bool are for validation: about `share` of them, and all or none of each group.

    groups: (N,) numbers. The same groups, share and seed give the same split. Raises InputError if no split exists.
    """
    numbers, members = np.unique(groups, return_inverse=True)
    if not 0 < share < 1:
        raise InputError(f"expected a share between 0 and 1 for validation, found {share}")
    if len(numbers) < 2:
        raise InputError(f"expected at least two groups to split, found {len(numbers)}")
    sizes = np.bincount(members)
    chosen, room = np.zeros(len(numbers), bool), round(share * len(groups))
    for group in np.random.default_rng(seed).permutation(len(numbers)):
        if sizes[group] <= room:
            chosen[group] = True
            room -= sizes[group]
    if not chosen.any():
        chosen[sizes.argmin()] = True
    return chosen[members]


def redundant(folder: np.ndarray, groups: np.ndarray, is_usable: np.ndarray | None = None) -> np.ndarray:
    """Which pictures (P,) bool to leave out so that every group keeps one: the first usable one in its last folder.

    folder, groups: (P,) numbers. Folders are in the order training, validation, test, so training gives way. is_usable:
    (P,) bool, by default all; one without a sound label is kept only if its folder has no usable one of the group.
    """
    usable = np.ones(len(groups), bool) if is_usable is None else is_usable
    order = np.lexsort((np.arange(len(groups)), ~usable, -folder))
    _, kept = np.unique(groups[order], return_index=True)
    mask = np.ones(len(groups), bool)
    mask[order[kept]] = False
    return mask


def _identify(path: Path) -> tuple[bytes, np.ndarray] | InputError:
    try:
        square, _, _ = read_square(path, _DECODED)
        return hashlib.blake2b(path.read_bytes(), digest_size=16).digest(), difference_hash(Image.fromarray(square))
    except InputError as error:
        return error
