"""Training batches: every face once an epoch, an order that can be continued, shares of sources, several processes."""

import threading

import numpy as np
import pytest
import torch

from src.datasets.loader import TrainingBatches
from src.datasets.prepared import PreparedFaces
from src.errors import InputError

CPU = torch.device("cpu")


def _faces(count: int = 20, sources: int = 2) -> PreparedFaces:
    """Face i has every pixel, coordinate and angle i; the first fifth is of source 0."""
    ids = np.arange(count)
    return PreparedFaces(
        images=np.broadcast_to(ids.astype(np.uint8)[:, None, None, None], (count, 4, 4, 3)).copy(),
        points_unit=np.broadcast_to(ids.astype(np.float32)[:, None, None], (count, 68, 2)).copy(),
        affine=np.zeros((count, 2, 3)),
        size=np.full((count, 2), 4),
        euler=np.broadcast_to(ids.astype(np.float32)[:, None], (count, 3)).copy(),
        names=np.array([f"{i}.png" for i in ids]),
        source=(ids >= count // 5).astype(np.int16) * (sources - 1),
        source_names=np.array(["one", "two"][:sources]),
    )


def _batches(count: int = 20, *, batch_size: int = 4, seed: int = 0, **options: object) -> TrainingBatches:
    return TrainingBatches(_faces(count), batch_size=batch_size, seed=seed, device=CPU, **options)


def _ids(batches: TrainingBatches, epoch: int = 0, first: int = 0) -> list[list[int]]:
    return [squares[:, 0, 0, 0].tolist() for squares, _, _ in batches.epoch(epoch, first)]


def _flat(batches: list[list[int]]) -> list[int]:
    return [face for batch in batches for face in batch]


def test_pictures_points_and_angles_belong_to_the_same_face() -> None:
    for squares, points_unit, euler in _batches().epoch(0):
        assert squares.dtype == torch.uint8
        assert squares.shape == (4, 4, 4, 3)
        face = squares[:, 0, 0, 0].float()
        assert torch.equal(points_unit, face[:, None, None].expand(4, 68, 2))
        assert torch.equal(euler, face[:, None].expand(4, 3))


def test_an_epoch_holds_every_face_once() -> None:
    assert sorted(_flat(_ids(_batches()))) == list(range(20))


def test_an_incomplete_last_batch_is_left_out() -> None:
    batches = _batches(22)
    assert len(batches) == len(_ids(batches)) == 5


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert _ids(_batches(), 1) == _ids(_batches(), 1)
    assert _ids(_batches(), 0) != _ids(_batches(), 1)
    assert _ids(_batches(seed=1)) != _ids(_batches(seed=2))


@pytest.mark.parametrize("first", [0, 1, 3, 5])
def test_an_epoch_can_be_continued_at_any_batch(first: int) -> None:
    assert _ids(_batches(), 2, first) == _ids(_batches(), 2)[first:]


def test_an_epoch_left_early_leaves_no_thread() -> None:
    before = threading.active_count()
    batches = _batches().epoch(0)
    next(batches)
    assert threading.active_count() == before + 1
    batches.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_an_epoch_without_overlap(world_size: int) -> None:
    parts = [_ids(_batches(24, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert {len(part) for part in parts} == {24 // 4 // world_size}
    assert sorted(_flat(_flat(parts))) == list(range(24))


def test_two_processes_see_together_what_one_with_twice_the_batch_sees() -> None:
    one = _ids(_batches(24, batch_size=8))
    two = [_ids(_batches(24, batch_size=4, rank=rank, world_size=2)) for rank in range(2)]
    assert one == [first + second for first, second in zip(*two, strict=True)]


@pytest.mark.parametrize(
    ("weights", "share"), [((1.0, 1.0), 0.5), ((3.0, 1.0), 0.75), ((0.0, 1.0), 0.0), ((1.0, 0.0), 1)]
)
def test_sources_have_their_shares(weights: tuple[float, float], share: float) -> None:
    faces = np.array(_flat(_ids(_batches(40, source_weights=weights))))
    assert len(faces) == 40
    assert (faces < 8).mean() == pytest.approx(share)


def test_shares_are_told_in_the_order_of_the_sources() -> None:
    assert _batches(40, source_weights=(3.0, 1.0)).describe_shares() == "one 75 %, two 25 %"


def test_a_repeated_source_repeats_its_faces_equally() -> None:
    faces = np.array(_flat(_ids(_batches(40, source_weights=(1.0, 1.0)))))
    counts = np.bincount(faces, minlength=40)
    assert set(counts[:8]) == {2, 3}
    assert set(counts[8:]) == {0, 1}


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0, 1.0)])
def test_another_number_of_weights_than_sources_is_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="one source weight for each of one, two"):
        _batches(source_weights=weights)


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(InputError, match="above 0"):
        _batches(source_weights=(0.0, 0.0))


def test_fewer_faces_than_a_batch_are_refused() -> None:
    with pytest.raises(InputError, match="4 x 2 faces, found 7; lower train_batchsize"):
        _batches(7, rank=1, world_size=2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: the pictures lie on it")
def test_a_gpu_that_holds_the_pictures_gives_the_same_batches() -> None:
    cuda = TrainingBatches(_faces(), batch_size=4, seed=0, device=torch.device("cuda"))
    assert cuda.resident is not None
    for (squares, points, euler), (other_squares, other_points, other_euler) in zip(
        cuda.epoch(0), _batches().epoch(0), strict=True
    ):
        assert squares.is_cuda
        assert torch.equal(squares.cpu(), other_squares)
        assert torch.equal(points.cpu(), other_points)
        assert torch.equal(euler.cpu(), other_euler)
