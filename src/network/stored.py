"""Configurations read from files, checked for type and range before anything is built from them."""

import math
from dataclasses import fields
from typing import TypeVar

from src.config import AugmentationConfig, ModelConfig, TrainingConfig, from_dict
from src.errors import InputError

Config = TypeVar("Config", ModelConfig, TrainingConfig)
_MOST = 2.0**32  # of any number; no field needs one below 0 or above this
_LONGEST = 4096  # characters of a name or path
_LEAST_SIDE, _MOST_SIDE = 0.05, 4.0  # of a crop, as a share of the picture


def read_config(cls: type[Config], values: object) -> Config:
    """`src.config.from_dict` for untrusted values. Raises InputError for a wrong name, type or range."""
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise InputError(f"expected the {cls.__name__} as a dictionary, found {type(values).__name__}")
    try:
        config = from_dict(cls, values)
    except TypeError:
        raise InputError(f"expected the {cls.__name__} as a dictionary of names and plain values") from None
    _check_fields(config, cls())
    if isinstance(config, ModelConfig):
        check_crop(config.crop)
    return config


def _check_fields(config: object, example: object) -> None:
    for field in fields(example):
        value, usual = getattr(config, field.name), getattr(example, field.name)
        if isinstance(usual, AugmentationConfig) and isinstance(value, AugmentationConfig):
            _check_fields(value, usual)
        elif not _is_like(value, usual):
            kind = "a path or None" if usual is None else type(usual).__name__
            raise InputError(f"expected {field.name} as a {kind} in its range, found {value!r:.60}")


def _is_like(value: object, usual: object) -> bool:
    """Whether a value has the default value's type and lies in the range common to all fields of that type."""
    if isinstance(usual, bool):
        return isinstance(value, bool)
    if isinstance(usual, str) or usual is None:
        return (isinstance(value, str) and len(value) <= _LONGEST) or (usual is None and value is None)
    if isinstance(usual, tuple):
        return isinstance(value, tuple) and all(_is_number(entry) for entry in value)
    return _is_number(value) and (isinstance(usual, float) or isinstance(value, int))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _MOST


def check_crop(crop: tuple[float, ...]) -> None:
    """Raise InputError unless these are the center and the side of a part of the picture (`ModelConfig.crop`)."""
    if len(crop) != 3 or not (max(crop[:2]) <= 1 and _LEAST_SIDE <= crop[2] <= _MOST_SIDE):
        raise InputError(
            f"expected crop as a center in [0, 1] and a side from {_LEAST_SIDE} to {_MOST_SIDE}, found {crop}"
        )
