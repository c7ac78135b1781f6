"""Several processes that train one network by PyTorch's DDP: gloo on CPUs, NCCL on GPUs.

They are those of `torchrun --nproc_per_node=N train.py`, or of `src.training.processes`.
"""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist

from src.errors import InputError

_BACKEND_DEVICE = {"gloo": "cpu", "nccl": "cuda"}  # where the tensors of each backend live


@dataclass(frozen=True)
class World:
    """This process's place among all processes; a single process is rank 0 of 1."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def local_device(self, device: torch.device) -> torch.device:
        """This process's device: with several processes on CUDA, each has the GPU of its local rank."""
        return torch.device("cuda", self.local_rank) if self.size > 1 and device.type == "cuda" else device

    def all_reduce_max(self, values: list[float]) -> list[float]:
        """The maximum of each value over all processes, the same in each of them."""
        if self.size == 1:
            return values
        tensor = torch.tensor(
            values, dtype=torch.float64, device=self.local_device(torch.device(_BACKEND_DEVICE[dist.get_backend()]))
        )
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return tensor.tolist()

    def wait(self) -> None:
        """Wait until every process has reached this call."""
        if self.size > 1:
            dist.barrier()


def join_world(device: str) -> World:
    """Join the processes that torchrun started, if it did."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    world = World(int(os.environ["RANK"]), size, int(os.environ["LOCAL_RANK"]))
    if device.startswith("cuda"):
        _check_gpus(int(os.environ.get("LOCAL_WORLD_SIZE", size)))
        torch.cuda.set_device(world.local_rank)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return world


def _check_gpus(processes: int) -> None:
    if processes > torch.cuda.device_count():
        raise InputError(
            f"expected at most one process per GPU, found {processes} processes and {torch.cuda.device_count()} GPUs; "
            "start fewer, or take the CPU"
        )


def leave_world(world: World) -> None:
    if world.size > 1:
        dist.destroy_process_group()
