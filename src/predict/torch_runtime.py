"""The PyTorch runtime, for checkpoints and for networks in memory."""

import contextlib
from pathlib import Path

import numpy as np
import torch

from src.network.checkpoint import load_model
from src.network.devices import choose_device, thread_limit
from src.network.folding import fold_normalizations
from src.network.model import LandmarkNet
from src.predict.inference import predict_unit


class TorchRuntime:
    """A network as a runtime; sets it to evaluation mode. threads: of PyTorch; None keeps the process's own setting."""

    def __init__(self, model: LandmarkNet, *, threads: int | None = None) -> None:
        self.model, self.threads = model.eval(), threads
        self.config, self.device = model.config, next(model.parameters()).device

    def predict_unit(self, squares: np.ndarray) -> np.ndarray:
        """squares (B, S, S, 3) uint8 RGB -> points_unit (B, 68, 2) float64."""
        with _limit(self.threads):
            return predict_unit(self.model, torch.from_numpy(squares).to(self.device))


def open_checkpoint(path: Path, *, threads: int | None, device: str, convention: str | None) -> TorchRuntime:
    """Open a model file. Raises InputError as `load_model` does, and for a missing device."""
    with _limit(threads):  # after a fork, PyTorch waits forever for further threads that its parent had
        model, _ = load_model(path, choose_device(device), convention=convention)
        fold_normalizations(model)  # saves a quarter of the network's time
    return TorchRuntime(model, threads=threads)


def _limit(threads: int | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if threads is None else thread_limit(threads)
