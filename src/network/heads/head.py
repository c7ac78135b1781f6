"""The interface of all heads: the rest of the project uses nothing else of one."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn


class Head(nn.Module):
    """Feature maps -> raw output -> points_input (B, K, 2), in the input frame.

    Heads that are trained on maps also have `encode(points_input) -> target`. Where another network can imitate the
    maps there is `divergence(raw, the other's raw) -> (B,)`; a `covariance(raw) -> (B, K, 3)` serves the losses of
    `criteria`.
    """

    options: ClassVar[frozenset[str]] = frozenset()  # fields of ModelConfig that its constructor takes
    any_size: ClassVar[bool] = False  # whether it also reads and learns from inputs of another size than `input_size`
    # The modules that say where points lie in the features; another convention has its own weights of them.
    last_layers: ClassVar[tuple[str, ...]] = ()
    criteria: ClassVar[frozenset[str]] = frozenset()  # losses beyond those of points (src/network/losses.py)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: the backbone's, strides 4 to 32. Returns the raw output."""
        raise NotImplementedError

    def decode(self, raw: Tensor) -> Tensor:
        """Raw output -> points_input (B, K, 2)."""
        raise NotImplementedError

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Callable[..., Tensor]) -> Tensor:
        """One value a face (B,)."""
        raise NotImplementedError
