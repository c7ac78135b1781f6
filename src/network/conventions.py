"""Conventions: several annotation schemes in one model file.

Data sets place the 68 points differently: AFLW2000-3D marks a 3D jaw line including its hidden side, while 300-W
follows the visible outline. Both can be read from the same features, so each further convention is a second set of
weights for the head's last layers (`Head.last_layers`), stored next to the model's own:

    "conventions": {"300w": {"features": digest of all other weights, "weights": {name: float32}, "nme": percent}}

Training changes the features, so whatever trains, prunes or averages a model drops its conventions, and the digest
reveals any that were kept by mistake. `src.training.convention` fits them.
"""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from src.config import ModelConfig
from src.errors import InputError
from src.network import profiling

FIT = "fit it with python3 -m src.training.convention"
_LONGEST = 40  # characters of a name
_MOST = 20


def known(content: Mapping) -> list[str]:
    """The conventions of a loaded model file (`src.network.checkpoint.load`), its own first."""
    return [content["model"].get("convention", ModelConfig.convention), *content.get("conventions", {})]


def choose(content: dict, name: str | None) -> dict:
    """A loaded model file's content with the weights of the convention `name` in place; None is the model's own.

    Raises InputError if the file lacks that convention, or if it was fitted to other features.
    """
    own, *others = known(content)
    if name in (None, own):
        return content
    if name not in others:
        raise InputError(f"expected one of its conventions, {', '.join([own, *others])}, found {name!r:.60}; or {FIT}")
    entry = content["conventions"][name]
    if entry["features"] != _digest(content["weights"], entry["weights"]):
        raise InputError(f"expected the features that the convention {name} was fitted to, found others; {FIT}")
    model, weights = content["model"] | {"convention": name}, content["weights"] | entry["weights"]
    return content | {"model": model, "weights": weights, "nme": entry["nme"]}


def add(content: dict, name: str, weights: Mapping[str, Tensor], *, nme: float) -> dict:
    """A model file's content with a further convention, which replaces any of the same name.

    weights: of the head's last layers, by their names in the model. nme: percent, on faces of that convention. Raises
    InputError for the name of the model's own convention and for weights that do not fit the model.
    """
    own = known(content)[0]
    if name == own:
        raise InputError(f"expected another name than that of the model's own convention, found {name}")
    kept = {key: value.detach().cpu().float().clone() for key, value in weights.items()}
    entry = {"features": _digest(content["weights"], kept), "weights": kept, "nme": float(nme)}
    result = content | {"conventions": content.get("conventions", {}) | {name: entry}}
    check(result)
    return result


def check(content: dict) -> None:
    """Raise InputError for malformed conventions, and for weights that are not finite or do not fit the model's."""
    conventions = content.get("conventions", {})
    if not isinstance(conventions, dict) or len(conventions) > _MOST:
        raise InputError(f"expected conventions as a dictionary of at most {_MOST}, found {conventions!r:.60}")
    for name, entry in conventions.items():
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST:
            raise InputError(f"expected a convention's name of 1 to {_LONGEST} letters, found {name!r:.60}")
        if not isinstance(entry, dict) or entry.keys() != {"features", "weights", "nme"}:
            raise InputError(f"convention {name}: expected features, weights and nme, found {entry!r:.60}")
        if not isinstance(entry["features"], str) or not isinstance(entry["nme"], float):
            raise InputError(f"convention {name}: expected features as text and nme as a number")
        _check_weights(name, entry["weights"], content["weights"])


def print_left_out(content: dict | None) -> None:
    """Print which conventions of a loaded model file are dropped because its features change."""
    if content and content.get("conventions"):
        print(f"left out, as the features change: the convention {', '.join(content['conventions'])}; {FIT}")


def megabytes(content: dict) -> float:
    """10^6 bytes of all conventions but the model's own."""
    entries = content.get("conventions", {}).values()
    return profiling.megabytes(value for entry in entries for value in entry["weights"].values())


def _check_weights(name: str, weights: object, own: Mapping[str, Tensor]) -> None:
    if not isinstance(weights, dict) or not weights or not weights.keys() <= own.keys():
        raise InputError(f"convention {name}: expected weights of the model's layers, found {weights!r:.60}")
    for key, value in weights.items():
        if not isinstance(value, Tensor) or value.dtype != torch.float32 or not _is_plain(value):
            raise InputError(f"convention {name}: expected {key} as a plain tensor in float32, found another")
        if value.shape != own[key].shape:
            raise InputError(
                f"convention {name}: expected {key} of shape {tuple(own[key].shape)}, found {tuple(value.shape)}"
            )
        if not torch.isfinite(value).all():
            raise InputError(f"convention {name}: expected finite weights, found NaN or infinity in {key}")


def _is_plain(value: Tensor) -> bool:
    """Whether every element is stored, not one element expanded to many."""
    return value.layout == torch.strided and value.is_contiguous()


def _digest(weights: Mapping[str, Tensor], replaced: Mapping[str, Tensor]) -> str:
    """SHA-256 of the weights that a convention does not replace."""
    digest = hashlib.sha256()
    for name in sorted(weights.keys() - replaced.keys()):
        digest.update(name.encode())
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy().tobytes())  # NumPy has no bfloat16
    return digest.hexdigest()
