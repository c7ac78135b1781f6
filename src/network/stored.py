"""Configurations read from files, checked for type and range before anything is built from them."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TypeVar

from src.config import AugmentationConfig, ModelConfig, TrainingConfig, from_dict
from src.errors import InputError

Config = TypeVar("Config", ModelConfig, TrainingConfig)
_MOST = 2.0**32  # of any number; no field needs one below 0 or above this
_LONGEST = 4096  # characters of a name or path
_LEAST_SIDE, _MOST_SIDE = 0.05, 4.0  # of a crop or a framed face, as a share of the picture
_DEGREES, _MOST_DEGREES = ("rotation", "hue"), 360.0  # of an augmentation
_MOST_OF_RANGES = 10.0  # of its other ranges and probabilities
_SMALLEST_INPUT, _LARGEST_INPUT = 64, 512  # pixels per side
_MOST_TOLD, _LONGEST_VALUE = 3, 30  # entries in an error, and characters of one


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
        check_input_size(config.input_size)
        check_framing(config)
        if not all(type(width) is int for width in config.widths):
            raise InputError(f"expected widths as whole numbers, found {config.widths!r:.60}")
    else:
        _check_training(config)
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
    return type(value) in (int, float) and 0 <= value <= _MOST  # NaN is not


def _check_training(config: TrainingConfig) -> None:
    if config.batch_size < 1:
        raise InputError(f"expected batch_size of at least 1, found {config.batch_size}")
    for name, value in vars(config.augmentation).items():
        most = _MOST_DEGREES if name in _DEGREES else _MOST_OF_RANGES
        if value > most:
            raise InputError(f"expected {name} of the augmentation of at most {most:g}, found {value:g}")


def check_input_size(pixels: int) -> None:
    """Raise InputError for a size of the input that no network has."""
    if not _SMALLEST_INPUT <= pixels <= _LARGEST_INPUT:
        raise InputError(f"expected an input size of {_SMALLEST_INPUT} to {_LARGEST_INPUT} pixels, found {pixels}")


def check_framing(config: ModelConfig) -> None:
    """Raise InputError unless the crop is a part of the picture and the second look's face a part of its square."""
    if len(config.crop) != 3 or not _is_framed(*config.crop):
        raise InputError(
            f"expected crop as a center in [0, 1] and a side from {_LEAST_SIDE} to {_MOST_SIDE}, found {config.crop}"
        )
    look = config.second_look
    if len(look) != 4 or not (_is_framed(*look[:3]) and 0 <= look[3] <= 1):
        raise InputError(
            f"expected second_look as a center in [0, 1], a size from {_LEAST_SIDE} to {_MOST_SIDE} and a weight in "
            f"[0, 1], found {look}"
        )


def _is_framed(x: float, y: float, side: float) -> bool:
    return 0 <= x <= 1 and 0 <= y <= 1 and _LEAST_SIDE <= side <= _MOST_SIDE


def differences(expected: ModelConfig, found: ModelConfig, names: Iterable[str]) -> str:
    """Those of some entries in which two configurations differ, in words; "" if they agree."""
    triples = [(name, getattr(expected, name), getattr(found, name)) for name in names]
    words = [f"{name} {_short(new)} in place of {_short(old)}" for name, old, new in triples if old != new]
    more = len(words) - _MOST_TOLD
    return ", ".join(words[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
