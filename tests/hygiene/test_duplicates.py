"""Duplicates by picture and by name, groups, and splits that never part a group."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from stand_in import write_faces

from src.datasets.folder import Folder
from src.errors import InputError
from src.hygiene.duplicates import (
    BITS,
    connect,
    difference_hash,
    look_alikes,
    read_pictures,
    redundant,
    same_names,
    split_by_group,
)


def _picture(seed: int, size: int = 256) -> Image.Image:
    """Soft random blobs, as different from those of another seed as two photographs."""
    small = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def _bits(one: Image.Image, other: Image.Image) -> int:
    return int(np.bitwise_count(difference_hash(one) ^ difference_hash(other)).sum())


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.resize((90, 90), Image.Resampling.LANCZOS),
        lambda picture: picture.convert("L").convert("RGB"),
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
        lambda picture: ImageEnhance.Contrast(picture).enhance(0.6),
    ],
    ids=["smaller", "gray", "darker", "flatter"],
)
def test_the_same_picture_keeps_its_hash(change) -> None:
    assert max(_bits(_picture(seed), change(_picture(seed))) for seed in range(10)) <= 10


def test_other_pictures_and_mirrored_ones_have_other_hashes() -> None:
    assert min(_bits(_picture(seed), _picture(seed + 1)) for seed in range(20)) > 30
    assert _bits(_picture(0), _picture(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > 30


def test_black_padding_has_no_say() -> None:
    def padded(seed: int) -> Image.Image:
        sheet = Image.new("RGB", (300, 300))
        sheet.paste(_picture(seed, size=120), (90, 60))
        return sheet

    assert _bits(padded(0), _picture(0)) <= 4
    assert _bits(padded(0), padded(1)) > 30


def test_a_black_picture_has_a_hash() -> None:
    assert not difference_hash(Image.new("RGB", (40, 40))).any()


def test_pairs_are_those_of_comparing_all() -> None:
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**64, (300, 2), dtype=np.uint64)
    hashes[200:] = hashes[:100] ^ (np.uint64(1) << generator.integers(0, 64, (100, 2), dtype=np.uint64))  # 2 bits
    bits = np.bitwise_count(hashes[:, None] ^ hashes).sum(axis=2)
    expected = {(int(i), int(j), int(bits[i, j])) for i, j in np.argwhere(bits <= 40) if i < j}
    assert {tuple(map(int, pair)) for pair in look_alikes(hashes, 40)} == expected
    assert len(look_alikes(hashes, 2)) == 100
    assert len(look_alikes(hashes, 1)) == 0


def test_a_thousand_equal_pictures_make_as_few_pairs_as_connect_them() -> None:
    hashes = np.zeros((1000, 2), np.uint64)
    pairs = look_alikes(hashes, 10)
    assert len(pairs) == 999
    assert (connect(1000, pairs[:, :2]) == 0).all()


def test_names_of_copies_belong_together() -> None:
    names = ["afw/AFW_134212_1_0.jpg", "AFW_134212_1_17.jpg", "AFW_134212_2_0.jpg", "ytf_00001.jpg", "ytf_00002.jpg"]
    assert same_names(names).tolist() == [[0, 1]]
    assert same_names(names, r"(ytf)_\d+").tolist() == [[3, 4]]
    for wrong in ("(", "ytf"):
        with pytest.raises(InputError, match="expected a"):
            same_names(names, wrong)


def test_a_split_never_parts_a_group_and_repeats() -> None:
    groups = np.random.default_rng(1).integers(0, 300, 1000)
    chosen = split_by_group(groups, 0.2, seed=3)
    assert not set(groups[chosen]) & set(groups[~chosen])
    assert 190 <= chosen.sum() <= 200
    np.testing.assert_array_equal(chosen, split_by_group(groups, 0.2, seed=3))
    assert (chosen != split_by_group(groups, 0.2, seed=4)).any()


def test_one_large_group_stays_in_training() -> None:
    chosen = split_by_group(np.array([0] * 90 + [1] * 10), 0.2, seed=0)
    np.testing.assert_array_equal(chosen, [False] * 90 + [True] * 10)
    with pytest.raises(InputError, match="two groups"):
        split_by_group(np.zeros(5, int), 0.2, seed=0)
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match="share"):
            split_by_group(np.arange(5), share, seed=0)


def test_of_copies_the_training_one_goes() -> None:
    folder, groups = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 0, 2])
    np.testing.assert_array_equal(redundant(folder, groups), [True, False, True, False, False])


def test_of_copies_the_one_with_a_label_stays() -> None:
    folder, groups, usable = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 0, 2]), np.array([1, 0, 1, 0, 1], bool)
    np.testing.assert_array_equal(redundant(folder, groups, usable), [True, True, False, False, False])


def test_broken_pictures_are_named_and_left_out(tmp_path: Path) -> None:
    write_faces(tmp_path, 3)
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    pictures = read_pictures([Folder(tmp_path)])
    assert pictures.hashes.shape == (3, 2)
    assert [path.name for path, _ in pictures.broken] == ["cut.jpg"]
    assert 64 * pictures.hashes.shape[1] == BITS


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        read_pictures([Folder(tmp_path)])
