"""The interface of all heads, the only part of a head that the rest of the project uses."""

from typing import ClassVar

from torch import Tensor, nn

from src.network.losses import Criterion


class Head(nn.Module):
    """Feature maps -> raw output -> points_input (B, K, 2), in the input frame.

    Heads that are trained on maps also have `encode(points_input) -> target`. Heads whose maps can be distilled have
    `divergence(raw, the other's raw) -> (B,)`, and those with `criteria` have `covariance(raw) -> (B, K, 3)`.
    """

    options: ClassVar[frozenset[str]] = frozenset()  # fields of ModelConfig that its constructor takes
    any_size: ClassVar[bool] = False  # whether it also accepts inputs of another size than `input_size`
    # The modules that turn features into points; each further convention has its own weights for them.
    last_layers: ClassVar[tuple[str, ...]] = ()
    criteria: ClassVar[frozenset[str]] = frozenset()  # names from MAP_CRITERIA (src/network/losses.py) that it supports

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: the backbone's, strides 4 to 32. Returns the raw output."""
        raise NotImplementedError

    def decode(self, raw: Tensor) -> Tensor:
        """Raw output -> points_input (B, K, 2)."""
        raise NotImplementedError

    def loss(self, raw: Tensor, points_input: Tensor, criterion: Criterion) -> Tensor:
        """One value per face (B,), in percent of the input's side. criterion: from `src.network.losses`."""
        raise NotImplementedError
