"""Training batches from a prepared set: kept on the GPU if they fit, else gathered from the memory map."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from src.datasets.prepared import PreparedFaces
from src.errors import InputError

_RESIDENT_SHARE = 0.5  # of the GPU's free memory that pictures may use; the network needs the rest

Batch = tuple[Tensor, Tensor, Tensor]  # squares (B, S, S, 3) uint8, points_unit (B, 68, 2), euler (B, 3) degrees


class TrainingBatches:
    """Shuffled batches; the order depends only on the seed and the epoch, so that a run can be resumed anywhere.

    source_weights: one share per source of the prepared set, by default the set's own `shares`; an epoch then holds
    that share of faces from each source, repeating or leaving out faces as needed. Each of `world_size` processes gets
    its own part of every epoch. Raises InputError for weights that do not fit the sources, and for fewer faces than one
    batch.
    """

    def __init__(
        self,
        faces: PreparedFaces,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        source_weights: tuple[float, ...] = (),
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        source_weights = source_weights or tuple(faces.shares)
        if source_weights and len(source_weights) != len(faces.source_names):
            raise InputError(
                f"expected one source weight for each of {', '.join(faces.source_names)}, found {len(source_weights)}"
            )
        absent = [name for i, name in enumerate(faces.source_names) if not (faces.source == i).any()]
        if source_weights and absent:
            raise InputError(f"expected faces of every weighted source, found none of {', '.join(absent)}")
        if source_weights and not sum(source_weights) > 0:
            raise InputError("expected at least one source weight above 0")
        if len(faces) < batch_size * world_size:
            raise InputError(
                f"expected at least one batch of {batch_size} x {world_size} faces, found {len(faces)}; "
                "lower train_batchsize"
            )
        self.faces, self.batch_size, self.seed, self.device = faces, batch_size, seed, device
        self.source_weights, self.rank, self.world_size = source_weights, rank, world_size
        self.points_unit = torch.from_numpy(faces.points_unit)
        self.euler = torch.from_numpy(faces.euler)
        self.resident = _to_device(faces.images, device)

    def __len__(self) -> int:
        """Batches per epoch and process."""
        return len(self.faces) // (self.batch_size * self.world_size)

    def describe_shares(self) -> str:
        """The share of each weighted source in an epoch, in words."""
        pairs = zip(self.faces.source_names, self.source_weights, strict=True)
        return ", ".join(f"{name} {100 * weight / sum(self.source_weights):.3g} %" for name, weight in pairs)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from batch `first` on; each is gathered while the previous one is in use."""
        order = self._order(epoch)
        with ThreadPoolExecutor(1) as pool:
            pending = None
            for index in range(first, len(self)):
                start = (index * self.world_size + self.rank) * self.batch_size
                upcoming = pool.submit(self._gather, order[start : start + self.batch_size])
                if pending is not None:
                    yield pending.result()
                pending = upcoming
            if pending is not None:
                yield pending.result()

    def _order(self, epoch: int) -> np.ndarray:
        generator = np.random.default_rng((self.seed, epoch))
        count = len(self.faces)
        if not self.source_weights:
            return generator.permutation(count)
        shares = np.array(self.source_weights) / sum(self.source_weights)
        parts = []
        for source, share in enumerate(shares):
            members = np.flatnonzero(self.faces.source == source)
            wanted = round(share * count)
            rounds = -(-wanted // len(members))
            parts.append(np.concatenate([generator.permutation(members) for _ in range(rounds)] or [members])[:wanted])
        order = generator.permutation(np.concatenate(parts))
        return np.resize(order, count)  # rounding of the shares may leave a few faces too few or too many

    def _gather(self, indices: np.ndarray) -> Batch:
        if self.resident is not None:
            squares = self.resident[torch.from_numpy(indices).to(self.device)]
        else:
            squares = torch.from_numpy(self.faces.images[indices])
            if self.device.type == "cuda":
                squares = squares.pin_memory().to(self.device, non_blocking=True)
        return squares, self.points_unit[indices].to(self.device), self.euler[indices].to(self.device)


def _to_device(images: np.ndarray, device: torch.device) -> Tensor | None:
    """All pictures on the GPU if they fit, else None. On the CPU the memory map is already the right place."""
    if device.type != "cuda" or images.nbytes > _RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return None
    resident = torch.empty(images.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(images), 4096):
        resident[start : start + 4096] = torch.from_numpy(np.array(images[start : start + 4096])).to(device)
    return resident
