"""What tests/test_files.py runs: processes that save checkpoints for ever, and are killed at random moments."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from src.network import checkpoint


def save_for_ever(path: Path, begun: int) -> None:
    """Save checkpoint after checkpoint; all numbers of one are the same. `begun`: a pipe that hears of each."""
    for i in range(1_000_000):
        weights = {"a": torch.full((200_000,), float(i)), "b": torch.tensor(float(i))}
        checkpoint.save(path, {"format": checkpoint.FORMAT, "model": {}, "weights": weights})
        os.write(begun, b".")


def main(path: Path, kills: int) -> None:
    """Say `whole` for every kill after which the checkpoint loads and is one that was saved."""
    moments = random.Random(0)
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            save_for_ever(path, writing)
        os.read(reading, 1)
        time.sleep(moments.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
        weights = checkpoint.load(path)["weights"]
        print("whole" if (weights["a"] == weights["b"]).all() else "mixed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
