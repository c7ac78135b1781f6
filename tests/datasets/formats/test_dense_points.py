"""98 and 106 points to 68: the published weights, symmetry, and WFLW's parts."""

from pathlib import Path

import numpy as np
import pytest
from sample_folders import sample

from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.datasets.formats.point_maps import LAPA_106, WFLW_98, to_68
from src.errors import InputError
from src.markup import FLIP_PERMUTATION

# Mirror partners of the dense mark-ups, as (first, last) runs that are each other's reverse, and single swaps.
WFLW_RUNS = [(0, 32), (33, 37, 42, 46), (38, 41, 47, 50), (51, 51), (52, 52), (53, 53), (54, 54), (55, 59)]
WFLW_EYES_MOUTH = [(60, 64, 68, 72), (65, 67, 73, 75), (76, 82), (83, 87), (88, 92), (93, 95)]
LAPA_RUNS = [(0, 32), (33, 37, 42, 46), (38, 41, 47, 50), (51, 51), (52, 52), (53, 53), (54, 54), (55, 65)]
LAPA_EYES_MOUTH = [(66, 70, 75, 79), (71, 73, 80, 82), (84, 90), (91, 95), (96, 100), (101, 103)]


def _mirror(count: int, runs: list[tuple[int, ...]]) -> np.ndarray:
    permutation = np.arange(count)
    for run in runs:
        first, last = np.arange(run[0], run[1] + 1), np.arange(run[-2], run[-1] + 1)[::-1]
        permutation[first], permutation[last] = last, first
    return permutation


def test_the_98_point_map_is_the_published_one() -> None:
    dense = np.random.default_rng(0).uniform(0, 100, size=(1, 98, 2))
    points, (p,) = to_68(dense, WFLW_98)[0], dense
    np.testing.assert_allclose(points[:17], p[0:33:2])
    np.testing.assert_allclose(points[17:19], [p[33], [p[34, 0], (p[34, 1] + p[41, 1]) / 2]])
    np.testing.assert_allclose(points[25:27], [[p[45, 0], (p[45, 1] + p[47, 1]) / 2], p[46]])
    np.testing.assert_allclose(points[27:36], p[51:60])
    np.testing.assert_allclose(points[36:39], [p[60], (2 * p[61] + p[62]) / 3, (2 * p[63] + p[62]) / 3])
    np.testing.assert_allclose(points[39:42], [p[64], (2 * p[65] + p[66]) / 3, (2 * p[67] + p[66]) / 3])
    np.testing.assert_allclose(points[42:45], [p[68], (2 * p[69] + p[70]) / 3, (2 * p[71] + p[70]) / 3])
    np.testing.assert_allclose(points[48:], p[76:96])


@pytest.mark.parametrize(
    ("weights", "runs"),
    [(WFLW_98, WFLW_RUNS + WFLW_EYES_MOUTH), (LAPA_106, LAPA_RUNS + LAPA_EYES_MOUTH)],
    ids=["WFLW", "LaPa"],
)
def test_a_map_commutes_with_mirroring(weights: np.ndarray, runs: list) -> None:
    np.testing.assert_allclose(weights.sum(axis=2), 1)
    mirror = _mirror(weights.shape[2], runs)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    dense = np.random.default_rng(0).uniform(0, 100, size=(2, weights.shape[2], 2))
    np.testing.assert_allclose(to_68(dense[:, mirror], weights), to_68(dense, weights)[:, FLIP_PERMUTATION])


def test_wflw_has_its_parts_and_counts_a_face_in_two_lists_once(tmp_path: Path) -> None:
    sample("wflw", tmp_path / "set")
    faces = read_faces(Folder(tmp_path / "set"), "wflw")
    assert faces.names.tolist() == [f"WFLW_images/0--Parade/{i}.jpg" for i in (1, 2, 0)]
    members = {name: np.flatnonzero(mask).tolist() for name, mask in faces.subsets.items()}
    assert members == {"train": [2], "test": [0, 1], "expression": [0], "illumination": [1], "blur": [1]}
    np.testing.assert_array_equal(faces.boxes_image, [[30, 20, 130, 110]] * 3)


def test_a_list_for_validation_is_no_test(tmp_path: Path) -> None:
    sample("wflw", tmp_path / "set")
    lists = tmp_path / "set" / "WFLW_annotations"
    (lists / "list_98pt_rect_attr_train.txt").rename(lists / "list_98pt_rect_attr_val.txt")
    members = read_faces(Folder(tmp_path / "set"), "wflw").subsets
    assert {name: int(mask.sum()) for name, mask in members.items() if name in ("train", "val", "test")} == {
        "val": 1, "test": 2
    }  # fmt: skip


def test_lapa_knows_its_parts_inside_another_folder(tmp_path: Path) -> None:
    sample("lapa", tmp_path / "set" / "LaPa")
    members = read_faces(Folder(tmp_path / "set"), "lapa").subsets
    assert {name: np.flatnonzero(mask).tolist() for name, mask in members.items()} == {
        "train": [1], "val": [2], "test": [0]
    }  # fmt: skip


@pytest.mark.parametrize("change", [lambda line: line[5:], lambda line: line.replace(" 30 ", " ")])
def test_a_line_of_another_length_is_refused(change: object, tmp_path: Path) -> None:
    sample("wflw", tmp_path / "set")
    path = tmp_path / "set" / "WFLW_annotations" / "list_98pt_rect_attr_test.txt"
    path.write_text(change(path.read_text().split("\n")[0].replace(" ", "  ", 1).partition(" ")[2]))
    with pytest.raises(InputError, match=r"rect_attr_test\.txt: expected 197 or 207 columns"):
        read_faces(Folder(tmp_path / "set"), "wflw")
