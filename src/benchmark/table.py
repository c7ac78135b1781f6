"""The rows of `make bench`, and their table as text and CSV."""

import csv
import io
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import PIL
import torch
import torchvision

from src.errors import needed
from src.parallel import count_cores

_COLUMNS = ("measurement", "unit", "ours", "min", "max", "baseline", "baseline_min", "baseline_max", "ratio", "bar")
HEADER = (*_COLUMNS, "met")


@dataclass(frozen=True)
class Row:
    """One measurement: a value per turn in `unit`, the baseline's values if there is one, and the bar to meet."""

    name: str
    unit: str
    ours: list[float]
    baseline: list[float] | None = None
    least_ratio: float | None = None  # bar on `ratio`
    least: float | None = None  # bar on our median, from below
    most: float | None = None  # bar on our median, from above

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the baseline: for rates ours / baseline, for times baseline / ours."""
        if self.baseline is None:
            return None
        quotient = median(self.ours) / median(self.baseline)
        return quotient if self.unit.endswith("/s") else 1 / quotient

    @property
    def bar(self) -> str:
        """The bar as text; empty if there is none."""
        if self.least_ratio is not None:
            return f"ratio >= {self.least_ratio:g}"
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}"

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None if there is none."""
        if self.least_ratio is not None:
            return self.ratio >= self.least_ratio
        if self.least is not None:
            return median(self.ours) >= self.least
        return None if self.most is None else median(self.ours) <= self.most

    def cells(self) -> tuple[str, ...]:
        """The row's cells as text, in the order of HEADER."""
        met = {None: "", True: "yes", False: "NO"}[self.met]
        ratio = "" if self.ratio is None else f"{self.ratio:.1f}"
        return self.name, self.unit, *_spread(self.ours), *_spread(self.baseline), ratio, self.bar, met


def as_text(rows: list[Row]) -> str:
    """The table for a terminal."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def as_csv(rows: list[Row]) -> str:
    """The table for a file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([HEADER, *(row.cells() for row in rows)])
    return buffer.getvalue()


def machine() -> str:
    """The machine and the versions that a table was made with, in one line."""
    modules = (torch, torchvision, needed("onnxruntime"), np, PIL)
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in modules)
    return (
        f"{_processor()}, {count_cores()} cores, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {versions}"
    )


def _spread(values: list[float] | None) -> tuple[str, str, str]:
    """Median, smallest and largest."""
    return tuple(f"{value:.4g}" for value in (median(values), min(values), max(values))) if values else ("", "", "")


def _processor() -> str:
    """The processor's name: from a file on Linux, from Python elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
