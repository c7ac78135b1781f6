"""Smoothing of a moving point: strong while it rests, little while it moves.

The one-euro filter (Casiez et al., "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", 2012).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Smoothing:
    """Settings of the one-euro filter for points in shares of the crop's side."""

    min_cutoff: float = 1.0  # Hz, of a resting point: lower rests more quietly
    speed_factor: float = 30.0  # Hz per (crop side / s), the paper's beta: higher lags less behind movement
    speed_cutoff: float = 1.0  # Hz, of the speed's own low-pass; the paper's value


class OneEuroFilter:
    """Smooths an array of coordinates, each by itself. The first value passes unchanged."""

    def __init__(self, smoothing: Smoothing) -> None:
        self.smoothing = smoothing
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def __call__(self, value: np.ndarray, seconds: float) -> np.ndarray:
        """The smoothed value, `seconds` (> 0) after the one before. All calls take the same shape."""
        if self._value is None:
            self._value, self._speed = value, np.zeros_like(value)
            return value
        if not seconds > 0:
            raise ValueError(f"expected time to go on between two values, found {seconds} s")
        speed = (value - self._value) / seconds
        self._speed = _low_pass(self._speed, speed, self.smoothing.speed_cutoff, seconds)
        cutoff = self.smoothing.min_cutoff + self.smoothing.speed_factor * np.abs(self._speed)
        self._value = _low_pass(self._value, value, cutoff, seconds)
        return self._value


def _low_pass(old: np.ndarray, new: np.ndarray, cutoff: float | np.ndarray, seconds: float) -> np.ndarray:
    """Exponential smoothing of a first-order low-pass filter with its cutoff in Hz."""
    weight = 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))
    return old + weight * (new - old)
